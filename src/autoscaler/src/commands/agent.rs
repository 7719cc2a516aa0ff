//! `autoscaler agent`: runs the agent until a signal, or until an actor dies.

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use agent::{
    Agent, Config, PoolName, dashboard,
    settings::{Entry, needs_restart},
};
use anyhow::{Context as _, anyhow};
use program::{
    listen::{listen, listen_advice},
    signals::{Hangup, Hangups},
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
    let ended = system.block_on(serve(settings.agent, args, &entries));
    // Dropped, each actor would be polled once more, without a runtime, and one that then sets a
    // timer would panic. A write that hangs would be waited for, too.
    std::mem::forget(system);
    ended
}

async fn serve(config: Config, args: &ConfigArgs, entries: &[Entry]) -> anyhow::Result<()> {
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

    let died = loop {
        tokio::select! {
            _ = terminate.recv() => break None,
            _ = interrupt.recv() => break None,
            hangup = hangups.next() => match hangup {
                Hangup::TerminalClosed => break None,
                Hangup::ReadSettings => read_settings_again(&agent, args, entries).await,
            },
            died = agent.watch() => break Some(died),
        }
    };
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    tracing::info!("Stopping.");
    tokio::select! {
        () = async { server.stop().await; agent.stop().await; } => {}
        _ = interrupt.recv() => tracing::warn!("Stopped at once by a second Ctrl-C."),
    }
    died.map_or(Ok(()), |died| Err(anyhow!(died)))
}

/// All settings are read and checked first: those that are wrong change nothing.
async fn read_settings_again(agent: &Agent, args: &ConfigArgs, started: &[Entry]) {
    match args.load() {
        Ok((settings, entries)) => {
            let waiting = needs_restart(started, &entries);
            agent.adopt(&settings.agent, &waiting).await;
            tracing::info!("Settings are read again.");
            if !waiting.is_empty() {
                let keys = waiting.join(", ");
                tracing::warn!(keys, "Restart the agent for these settings to count.");
            }
        }
        Err(problems) => {
            let problems = problems.to_string();
            agent.keep_settings(&problems);
            tracing::error!(problems, "Settings stay as they were.");
        }
    }
}

fn announce(config: &Config, server: &dashboard::Server) {
    for pool in &config.pools {
        let rules = &pool.rules;
        tracing::info!(
            name = pool.name.as_ref().map(PoolName::as_str),
            pool = %pool.target.pool,
            min = rules.bounds.min().0,
            max = rules.bounds.max().0,
            mode = %pool.mode,
            cooldown = ?rules.cooldown,
            file = %pool.discovery.file.display(),
            "Pool is scaled by these settings."
        );
    }
    tracing::info!(
        address = %server.address,
        api = %config.client.endpoint,
        pools = config.pools.len(),
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
