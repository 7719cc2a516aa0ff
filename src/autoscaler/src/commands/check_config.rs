//! `autoscaler check-config`.

use std::fmt::Write as _;

use agent::settings::Entry;
use anyhow::Context as _;

use super::config_args::ConfigArgs;
use crate::output;

pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<()> {
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
    output::print(&text).context("cannot print the settings")
}
