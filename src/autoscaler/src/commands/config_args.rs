//! The flags that give settings, shared by `agent` and `check-config`.

use std::path::{Path, PathBuf};

use agent::settings::{Entry, Problem, Problems, Settings, Sources, load, setting_variables};
use clap::Args;

/// How settings are given, for the end of the help.
pub(crate) fn help() -> String {
    let aliases = setting_variables().collect::<Vec<_>>().join(", ");
    format!(
        "\
Settings: flags win over the environment, the environment over the file, the file over defaults.
Each has a key, such as scaling.max_size: in the file it is max_size under [scaling],
in the environment AUTOSCALER_SCALING__MAX_SIZE=5, as a flag --set scaling.max_size=5.
These aliases are accepted in the environment:
{aliases}.

  autoscaler check-config                 effective settings and where each comes from
  autoscaler check-config --explain       every key and what it is for
  autoscaler check-config --explain KEY   kind, default, bounds and variables of one
  autoscaler agent --config agent.toml    run with a file
  autoscaler agent --mode recommend       decide and record, and change nothing"
    )
}

/// Flags that give settings.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// A TOML file of settings.
    #[arg(long, env = "AUTOSCALER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Smallest size of the pool.
    #[arg(long, value_name = "N")]
    min_size: Option<String>,
    /// Largest size of the pool.
    #[arg(long, value_name = "N")]
    max_size: Option<String>,
    /// What may be done: on, scale-out-only, recommend, or pinned=N.
    #[arg(long, value_name = "MODE")]
    mode: Option<String>,
    /// Port for alerts, metrics and the page.
    #[arg(long, value_name = "PORT")]
    port: Option<String>,
    /// Any setting, by its key; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    pair.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "write KEY=VALUE, such as scaling.max_size=5".to_owned())
}

impl ConfigArgs {
    /// The file of settings, if there is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// Reads and checks all settings.
    pub(crate) fn load(&self) -> Result<(Settings, Vec<Entry>), Problems> {
        load(&self.sources()).map_err(|problems| self.with_hint(problems))
    }

    /// The same for a command that asks nobody, where the key need not be known.
    pub(crate) fn load_without_key(&self) -> Result<(Settings, Vec<Entry>), Problems> {
        self.load().or_else(|problems| {
            let mut sources = self.sources();
            let missing = problems.0.iter().filter(|problem| {
                matches!(problem.key.as_str(), "exoscale.key" | "exoscale.secret")
            });
            for problem in missing {
                let stand_in = ("none".to_owned(), problem.key.clone(), "EXOnone".to_owned());
                sources.flags.push(stand_in);
            }
            load(&sources).map_err(|problems| self.with_hint(problems))
        })
    }

    /// Names the file that was perhaps forgotten.
    fn with_hint(&self, mut problems: Problems) -> Problems {
        let written = ["agent.toml", "autoscaler/agent.toml"].map(Path::new);
        let forgotten = written.into_iter().find(|file| file.is_file());
        if let (None, Some(file)) = (&self.config, forgotten) {
            problems.0.push(Problem {
                key: "--config".to_owned(),
                source: "not set".to_owned(),
                message: format!(
                    "there is a file {0}; give it by --config {0}",
                    file.display()
                ),
            });
        }
        problems
    }

    fn sources(&self) -> Sources {
        let named = [
            ("--min-size", "scaling.min_size", &self.min_size),
            ("--max-size", "scaling.max_size", &self.max_size),
            ("--mode", "scaling.mode", &self.mode),
            ("--port", "alerts.port", &self.port),
        ];
        let mut sources = Sources::from_environment();
        sources.file.clone_from(&self.config);
        for (flag, key, value) in named {
            if let Some(value) = value {
                sources
                    .flags
                    .push((flag.to_owned(), key.to_owned(), value.clone()));
            }
        }
        for (key, value) in &self.set {
            sources
                .flags
                .push(("--set".to_owned(), key.clone(), value.clone()));
        }
        sources
    }
}
