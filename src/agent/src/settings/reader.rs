//! Reads single values, and collects every problem instead of ending at the first.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Display},
    num::NonZeroU32,
    str::FromStr,
    time::Duration,
};

use figment::{Figment, Metadata, value::Value};
use program::{error_chain::with_causes, time_text::time};

use super::limits;

/// One setting in force, as `check-config` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The value as text; secrets are redacted.
    pub value: String,
    /// Where it came from.
    pub source: String,
}

/// What stands for the value of a secret.
const REDACTED: &str = "(redacted)";

impl Entry {
    /// Whether it is a secret that `ps` shows to every user.
    pub fn is_secret_on_command_line(&self) -> bool {
        self.value == REDACTED && self.source.starts_with("flag ")
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key.
    pub key: String,
    /// Where the value came from.
    pub source: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// All mistakes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "{} problem{plural} in the settings:", self.0.len())?;
        for Problem {
            key,
            source,
            message,
        } in &self.0
        {
            write!(f, "\n  {key}: {message} ({source})")?;
        }
        Ok(())
    }
}

/// Reads values by key.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    figment: &'a Figment,
    asked: BTreeSet<&'static str>,
    entries: Vec<Entry>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(figment: &'a Figment) -> Self {
        Self {
            figment,
            asked: BTreeSet::new(),
            entries: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// A value that must be there. `expected` says what is right, for people.
    pub(super) fn required<T>(&mut self, key: &'static str, expected: &str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        let found = self.optional(key, expected);
        self.must_be_found(key, expected, found)
    }

    /// A secret that must be there.
    pub(super) fn required_secret<T>(&mut self, key: &'static str, expected: &str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        let found = self.secret(key);
        self.must_be_found(key, expected, found)
    }

    /// A value that is no secret but stands where one may have been put by mistake: an error does
    /// not repeat it, and it is shown only if it has the form that `is_harmless` knows.
    pub(super) fn guarded<T>(
        &mut self,
        key: &'static str,
        is_harmless: fn(&str) -> bool,
    ) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        let found = self.secret(key);
        if let Some(text) = self.raw(key)
            && is_harmless(&text)
            && let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == key)
        {
            entry.value = text;
        }
        found
    }

    /// Likewise, and it must be there.
    pub(super) fn required_guarded<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        is_harmless: fn(&str) -> bool,
    ) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        let found = self.guarded(key, is_harmless);
        self.must_be_found(key, expected, found)
    }

    fn must_be_found<T>(&mut self, key: &str, expected: &str, found: Option<T>) -> Option<T> {
        if found.is_none() && !self.problems.iter().any(|problem| problem.key == key) {
            self.problem(key, format!("is missing; set it to {expected}"));
        }
        found
    }

    /// A value that may be absent or empty.
    pub(super) fn optional<T>(&mut self, key: &'static str, expected: &str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        let text = self.text(key, false)?;
        let parsed = text.parse::<T>();
        parsed
            .map_err(|error| {
                let text = shown(&text);
                self.problem(key, format!("`{text}` is not {expected}: {error}"));
            })
            .ok()
    }

    /// One of a few words; the error of any other names them.
    pub(super) fn choice<T>(&mut self, key: &'static str, expected: &str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        let text = self.must(key, expected)?;
        text.parse()
            .map_err(|error| self.problem(key, format!("{error}")))
            .ok()
    }

    /// A length of time within its [limits](limits::time_range), written with a unit.
    pub(super) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let range = limits::time_range(key).expect("every time has its limits");
        let text = self.must(key, "a duration such as 60s")?;
        time(&text, &range)
            .map_err(|error| {
                let (text, error) = (shown(&text), with_causes(&error));
                self.problem(key, format!("`{text}` is {error}"));
            })
            .ok()
    }

    /// A number within its [limits](limits::count_range).
    pub(super) fn count(&mut self, key: &'static str) -> Option<NonZeroU32> {
        let range = limits::count_range(key).expect("every number has its limits");
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let text = self.must(key, &expected)?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            self.problem(key, format!("`{}` is not {expected}", shown(&text)));
        }
        number.and_then(NonZeroU32::new)
    }

    fn must(&mut self, key: &'static str, expected: &str) -> Option<String> {
        let found = self.text(key, false);
        self.must_be_found(key, expected, found)
    }

    /// A secret: shown nowhere, not even when it is wrong.
    pub(super) fn secret<T>(&mut self, key: &'static str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        let text = self.text(key, true)?;
        text.parse()
            .map_err(|error| self.problem(key, format!("{error}")))
            .ok()
    }

    /// A table of texts.
    pub(super) fn table(&mut self, key: &'static str) -> BTreeMap<String, String> {
        self.asked.insert(key);
        let value = match self.figment.find_value(key) {
            Ok(Value::Dict(_, dict)) => dict,
            Ok(_) => {
                self.problem(key, "is no table, such as { team = \"web\" }".to_owned());
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

    /// A mistake that shows only when several values are seen together.
    pub(super) fn problem(&mut self, key: &str, message: String) {
        self.problems.push(Problem {
            key: shown(key),
            source: self.source(key),
            message,
        });
    }

    /// All entries, or all problems, unknown keys among them.
    pub(super) fn finish(mut self) -> Result<Vec<Entry>, Problems> {
        let mut keys = Vec::new();
        if let Ok(Value::Dict(_, dict)) = self.figment.find_value("") {
            leaves(&Value::from(dict), "", &self.asked, &mut keys);
        }
        for key in keys {
            let near = self
                .asked
                .iter()
                .map(|known| (distance(known, &key), known));
            // Something that is half different is not what was meant.
            let near = near.min().filter(|(distance, _)| distance * 2 <= key.len());
            let hint = near.map_or_else(
                || "; `autoscaler check-config` lists what can be set".to_owned(),
                |(_, near)| format!("; did you mean `{near}`?"),
            );
            self.problem(&key, format!("unknown setting{hint}"));
        }
        if self.problems.is_empty() {
            Ok(self.entries)
        } else {
            Err(Problems(self.problems))
        }
    }

    fn text(&mut self, key: &'static str, is_secret: bool) -> Option<String> {
        self.asked.insert(key);
        let value = self.figment.find_value(key).ok()?;
        let Some(text) = scalar(&value) else {
            self.problem(
                key,
                "is a list or a table; one value is expected".to_owned(),
            );
            return None;
        };
        if text.is_empty() {
            return None;
        }
        self.entry(
            key,
            if is_secret {
                REDACTED.to_owned()
            } else {
                text.clone()
            },
        );
        Some(text)
    }

    fn raw(&self, key: &str) -> Option<String> {
        scalar(&self.figment.find_value(key).ok()?)
    }

    fn entry(&mut self, key: &'static str, value: String) {
        self.entries.push(Entry {
            key: key.to_owned(),
            value,
            source: self.source(key),
        });
    }

    fn source(&self, key: &str) -> String {
        let describe = |metadata: &Metadata| match &metadata.source {
            Some(source) => format!("{} {source}", metadata.name),
            None => metadata.name.to_string(),
        };
        let metadata = self.figment.find_metadata(key);
        metadata.map_or_else(|| "not set".to_owned(), describe)
    }
}

/// A text as an error repeats it: on one line, and not longer than helps.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

/// The text of a single value.
fn scalar(value: &Value) -> Option<String> {
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

/// The keys of all values that nobody asked for.
fn leaves(value: &Value, path: &str, asked: &BTreeSet<&'static str>, found: &mut Vec<String>) {
    if asked.contains(path) {
        return;
    }
    match value {
        Value::Dict(_, dict) if !dict.is_empty() => {
            for (name, inner) in dict {
                let dot = if path.is_empty() { "" } else { "." };
                leaves(inner, &format!("{path}{dot}{name}"), asked, found);
            }
        }
        _ if path.is_empty() => {}
        _ => found.push(path.to_owned()),
    }
}

/// The number of single-letter changes between two keys.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
