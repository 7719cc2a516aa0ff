//! `autoscaler check-config`.

use std::fmt::Write as _;

use agent::settings::{Entry, explain, explain_all};
use anyhow::Context as _;
use clap::Args;

use super::config_args::ConfigArgs;
use program::output;

/// What `--explain` without a key, or with this one, asks for.
const ALL: &str = "all";

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

fn print_effective(args: &ConfigArgs) -> anyhow::Result<()> {
    let (settings, entries) = args.load()?;
    let width = |text: fn(&Entry) -> &str| {
        let widths = entries.iter().map(|entry| text(entry).len());
        widths.max().unwrap_or(0)
    };
    let (keys, values) = (width(|e| &e.key), width(|e| &e.value));
    let mut text = String::new();
    for Entry {
        key, value, source, ..
    } in &entries
    {
        writeln!(text, "{key:keys$}  {value:values$}  {source}")?;
    }
    let alerts = &settings.agent.alerts;
    if alerts.authentication.is_open() {
        writeln!(
            text,
            "\nAnyone who reaches {} can send alerts; set alerts.token to prevent it.",
            alerts.listen
        )?;
    }
    print(&text)
}
