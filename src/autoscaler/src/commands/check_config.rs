//! `autoscaler check-config`.

use std::{fmt::Write as _, time::Duration};

use agent::settings::{Settings, explain, explain_all, listed};
use anyhow::Context as _;
use clap::Args;

use super::config_args::ConfigArgs;
use program::output;

/// What `--explain` without a key, or with this one, asks for.
const ALL: &str = "all";

/// Longer values push only their own source aside.
const LONGEST: usize = 60;

/// Flags of `check-config`.
#[derive(Debug, Args)]
pub(crate) struct CheckConfigArgs {
    /// Explain one setting by its key, a section, or, without KEY, list all; reads no settings.
    #[arg(long, value_name = "KEY", num_args = 0..=1, default_missing_value = ALL)]
    explain: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) fn run(args: &CheckConfigArgs) -> anyhow::Result<()> {
    match args.explain.as_deref() {
        None => print_effective(&args.config),
        Some(ALL) => print(&explain_all()),
        Some(key) => print(&explain(key)?),
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    output::print(text).context("cannot print the settings")
}

/// A cooldown that is shorter is for trials: a new member has not booted by its end.
const USUAL_COOLDOWN: Duration = Duration::from_secs(60);

fn print_effective(args: &ConfigArgs) -> anyhow::Result<()> {
    let (settings, entries) = args.load()?;
    let lines = listed(&entries);
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let (keys, values) = (width(0), width(1).min(LONGEST));
    let mut text = String::new();
    for [key, value, source] in &lines {
        writeln!(text, "{key:keys$}  {value:values$}  {source}")?;
    }
    for warning in warnings(&settings) {
        writeln!(text, "\n{warning}")?;
    }
    print(&text)
}

fn warnings(settings: &Settings) -> Vec<String> {
    let alerts = &settings.agent.alerts;
    let mut warnings = Vec::new();
    if alerts.authentication.is_open() {
        warnings.push(format!(
            "Anyone who reaches {} can send alerts; set alerts.token to prevent it.",
            alerts.listen
        ));
    }
    for pool in &settings.agent.pools {
        let cooldown = pool.rules.cooldown;
        if cooldown < USUAL_COOLDOWN {
            let of = pool.name.as_ref().map(|name| format!(" of pool {name}"));
            warnings.push(format!(
                "Warning: scaling.cooldown{} is {cooldown:?}: the next change can come before a \
                 new member has booted. Set 60s or more, unless this is a trial.",
                of.unwrap_or_default()
            ));
        }
    }
    warnings
}
