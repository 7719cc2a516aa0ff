//! What the table knows of one setting.

use std::{borrow::Cow, ops::RangeInclusive, time::Duration};

use humantime::format_duration;

/// One setting. Everything that is said or checked about it is derived from this.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) key: &'static str,
    pub(super) kind: Kind,
    /// What holds where nobody sets it.
    pub(super) unset: Unset,
    /// One sentence for people.
    pub(super) about: &'static str,
    /// Variables besides the one that its key makes; the later wins.
    pub(super) variables: &'static [&'static str],
    /// Keys that it had before, which are accepted.
    pub(super) former: &'static [&'static str],
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Duration {
        least: Duration,
        most: Duration,
        at_speed: AtSpeed,
    },
    Count {
        least: u32,
        most: u32,
    },
    /// A number for each minute, which a faster cloud multiplies.
    PerMinute {
        least: u32,
        most: u32,
    },
    /// From 0 to 1.
    Share,
    /// `least` is 0 where the system may choose one.
    Port {
        least: u16,
    },
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A number of members, a share of them, or both.
    Members,
    /// The same, with shares beyond the whole.
    Step,
    /// Steps by the value of an alert.
    Severity,
    /// A list of rows.
    Schedule,
    /// A list of tables of settings.
    Pools,
    IpAddress,
    /// Names of hosts, with commas between them.
    Hosts,
    Header,
    Endpoint,
    /// Where a link leads.
    Page,
    /// Not secret, but where people put the secret by mistake.
    ApiKey,
    /// The name of what the text is, here and below.
    Id(&'static str),
    Text(&'static str),
    Path(&'static str),
    /// Never shown.
    Secret(&'static str),
    Table,
}

/// What a cloud that is faster than Exoscale does to a time.
#[derive(Clone, Copy, Debug)]
pub(super) enum AtSpeed {
    Divided,
    /// With the reason, as the end of a sentence.
    NotScaled(&'static str),
}

/// What holds where nobody sets a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unset {
    Text(&'static str),
    Share(f64),
    Port(u16),
    /// Nothing; the program does without.
    Optional,
    /// What other settings make of it, in words.
    Otherwise(&'static str),
    /// Nothing; the program does not start.
    Required,
}

pub(super) const fn setting(
    key: &'static str,
    kind: Kind,
    unset: Unset,
    about: &'static str,
) -> Setting {
    Setting {
        key,
        kind,
        unset,
        about,
        variables: &[],
        former: &[],
    }
}

impl Setting {
    pub(super) const fn variables(self, variables: &'static [&'static str]) -> Self {
        Self { variables, ..self }
    }

    pub(super) const fn formerly(self, former: &'static [&'static str]) -> Self {
        Self { former, ..self }
    }

    /// A secret that need not be set. Given without a text it is a mistake, never the same as not
    /// given: whoever gave it does not want to be open to everyone.
    pub(super) fn is_optional_secret(&self) -> bool {
        matches!((self.kind, self.unset), (Kind::Secret(_), Unset::Optional))
    }

    /// Its key and the keys that it had.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        [self.key].into_iter().chain(self.former.iter().copied())
    }

    /// All variables that set it, the strongest first.
    pub(super) fn all_variables(&self) -> impl Iterator<Item = Cow<'static, str>> + use<> {
        let own = self.key.to_uppercase().replace('.', "__");
        let own = match self.kind {
            Kind::Table => format!("AUTOSCALER_{own}__NAME"),
            _ => format!("AUTOSCALER_{own}"),
        };
        // Rows have no place in a variable.
        let own = (!matches!(self.kind, Kind::Schedule | Kind::Pools)).then(|| own.into());
        let others = self.variables.iter().rev().map(|name| (*name).into());
        own.into_iter().chain(others)
    }

    pub(super) fn default(&self) -> Option<Cow<'static, str>> {
        match self.unset {
            Unset::Text(text) => Some(text.into()),
            Unset::Share(share) => Some(share.to_string().into()),
            Unset::Port(port) => Some(port.to_string().into()),
            Unset::Optional | Unset::Otherwise(_) | Unset::Required => None,
        }
    }

    /// For people, beside or instead of the default.
    pub(super) fn unset_text(&self) -> String {
        match self.unset {
            Unset::Optional => "not set".to_owned(),
            Unset::Otherwise(what) => what.to_owned(),
            Unset::Required => "required".to_owned(),
            _ => self.default().unwrap_or_default().into_owned(),
        }
    }

    /// What to do where it is missing.
    pub(super) fn remedy(&self) -> String {
        let expected = self.kind.expected();
        match self.variables.last() {
            Some(variable) => format!("{expected}, or set {variable}"),
            None => expected.into_owned(),
        }
    }
}

impl Kind {
    /// What a value is and in which unit, for people.
    pub(super) fn text(&self) -> Cow<'static, str> {
        match self {
            Self::Duration { .. } => "duration, such as 60s or 5m".into(),
            Self::Count { .. } => "whole number".into(),
            Self::PerMinute { .. } => "whole number for each minute".into(),
            Self::Share => "share".into(),
            Self::Port { .. } => "port".into(),
            Self::Choice(words) => alternatives(words).into(),
            Self::Table => "table of names and texts".into(),
            Self::Secret(_) => "secret text".into(),
            Self::Members | Self::Step => {
                "number of members, a share of them, or the larger of both".into()
            }
            Self::Severity => "rows of a share and a step".into(),
            Self::Schedule => "rows in the file of settings".into(),
            Self::Pools => "tables in the file of settings".into(),
            _ => {
                let expected = self.expected();
                let bare = ["a ", "an ", "the "]
                    .iter()
                    .find_map(|article| expected.strip_prefix(article));
                bare.map_or_else(|| expected.clone(), |bare| bare.to_owned().into())
            }
        }
    }

    /// What a right value is, to follow "set it to" or "is not".
    pub(super) fn expected(&self) -> Cow<'static, str> {
        match self {
            Self::Duration { .. } => "a duration such as 60s".into(),
            Self::Count { least, most } | Self::PerMinute { least, most } => {
                format!("a whole number from {least} to {most}").into()
            }
            Self::Share => "a share from 0 to 1".into(),
            Self::Port { .. } => "a port".into(),
            Self::Flag => "`true` or `false`".into(),
            Self::Choice(words) => alternatives(words).into(),
            Self::Members | Self::Step => {
                "a number (3), a share (50%), or the larger of both (3 or 50%)".into()
            }
            Self::Severity => "rows such as `0.95: 150%`, or `none`".into(),
            Self::Schedule => "rows, each under [[schedule]] in the file of settings".into(),
            Self::Pools => "tables, each under [[pool]] in the file of settings".into(),
            Self::IpAddress => "an IP address".into(),
            Self::Hosts => "names of hosts without a port, with commas between them".into(),
            Self::Header => "the name of a header".into(),
            Self::Endpoint => "the URL of an API".into(),
            Self::Page => "the URL of a page".into(),
            Self::ApiKey => "the API key".into(),
            Self::Id(what) | Self::Text(what) | Self::Path(what) | Self::Secret(what) => {
                (*what).into()
            }
            Self::Table => "a table such as { team = \"web\" }".into(),
        }
    }

    /// The least and the most, for people.
    pub(super) fn bounds(&self) -> Option<String> {
        match self {
            Self::Duration { least, most, .. } => Some(format!(
                "{} to {}",
                format_duration(*least),
                format_duration(*most)
            )),
            Self::Count { least, most } | Self::PerMinute { least, most } => {
                Some(format!("{least} to {most}"))
            }
            Self::Share => Some("0 to 1".to_owned()),
            Self::Port { least } => Some(format!("{least} to {}", u16::MAX)),
            _ => None,
        }
    }

    /// What `--speed` does to it, for people; `None` for what has nothing to do with time.
    pub(super) fn at_speed_text(&self) -> Option<String> {
        match self {
            Self::Duration { at_speed, .. } => Some(match at_speed {
                AtSpeed::Divided => "divided".to_owned(),
                AtSpeed::NotScaled(why) => format!("unchanged, because {why}"),
            }),
            Self::PerMinute { .. } => Some("multiplied".to_owned()),
            _ => None,
        }
    }

    pub(super) fn time_range(&self) -> Option<RangeInclusive<Duration>> {
        match self {
            Self::Duration { least, most, .. } => Some(*least..=*most),
            _ => None,
        }
    }

    pub(super) fn count_range(&self) -> Option<RangeInclusive<u32>> {
        match self {
            Self::Count { least, most } | Self::PerMinute { least, most } => Some(*least..=*most),
            _ => None,
        }
    }
}

fn alternatives(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.concat(),
    }
}
