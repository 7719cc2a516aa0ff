//! Where settings come from.

use std::path::{Path, PathBuf};

use figment::{
    Figment, Metadata, Profile, Provider,
    providers::{Format as _, Toml},
    util::nest,
    value::{Dict, Map, Value},
};

use super::{
    keys::DEFAULTS,
    reader::{Problem, Problems},
};

/// Our own variables: `AUTOSCALER_SCALING__MAX_SIZE` is `scaling.max_size`.
const PREFIX: &str = "AUTOSCALER_";
/// Variables with our prefix that are no settings: the file's name, the log filter, and a switch of
/// the tests.
const NOT_SETTINGS: [&str; 3] = ["CONFIG", "LOG", "REQUIRE_PROGRAMS"];

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
        let mut figment = Figment::new();
        for (key, value) in DEFAULTS {
            figment = figment.merge(Single::new("default", key, value));
        }
        if let Some(path) = &self.file {
            if !path.is_file() {
                return Err(Problems(vec![Problem {
                    key: "--config".to_owned(),
                    source: "flag or AUTOSCALER_CONFIG".to_owned(),
                    message: format!("there is no file {}", path.display()),
                }]));
            }
            let file = Toml::file_exact(path);
            if let Err(error) = file.data() {
                return Err(Problems(vec![unreadable(path, &error)]));
            }
            figment = figment.merge(file);
        }
        for (alias, key) in ALIASES {
            for (name, value) in self.variables.iter().filter(|(name, _)| name == alias) {
                figment = figment.merge(Single::new(&format!("variable {name}"), key, value));
            }
        }
        for (name, value) in &self.variables {
            if let Some(path) = name.strip_prefix(PREFIX)
                && !NOT_SETTINGS.contains(&path)
            {
                let key = path.to_lowercase().replace("__", ".");
                figment = figment.merge(Single::new(&format!("variable {name}"), &key, value));
            }
        }
        for (flag, key, value) in &self.flags {
            figment = figment.merge(Single::new(&format!("flag {flag}"), key, value));
        }
        Ok(figment)
    }
}

/// The parser's message without the lines of the file that it quotes: one may hold a secret.
fn unreadable(path: &Path, error: &figment::Error) -> Problem {
    let text = error.to_string();
    let is_quote = |line: &&str| line.contains('|');
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.filter(|line| !is_quote(line)).collect();
    Problem {
        key: path.display().to_string(),
        source: "flag --config or AUTOSCALER_CONFIG".to_owned(),
        message: lines.join("; "),
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
