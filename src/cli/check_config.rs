//! `autoscaler check-config`.

use super::config_args::ConfigArgs;

pub(super) fn run(args: &ConfigArgs) -> anyhow::Result<()> {
    let (settings, entries) = args.load()?;
    let width = |text: fn(&crate::settings::Entry) -> &str| {
        entries
            .iter()
            .map(|entry| text(entry).len())
            .max()
            .unwrap_or(0)
    };
    let (keys, values) = (width(|e| &e.key), width(|e| &e.value));
    for entry in &entries {
        println!(
            "{:keys$}  {:values$}  {}",
            entry.key, entry.value, entry.source
        );
    }
    if settings.agent.alerts.authentication.is_open() {
        println!(
            "\nAnyone who reaches {} can send alerts; set alerts.token to prevent it.",
            settings.agent.alerts.listen
        );
    }
    Ok(())
}
