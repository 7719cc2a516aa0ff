//! All sources as one, with each value's origin and the former names that were used.

use std::collections::BTreeMap;

use figment::{
    Figment, Metadata, Profile, Provider,
    util::nest,
    value::{Dict, Map, Value},
};

use super::{
    entry::{Problem, Problems, shown},
    setting::Setting,
    speed::defaults,
    table::{self, TABLE},
};

/// No key has more parts; one that has would only be nested deep.
const MOST_PARTS: usize = 4;

/// The values of all sources; the later wins.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) figment: Figment,
    /// The names by which settings that were renamed are given, with the last source of each, by
    /// key.
    given: BTreeMap<&'static str, BTreeMap<&'static str, String>>,
}

impl Merged {
    pub(super) fn defaults() -> Self {
        let figment = defaults().fold(Figment::new(), |figment, (key, value)| {
            figment.merge(Single::new("default", key, &value))
        });
        Self {
            figment,
            given: BTreeMap::new(),
        }
    }

    /// Adds the text of a TOML file. An error does not quote it: a line of it may hold a secret.
    pub(super) fn add_file(&mut self, name: &str, text: &str) -> Result<(), Problems> {
        let dict: Dict = toml::from_str(text).map_err(|error| not_toml(name, text, &error))?;
        self.add_dict(&format!("file {name}"), dict);
        Ok(())
    }

    /// The same with these values over all others.
    pub(super) fn with(&self, source: &str, dict: Dict) -> Self {
        let mut layered = Self {
            figment: self.figment.clone(),
            given: BTreeMap::new(),
        };
        layered.add_dict(source, dict);
        layered
    }

    fn add_dict(&mut self, source: &str, mut dict: Dict) {
        // A section all of whose lines are comments sets nothing.
        dict.retain(|name, value| !(is_section(name) && is_empty(value)));
        let renamed = TABLE.iter().filter(|setting| !setting.former.is_empty());
        let names = renamed.flat_map(Setting::names);
        let taken: Vec<_> = names
            .filter_map(|name| Some((name, take(&mut dict, name)?)))
            .collect();
        self.merge(Document {
            source: source.to_owned(),
            dict,
        });
        for (key, value) in taken {
            let (source, key) = (source.to_owned(), key.to_owned());
            self.add(Single { source, key, value });
        }
    }

    /// Adds one value, under the setting's present key.
    pub(super) fn add(&mut self, mut single: Single) {
        if let Some(setting) = table::find(&single.key)
            && let Some(name) = setting.names().find(|name| *name == single.key)
            && !setting.former.is_empty()
        {
            let given = self.given.entry(setting.key).or_default();
            given.insert(name, single.source.clone());
            setting.key.clone_into(&mut single.key);
        }
        self.merge(single);
    }

    fn merge(&mut self, provider: impl Provider) {
        self.figment = std::mem::take(&mut self.figment).merge(provider);
    }

    /// Refuses what is given by two of its names.
    pub(super) fn checked(self) -> Result<Self, Problems> {
        let twice = self.given.iter().filter(|(_, names)| names.len() > 1);
        let problems: Vec<_> = twice
            .map(|(key, names)| {
                let former = names.keys().filter(|name| *name != key);
                let former: Vec<_> = former.map(|name| format!("`{name}`")).collect();
                let sources: Vec<_> = names
                    .iter()
                    .map(|(name, source)| format!("{name}: {source}"))
                    .collect();
                Problem {
                    key: (*key).to_owned(),
                    source: sources.join("; "),
                    message: format!(
                        "is also set by its former name, {}; set `{key}` alone",
                        former.join(" and ")
                    ),
                }
            })
            .collect();
        if problems.is_empty() {
            Ok(self)
        } else {
            Err(Problems(problems))
        }
    }

    /// The former name by which the setting is given, if it is.
    pub(super) fn former_name_of(&self, key: &str) -> Option<&'static str> {
        let mut names = self.given.get(key)?.keys();
        names.find(|name| **name != key).copied()
    }

    /// Whether the value is from this source.
    pub(super) fn is_from(&self, key: &str, source: &str) -> bool {
        let metadata = self.figment.find_metadata(key);
        metadata.is_some_and(|found| found.name == source)
    }

    /// Where a value came from.
    pub(super) fn source(&self, key: &str) -> String {
        let Some(metadata) = self.figment.find_metadata(key) else {
            return "not set".to_owned();
        };
        match self.former_name_of(key) {
            Some(former) => format!("{}, as {former}", metadata.name),
            None => metadata.name.to_string(),
        }
    }
}

fn is_section(name: &str) -> bool {
    let mut sections = TABLE
        .iter()
        .filter_map(|setting| setting.key.split_once('.'));
    sections.any(|(section, _)| section == name)
}

fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Dict(_, inner) if inner.is_empty())
}

fn not_toml(name: &str, text: &str, error: &toml::de::Error) -> Problems {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    let message = error.message().replace('\n', "; ");
    Problems(vec![Problem {
        key: name.to_owned(),
        source: "the file of settings".to_owned(),
        message: format!("is not TOML at line {line}: {message}"),
    }])
}

/// Takes the value at a path out.
fn take(dict: &mut Dict, path: &str) -> Option<Value> {
    match path.split_once('.') {
        None => dict.remove(path),
        Some((first, rest)) => match dict.get_mut(first)? {
            Value::Dict(_, inner) => take(inner, rest),
            _ => None,
        },
    }
}

/// What a file holds.
struct Document {
    source: String,
    dict: Dict,
}

impl Provider for Document {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.dict.clone())]))
    }
}

/// One value. From a variable or a flag it is text, so that a secret of digits does not become a
/// number.
pub(super) struct Single {
    source: String,
    key: String,
    value: Value,
}

impl Single {
    pub(super) fn new(source: &str, key: &str, value: &str) -> Self {
        Self {
            source: source.to_owned(),
            key: key.to_owned(),
            value: Value::from(value),
        }
    }

    pub(super) fn is_nested_well(&self) -> bool {
        let parts = self.key.split('.');
        parts.clone().count() <= MOST_PARTS && parts.into_iter().all(|part| !part.is_empty())
    }

    pub(super) fn unknown(&self) -> Problem {
        Problem {
            key: shown(&self.key),
            source: shown(&self.source),
            message: format!("unknown setting{}", table::hint(&self.key)),
        }
    }
}

impl Provider for Single {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let nested = nest(&self.key, self.value.clone());
        let dict = nested.into_dict().unwrap_or_default();
        Ok(Map::from([(Profile::Default, dict)]))
    }
}
