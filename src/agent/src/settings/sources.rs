//! Where settings come from.

use std::path::{Path, PathBuf};

use figment::{
    Figment, Metadata, Profile, Provider,
    util::nest,
    value::{Dict, Map, Value},
};
use program::error_chain::with_causes;

use super::{
    keys::DEFAULTS,
    reader::{Problem, Problems, shown},
};

/// Our own variables: `AUTOSCALER_SCALING__MAX_SIZE` is `scaling.max_size`.
const PREFIX: &str = "AUTOSCALER_";
/// Variables with our prefix that are no settings: the file's name, the log filter, and a switch of
/// the tests.
const NOT_SETTINGS: [&str; 3] = ["CONFIG", "LOG", "REQUIRE_PROGRAMS"];
/// No key has more parts; one that has would only be nested deep.
const MOST_PARTS: usize = 4;

/// The names of Exoscale's own tools and of the course, with their keys; the later wins.
const ALIASES: [(&str, &str); 9] = [
    ("EXOSCALE_API_KEY", "exoscale.key"),
    ("EXOSCALE_API_SECRET", "exoscale.secret"),
    ("EXOSCALE_KEY", "exoscale.key"),
    ("EXOSCALE_SECRET", "exoscale.secret"),
    ("EXOSCALE_ZONE", "exoscale.zone"),
    ("EXOSCALE_API_ENDPOINT", "exoscale.endpoint"),
    ("EXOSCALE_INSTANCEPOOL_ID", "exoscale.instance_pool"),
    ("TARGET_PORT", "discovery.target_port"),
    ("LISTEN_PORT", "alerts.port"),
];

/// The sources besides the defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A TOML file.
    pub file: Option<PathBuf>,
    /// Variables of the environment, by name.
    pub variables: Vec<(String, String)>,
    /// Values from flags: the flag, the key, the value.
    pub flags: Vec<(String, String, String)>,
}

impl Sources {
    /// The process's environment; no file and no flags.
    pub fn from_environment() -> Self {
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        Self {
            variables: std::env::vars_os()
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
            ..Self::default()
        }
    }

    /// All sources, merged.
    pub(super) fn figment(&self) -> Result<Figment, Problems> {
        let mut figment = defaults();
        if let Some(path) = &self.file {
            let text = read(path)?;
            figment = figment.merge(Document::parse(&path.display().to_string(), &text)?);
        }
        let mut mistakes = Vec::new();
        for single in self.singles() {
            if single.is_nested_well() {
                figment = figment.merge(single);
            } else {
                mistakes.push(single.unknown());
            }
        }
        if mistakes.is_empty() {
            Ok(figment)
        } else {
            Err(Problems(mistakes))
        }
    }

    /// Variables and flags, the stronger later. An empty variable is one that is not set.
    fn singles(&self) -> impl Iterator<Item = Single> {
        let variables = || {
            let all = self.variables.iter();
            all.filter(|(_, value)| !value.trim().is_empty())
        };
        let variable = |name: &str, key: &str, value: &str| {
            Single::new(&format!("variable {name}"), key, value)
        };
        let aliases = ALIASES.iter().flat_map(move |(alias, key)| {
            let given = variables().filter(move |(name, _)| name == alias);
            given.map(move |(name, value)| variable(name, key, value))
        });
        let own = variables().filter_map(move |(name, value)| {
            let path = name.strip_prefix(PREFIX)?;
            let key = path.to_lowercase().replace("__", ".");
            (!NOT_SETTINGS.contains(&path)).then(|| variable(name, &key, value))
        });
        let flags = self.flags.iter();
        let flags =
            flags.map(|(flag, key, value)| Single::new(&format!("flag {flag}"), key, value));
        aliases.chain(own).chain(flags)
    }
}

fn defaults() -> Figment {
    let singles = DEFAULTS.iter();
    singles.fold(Figment::new(), |figment, (key, value)| {
        figment.merge(Single::new("default", key, value))
    })
}

/// The defaults, and over them the text of a TOML file.
pub(super) fn figment_of(name: &str, text: &str) -> Result<Figment, Problems> {
    Ok(defaults().merge(Document::parse(name, text)?))
}

fn read(path: &Path) -> Result<String, Problems> {
    let problem = |message| Problem {
        key: "--config".to_owned(),
        source: "flag or AUTOSCALER_CONFIG".to_owned(),
        message,
    };
    let text = match whole_file::read(path) {
        Ok(Some((text, _))) => {
            String::from_utf8(text).map_err(|_| format!("{} is not text in UTF-8", path.display()))
        }
        Ok(None) => Err(format!("there is no file {}", path.display())),
        Err(error) => Err(with_causes(&error)),
    };
    text.map_err(|message| Problems(vec![problem(message)]))
}

/// A TOML file that was read.
struct Document {
    name: String,
    dict: Dict,
}

impl Document {
    /// An error does not quote the file: a line of it may hold a secret.
    fn parse(name: &str, text: &str) -> Result<Self, Problems> {
        let dict = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            let message = error.message().replace('\n', "; ");
            Problems(vec![Problem {
                key: name.to_owned(),
                source: "the file of settings".to_owned(),
                message: format!("is not TOML at line {line}: {message}"),
            }])
        })?;
        let name = name.to_owned();
        Ok(Self { name, dict })
    }
}

impl Provider for Document {
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("file {}", self.name))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.dict.clone())]))
    }
}

/// One value. It stays text, so that a secret of digits does not become a number.
struct Single {
    source: String,
    key: String,
    value: String,
}

impl Single {
    fn new(source: &str, key: &str, value: &str) -> Self {
        Self {
            source: source.to_owned(),
            key: key.to_owned(),
            value: value.to_owned(),
        }
    }

    fn is_nested_well(&self) -> bool {
        let parts = self.key.split('.');
        parts.clone().count() <= MOST_PARTS && parts.into_iter().all(|part| !part.is_empty())
    }

    fn unknown(&self) -> Problem {
        Problem {
            key: shown(&self.key),
            source: shown(&self.source),
            message: "unknown setting; `autoscaler check-config` lists what can be set".to_owned(),
        }
    }
}

impl Provider for Single {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let nested = nest(&self.key, Value::from(self.value.clone()));
        let dict = nested.into_dict().unwrap_or_default();
        Ok(Map::from([(Profile::Default, dict)]))
    }
}
