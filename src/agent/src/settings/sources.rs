//! Where settings come from.

use std::path::{Path, PathBuf};

use program::error_chain::with_causes;

use super::{
    entry::{Problem, Problems},
    merged::{Merged, Single},
    setting::Setting,
    table::{self, TABLE},
};

/// Our own variables: `AUTOSCALER_SCALING__MAX_SIZE` is `scaling.max_size`.
const PREFIX: &str = "AUTOSCALER_";
/// Variables with our prefix that are no settings by it: the file's name, the log filter, two of
/// the tests, and those of `ctl`, some of which the table names.
const NOT_SETTINGS: [&str; 7] = [
    "CONFIG",
    "CONTROL_TOKEN",
    "LOG",
    "POOL",
    "REQUIRE_PROGRAMS",
    "TRACES",
    "URL",
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
    pub(super) fn merged(&self) -> Result<Merged, Problems> {
        let mut merged = Merged::defaults();
        if let Some(path) = &self.file {
            let text = read(path)?;
            merged.add_file(&path.display().to_string(), &text)?;
        }
        let mut mistakes = Vec::new();
        for single in self.singles() {
            if single.is_nested_well() {
                merged.add(single);
            } else {
                mistakes.push(single.unknown());
            }
        }
        if mistakes.is_empty() {
            merged.checked()
        } else {
            Err(Problems(mistakes))
        }
    }

    /// Variables and flags, the stronger later. An empty variable is one that is not set, but for
    /// a secret that need not be set.
    fn singles(&self) -> impl Iterator<Item = Single> {
        let counts = |key: &str, value: &str| {
            let is_secret = || table::find(key).is_some_and(Setting::is_optional_secret);
            !value.trim().is_empty() || is_secret()
        };
        let variable = |name: &str, key: &str, value: &str| {
            Single::new(&format!("variable {name}"), key, value)
        };
        let others = TABLE.iter().flat_map(move |setting| {
            let names = setting.variables.iter();
            names.flat_map(move |other| {
                let given = self.variables.iter();
                let given =
                    given.filter(move |(name, value)| name == other && counts(setting.key, value));
                given.map(move |(name, value)| variable(name, setting.key, value))
            })
        });
        let own = self.variables.iter().filter_map(move |(name, value)| {
            let path = name.strip_prefix(PREFIX)?;
            let key = path.to_lowercase().replace("__", ".");
            let is_setting = !NOT_SETTINGS.contains(&path) && counts(&key, value);
            is_setting.then(|| variable(name, &key, value))
        });
        let flags = self.flags.iter();
        let flags =
            flags.map(|(flag, key, value)| Single::new(&format!("flag {flag}"), key, value));
        others.chain(own).chain(flags)
    }
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
