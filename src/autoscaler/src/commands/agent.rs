//! `autoscaler agent`: runs the agent until a signal, or until an actor dies.

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use agent::{Agent, Config, dashboard, settings::Entry};
use anyhow::{Context as _, anyhow};
use program::{
    listen::{listen, listen_advice},
    signals::Hangups,
    telemetry,
};
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use super::config_args::ConfigArgs;

pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<()> {
    let (settings, entries) = args.load()?;
    telemetry::start(settings.log_format);
    telemetry::exit_on_panic();
    warn_of_secrets_on_the_command_line(&entries);
    warn_of_secrets_in_a_file_for_everyone(args.file(), &entries);
    let system = actix_rt::System::new();
    let ended = system.block_on(serve(settings.agent));
    // Dropped, each actor would be polled once more, without a runtime, and one that then sets a
    // timer would panic. A write that hangs would be waited for, too.
    std::mem::forget(system);
    ended
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut hangups = Hangups::listen().context("cannot listen for SIGHUP")?;
    // First of all: an agent that nobody can reach must not have begun to act.
    let address = config.alerts.listen;
    let listener = listen(address).map_err(|error| {
        let advice = listen_advice(&error);
        anyhow!(error).context(format!(
            "cannot listen on {address} (alerts.address, alerts.port); {advice}"
        ))
    })?;
    let agent = Agent::start(&config).await?;
    let server =
        dashboard::serve(listener, &agent).with_context(|| format!("cannot serve on {address}"))?;
    announce(&config, &server);
    // Outside systemd there is nobody to tell.
    let _ = sd_notify::notify(&[NotifyState::Ready]);

    let died = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        () = hangups.until_terminal_is_closed() => None,
        died = agent.watch() => Some(died),
    };
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    tracing::info!("Stopping.");
    tokio::select! {
        () = async { server.stop().await; agent.stop().await; } => {}
        _ = interrupt.recv() => tracing::warn!("Stopped at once by a second Ctrl-C."),
    }
    died.map_or(Ok(()), |died| Err(anyhow!(died)))
}

fn announce(config: &Config, server: &dashboard::Server) {
    let rules = &config.rules;
    tracing::info!(
        address = %server.address,
        pool = %config.target.pool,
        api = %config.target.client.endpoint,
        min = rules.bounds.min().0,
        max = rules.bounds.max().0,
        mode = %config.mode,
        cooldown = ?rules.cooldown,
        file = %config.discovery.file.display(),
        "Agent is ready."
    );
    if config.alerts.authentication.is_open() {
        tracing::warn!(address = %server.address, "Anyone who reaches this address can send alerts: set alerts.token.");
    }
}

fn warn_of_secrets_in_a_file_for_everyone(file: Option<&Path>, entries: &[Entry]) {
    let Some(file) = file.filter(|_| entries.iter().any(Entry::is_secret_in_file)) else {
        return;
    };
    let mode = std::fs::metadata(file).map(|found| found.permissions().mode() & 0o777);
    if let Some(mode) = mode.ok().filter(|mode| mode & 0o007 != 0) {
        tracing::warn!(
            file = %file.display(),
            mode = format!("{mode:o}"),
            "Settings hold secrets and everyone on this machine can read them: give the file mode 0600."
        );
    }
}

fn warn_of_secrets_on_the_command_line(entries: &[Entry]) {
    for Entry { key, .. } in entries
        .iter()
        .filter(|entry| entry.is_secret_on_command_line())
    {
        tracing::warn!(
            key,
            "Secret is on the command line, where every user of this machine can see it: give it in the environment or in the file."
        );
    }
}
