//! Reads single values, and collects every problem instead of ending at the first.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    num::NonZeroU32,
    str::FromStr,
    time::Duration,
};

use figment::value::Value;
use program::{error_chain::with_causes, time_text::time};
use serde::de::DeserializeOwned;

use super::{
    entry::{Entry, Problem, Problems, REDACTED, shown},
    merged::Merged,
    setting::{Kind, Setting, Unset},
    table::{self, TABLE},
};
use crate::config::Token;

/// What a setting of some kinds becomes.
pub(super) trait Readable: FromStr<Err: Display> {
    /// Whether a setting of this kind becomes one.
    fn fits(kind: &Kind) -> bool;
}

/// Reads values by key. To ask for a key that the table does not have, or for another kind of value
/// than it says, is a mistake of the program that the first use shows.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    merged: &'a Merged,
    /// The pool that it reads for, of several.
    pool: Option<OfPool<'a>>,
    asked: BTreeSet<&'static str>,
    entries: Vec<Entry>,
    problems: Vec<Problem>,
}

/// One of several pools, and the source of what is set for it alone.
#[derive(Clone, Copy, Debug)]
struct OfPool<'a> {
    name: &'a str,
    source: &'a str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(merged: &'a Merged) -> Self {
        Self {
            merged,
            pool: None,
            asked: BTreeSet::new(),
            entries: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// A reader for one pool of several: what `source` sets is told of as that pool's.
    pub(super) fn of_pool(merged: &'a Merged, name: &'a str, source: &'a str) -> Self {
        Self {
            pool: Some(OfPool { name, source }),
            ..Self::new(merged)
        }
    }

    /// Takes over what another reader found. What both found is told once.
    pub(super) fn absorb(&mut self, other: Reader<'_>) {
        self.asked.extend(other.asked);
        for entry in other.entries {
            if !self.entries.contains(&entry) {
                self.entries.push(entry);
            }
        }
        self.problems(other.problems);
    }

    /// Mistakes that were found elsewhere.
    pub(super) fn problems(&mut self, problems: impl IntoIterator<Item = Problem>) {
        for problem in problems {
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
    }

    /// The key as it is told to people: with the pool where it is set for that alone.
    fn told(&self, key: &str) -> String {
        match self.pool {
            Some(pool) if self.merged.is_from(key, pool.source) => {
                format!("pool.{}.{}", pool.name, shown(key))
            }
            _ => shown(key),
        }
    }

    /// The text of a value, unchecked.
    pub(super) fn raw(&self, key: &str) -> Option<String> {
        scalar(&self.merged.figment.find_value(key).ok()?)
    }

    /// A value that must be there.
    pub(super) fn required<T: Readable>(&mut self, key: &'static str) -> Option<T> {
        let setting = self.setting(key, T::fits);
        assert!(!matches!(setting.unset, Unset::Optional), "{key}");
        let text = self.must(setting)?;
        self.parsed(setting, &text)
    }

    /// A value that may be absent or empty.
    pub(super) fn optional<T: Readable>(&mut self, key: &'static str) -> Option<T> {
        let setting = self.setting(key, T::fits);
        let may_be_absent = matches!(setting.unset, Unset::Optional | Unset::Otherwise(_));
        assert!(may_be_absent, "{key}");
        let text = self.text(setting)?;
        self.parsed(setting, &text)
    }

    /// A length of time within its bounds, written with a unit.
    pub(super) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let setting = self.setting(key, |kind| kind.time_range().is_some());
        let range = setting.kind.time_range()?;
        let text = self.must(setting)?;
        time(&text, &range)
            .map_err(|error| {
                let (text, error) = (shown(&text), with_causes(&error));
                self.problem(key, format!("`{text}` is {error}"));
            })
            .ok()
    }

    /// A number within its bounds.
    pub(super) fn count(&mut self, key: &'static str) -> Option<NonZeroU32> {
        let setting = self.setting(key, |kind| kind.count_range().is_some());
        let range = setting.kind.count_range()?;
        let text = self.must(setting)?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let expected = setting.kind.expected();
            self.problem(key, format!("`{}` is not {expected}", shown(&text)));
        }
        number.and_then(NonZeroU32::new)
    }

    pub(super) fn setting(
        &mut self,
        key: &'static str,
        fits: impl Fn(&Kind) -> bool,
    ) -> &'static Setting {
        let setting = TABLE.iter().find(|setting| setting.key == key);
        let setting = setting.unwrap_or_else(|| panic!("{key} is not in the table of settings"));
        assert!(fits(&setting.kind), "{key} is of another kind");
        self.asked.insert(key);
        setting
    }

    pub(super) fn must(&mut self, setting: &'static Setting) -> Option<String> {
        let found = self.text(setting);
        let key = setting.key;
        let told = self.told(key);
        if found.is_none() && !self.problems.iter().any(|problem| problem.key == told) {
            self.problem(key, format!("is missing; set it to {}", setting.remedy()));
        }
        found
    }

    fn parsed<T: Readable>(&mut self, setting: &Setting, text: &str) -> Option<T> {
        let problem = |error: T::Err| match setting.kind {
            // Of what may be a secret the value is not repeated; of a word the error says it.
            Kind::Secret(_) | Kind::ApiKey | Kind::Endpoint | Kind::Page | Kind::Choice(_) => {
                error.to_string()
            }
            Kind::Members | Kind::Step | Kind::Severity => {
                format!("`{}`: {error}", shown(text))
            }
            kind => format!("`{}` is not {}: {error}", shown(text), kind.expected()),
        };
        text.parse()
            .map_err(|error| self.problem(setting.key, problem(error)))
            .ok()
    }

    /// A table of texts.
    pub(super) fn table(&mut self, key: &'static str) -> BTreeMap<String, String> {
        let setting = self.setting(key, |kind| matches!(kind, Kind::Table));
        let value = match self.merged.figment.find_value(key) {
            Ok(Value::Dict(_, dict)) => dict,
            Ok(_) => {
                self.problem(key, format!("is not {}", setting.kind.expected()));
                return BTreeMap::new();
            }
            Err(_) => return BTreeMap::new(),
        };
        let mut table = BTreeMap::new();
        for (name, value) in &value {
            if let Some(text) = scalar(value) {
                table.insert(name.clone(), text);
            } else {
                let message = format!("holds a list or a table under `{}`", shown(name));
                self.problem(key, format!("{message}; one value is expected"));
            }
        }
        self.entry(key, format!("{table:?}"));
        table
    }

    /// Rows, each of which is a table of its own.
    pub(super) fn rows<T: DeserializeOwned>(&mut self, key: &'static str) -> Vec<(String, T)> {
        let setting = self.setting(key, |kind| matches!(kind, Kind::Schedule | Kind::Pools));
        let values = match self.merged.figment.find_value(key) {
            Ok(Value::Array(_, values)) => values,
            Ok(_) => {
                self.problem(key, format!("is not {}", setting.kind.expected()));
                return Vec::new();
            }
            Err(_) => return Vec::new(),
        };
        let mut rows = Vec::new();
        for (place, value) in values.iter().enumerate() {
            let name = format!("{key} row {}", place + 1);
            match value.deserialize() {
                Ok(row) => rows.push((name, row)),
                Err(error) => self.problem_of(name, key, shown(&error.to_string())),
            }
        }
        let rows_or_tables = match setting.kind {
            Kind::Pools => "tables",
            _ => "rows",
        };
        self.entry(key, format!("{} {rows_or_tables}", values.len()));
        rows
    }

    /// A mistake in a part of the value of `key`.
    pub(super) fn problem_of(&mut self, part: String, key: &str, message: String) {
        self.problems.push(Problem {
            key: part,
            source: self.source(key),
            message,
        });
    }

    /// A mistake that shows only when several values are seen together.
    pub(super) fn problem(&mut self, key: &str, message: String) {
        self.problems.push(Problem {
            key: self.told(key),
            source: self.source(key),
            message,
        });
    }

    /// All entries, or all problems, unknown keys among them.
    pub(super) fn finish(mut self) -> Result<Vec<Entry>, Problems> {
        let mut keys = Vec::new();
        if let Ok(Value::Dict(_, dict)) = self.merged.figment.find_value("") {
            leaves(&Value::from(dict), "", &mut keys);
        }
        for key in keys {
            self.problem(&key, format!("unknown setting{}", table::hint(&key)));
        }
        if self.problems.is_empty() {
            Ok(self.entries)
        } else {
            Err(Problems(self.problems))
        }
    }

    fn text(&mut self, setting: &Setting) -> Option<String> {
        let key = setting.key;
        let value = self.merged.figment.find_value(key).ok()?;
        let Some(text) = scalar(&value) else {
            self.problem(
                key,
                "is a list or a table; one value is expected".to_owned(),
            );
            return None;
        };
        if text.is_empty() {
            if setting.is_optional_secret() {
                let expected = setting.kind.expected();
                self.problem(key, format!("is empty; set it to {expected}, or remove it"));
            }
            return None;
        }
        let is_harmless = match setting.kind {
            Kind::Secret(_) => false,
            // Where the secret was put by mistake, it is not shown either.
            Kind::ApiKey => text.starts_with("EXO"),
            _ => true,
        };
        let shown = if is_harmless { &text } else { REDACTED };
        self.entry(setting.key, shown.to_owned());
        if let Some(entry) = self.entries.last_mut().filter(|_| !is_harmless) {
            entry.secret = Some(Token::new(text.clone()));
        }
        Some(text)
    }

    fn entry(&mut self, key: &'static str, value: String) {
        self.entries.push(Entry {
            key: self.told(key),
            value,
            source: self.source(key),
            given_as: self.merged.former_name_of(key).unwrap_or(key),
            secret: None,
        });
    }

    /// Shows the value that other settings make of one that is not set.
    pub(super) fn follows(&mut self, key: &'static str, value: String) {
        self.entries.push(Entry {
            key: key.to_owned(),
            value,
            source: "default".to_owned(),
            given_as: key,
            secret: None,
        });
    }

    /// Shows a part of the value of `key` that is no setting of the table.
    pub(super) fn also(&mut self, part: String, given_as: &'static str, value: String, key: &str) {
        self.entries.push(Entry {
            key: part,
            value,
            source: self.source(key),
            given_as,
            secret: None,
        });
    }

    /// Whether something is wrong with one of these settings.
    pub(super) fn is_wrong(&self, keys: &[&str]) -> bool {
        let mut wrong = self.problems.iter().map(|problem| problem.key.as_str());
        wrong.any(|key| keys.contains(&key))
    }

    /// Whether the value comes from this variable.
    pub(super) fn is_from_variable(&self, key: &str, variable: &str) -> bool {
        self.source(key) == format!("variable {variable}")
    }

    pub(super) fn source(&self, key: &str) -> String {
        self.merged.source(key)
    }

    /// The keys that were asked for.
    #[cfg(test)]
    pub(super) fn asked(&self) -> &BTreeSet<&'static str> {
        &self.asked
    }
}

/// The text of a single value.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.trim().to_owned()),
        Value::Bool(_, flag) => Some(flag.to_string()),
        Value::Num(_, number) => number
            .to_i128()
            .map(|n| n.to_string())
            .or_else(|| number.to_u128().map(|n| n.to_string()))
            .or_else(|| number.to_f64().map(|n| n.to_string())),
        _ => None,
    }
}

/// The keys of all values that are no settings.
pub(super) fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    if TABLE.iter().any(|setting| setting.key == path) {
        return;
    }
    match value {
        Value::Dict(_, dict) if !dict.is_empty() => {
            for (name, inner) in dict {
                let dot = if path.is_empty() { "" } else { "." };
                leaves(inner, &format!("{path}{dot}{name}"), found);
            }
        }
        // A section whose settings are all commented out.
        Value::Dict(..) if is_section(path) => {}
        _ if path.is_empty() => {}
        _ => found.push(path.to_owned()),
    }
}

fn is_section(path: &str) -> bool {
    let in_it = |setting: &Setting| {
        let rest = setting.key.strip_prefix(path);
        rest.is_some_and(|rest| rest.starts_with('.'))
    };
    TABLE.iter().any(in_it)
}
