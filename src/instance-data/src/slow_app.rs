//! The document for a member of the pool: settings of the slow application.

use std::fmt;

use clap::Parser;
use serde::Deserialize;

use super::document::{DocumentError, File, Role, authorized_keys, check_keys, wrong};

/// What a member of the pool is told.
pub struct SlowApp {
    ssh_authorized_keys: Vec<String>,
    /// Names without their prefix, and values.
    settings: Vec<(String, String)>,
}

impl fmt::Debug for SlowApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.settings.iter().map(|(name, _)| name).collect();
        f.debug_struct("SlowApp")
            .field("settings", &names)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SlowAppForm {
    #[serde(rename = "version")]
    _version: u32,
    #[serde(rename = "role")]
    _role: Role,
    #[serde(default)]
    ssh_authorized_keys: Vec<String>,
    #[serde(default)]
    slow_app: SlowAppSettings,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SlowAppSettings {
    drain_token: Option<String>,
    work_ms: Option<u64>,
    max_ms: Option<u64>,
    load_seconds: Option<f64>,
    queue_limit: Option<u64>,
    drain_lease: Option<String>,
    grace: Option<String>,
    quiet: Option<String>,
}

impl SlowApp {
    pub(super) fn check(form: SlowAppForm) -> Result<Self, DocumentError> {
        check_keys(&form.ssh_authorized_keys)?;
        let SlowAppSettings {
            drain_token,
            work_ms,
            max_ms,
            load_seconds,
            queue_limit,
            drain_lease,
            grace,
            quiet,
        } = form.slow_app;
        let number = |value: Option<u64>| value.map(|value| value.to_string());
        let given = [
            ("DRAIN_TOKEN", drain_token),
            ("WORK_MS", number(work_ms)),
            ("MAX_MS", number(max_ms)),
            ("LOAD_SECONDS", load_seconds.map(|value| value.to_string())),
            ("QUEUE_LIMIT", number(queue_limit)),
            ("DRAIN_LEASE", drain_lease),
            ("GRACE", grace),
            ("QUIET", quiet),
        ];
        let given = given
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let settings: Vec<_> = given.collect();
        for (name, value) in &settings {
            check_setting(name, value)?;
        }
        check_together(&settings)?;
        Ok(Self {
            ssh_authorized_keys: form.ssh_authorized_keys,
            settings,
        })
    }

    /// The variables for the slow application.
    pub fn variables(&self) -> impl Iterator<Item = (String, &str)> {
        let settings = self.settings.iter();
        settings.map(|(name, value)| (format!("SLOW_APP_{name}"), value.as_str()))
    }

    pub(super) fn files(&self) -> Vec<File> {
        let lines = self
            .variables()
            .map(|(name, value)| format!("{name}=\"{value}\"\n"));
        vec![
            authorized_keys(&self.ssh_authorized_keys),
            File {
                name: "slow-app.env",
                content: lines.collect(),
            },
        ]
    }
}

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    options: slow_app::Options,
}

/// The command line that stands for settings.
fn command_line<'a>(
    settings: impl IntoIterator<Item = &'a (String, String)>,
) -> Result<CommandLine, clap::Error> {
    let flags = settings.into_iter().map(|(name, value)| {
        let flag = name.to_ascii_lowercase().replace('_', "-");
        format!("--{flag}={value}")
    });
    // What the host would have to tell, which is another one where a test runs.
    let fixed = ["slow-app", "--instance-id=x", "--workers=1"].map(str::to_owned);
    CommandLine::try_parse_from(fixed.into_iter().chain(flags))
}

/// Values that contradict each other, or that the application's own check refuses.
fn check_together(settings: &[(String, String)]) -> Result<(), DocumentError> {
    let Ok(CommandLine { options }) = command_line(settings) else {
        return Err(wrong(
            "slow_app",
            "is not what slow-app takes; see slow-app --help",
        ));
    };
    match slow_app::check(options) {
        Err(slow_app::Error::Settings { flag, problem, fix }) => {
            let field = flag.trim_start_matches('-').replace('-', "_");
            Err(wrong(
                &format!("slow_app.{field}"),
                format!("{problem}. {fix}"),
            ))
        }
        _ => Ok(()),
    }
}

/// The application's own command line says whether a value is right.
fn check_setting(name: &str, value: &str) -> Result<(), DocumentError> {
    let field = format!("slow_app.{}", name.to_ascii_lowercase());
    // They would end or change the value in a file of variables.
    let plain = |c: char| c.is_ascii_graphic() && !['"', '\\', '$', '`'].contains(&c);
    if value.is_empty() || !value.chars().all(plain) {
        return Err(wrong(
            &field,
            "must be visible ASCII without quotes, $ and backslash",
        ));
    }
    if name == "DRAIN_TOKEN" {
        return Ok(());
    }
    match command_line([&(name.to_owned(), value.to_owned())]) {
        Ok(_) => Ok(()),
        Err(_) => Err(wrong(
            &field,
            "is not a value that slow-app takes; see slow-app --help",
        )),
    }
}
