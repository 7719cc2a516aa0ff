//! Starts the actors, watches them, and stops them in order.

use std::{error::Error, path::Path, sync::Arc, time::Duration};

use actix::{Actor as _, Addr, Recipient};
use jiff::Timestamp;
use parking_lot::RwLock;
use policy::{Control, Effect, Event, State};
use program::error_chain::with_causes;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use whole_file::{self, FileError};

use super::{
    clock::Clock,
    cloud::Cloud,
    config::{Config, PageUrl},
    control::ControlState,
    dashboard::Reads,
    discovery::Discovery,
    drain::Drainer,
    file_sd,
    history::Historian,
    journal::{Close, FolderError, Journal, JournalFolder, Remembered},
    member_address::Reach,
    messages::{AdoptRules, AdoptSchedule, Finish, Ping},
    read_model::ReadModel,
    scaler::{Partners, Scaler},
    signal_inbox::SignalInbox,
    target::{ConfigError, Target},
    timetable::{Timetable, limits_at},
    tls::{Tls, TlsError},
    view::About,
    watchdog::{self, ActorDied},
    webhook_receiver::{Conventions, ReceiverState},
};

/// How long an action under way may take to end after a stop was asked for. With the HTTP server's
/// own end and an exit on a busy machine, this stays under the 10 s of guarantee G13.
const STOP_WITHIN: Duration = Duration::from_secs(7);

/// Discovery rounds that may fail in a row before `/healthz` says so.
const FAILED_ROUNDS: u32 = 6;

/// Why an agent cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The API client cannot be made.
    #[error(transparent)]
    Client(#[from] ConfigError),
    /// The HTTP client for drains cannot be made.
    #[error("cannot make an HTTP client")]
    Http(#[from] reqwest::Error),
    /// The service discovery file cannot be kept.
    #[error("the service discovery file cannot be kept; set `discovery.file` to another path")]
    Discovery(#[source] FileError),
    /// HTTPS cannot be served.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The journal cannot be kept, or another agent keeps it.
    #[error(transparent)]
    Journal(#[from] FolderError),
}

/// A running agent.
#[derive(Debug)]
pub struct Agent {
    pub(crate) read_model: Arc<ReadModel>,
    /// What the web server needs to take alerts in.
    pub(crate) receiver: ReceiverState,
    /// What it needs to take orders.
    pub(crate) control: ControlState,
    /// Who may look.
    pub(crate) reads: Reads,
    /// What the web server shows over TLS.
    pub(crate) tls: Option<Tls>,
    /// What it scales, for the counts of its calls.
    pub(crate) target: Target,
    scaler: Addr<Scaler>,
    journal: Addr<Journal>,
    timetable: Addr<Timetable>,
    watched: Vec<(&'static str, Recipient<Ping>)>,
    stopping: CancellationToken,
}

impl Agent {
    /// Starts an agent. Must be called inside an actix `System`. Whatever can fail does so before
    /// the first actor runs.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let tls = config.alerts.tls.clone().map(Tls::load).transpose()?;
        let folder = JournalFolder::lock(&config.state_directory).await?;
        prepare_discovery(&config.discovery.file).map_err(StartError::Discovery)?;
        let clock = Clock::start();
        let read_model = Arc::new(read_model(config, clock));
        let stopping = CancellationToken::new();
        let target = Target::new(
            &config.target,
            config.discovery.addresses,
            clock,
            read_model.clone(),
            stopping.clone(),
        )?;
        let reach = Reach::of(config.discovery.addresses, &config.target.client.endpoint);
        let drainer = Drainer::new(
            config.drain.clone(),
            target.clone(),
            reach,
            read_model.clone(),
        )?;
        let cloud = Cloud::new(target.clone(), drainer, read_model.clone());
        let up_lifetime = config.rules.scale_out.alert_lifetime;
        let (journal, remembered, note) =
            Journal::open(folder, clock, up_lifetime, read_model.clone());
        let limits = limits_at(&config.schedule, Timestamp::now());
        let (mut state, mut effects) = restore(config, remembered, clock);
        effects.extend(state.step(Event::Scheduled(limits), clock.now()));

        let inbox = Arc::new(SignalInbox::default());
        let cloud = cloud.start();
        let journal = journal.start();
        let discovery = Discovery::new(
            config.discovery.clone(),
            reach,
            cloud.clone().recipient(),
            inbox.clone(),
            read_model.clone(),
        );
        let discovery = discovery.start();

        let partners = partners(&cloud, &discovery, &journal);
        let state = (state, effects);
        let scaler = Scaler::new(
            state,
            note,
            clock,
            inbox.clone(),
            partners,
            read_model.clone(),
        );
        let scaler = scaler.start();
        inbox.connect(scaler.clone().recipient());
        let timetable = Timetable::new(
            config.schedule.clone(),
            Timestamp::now,
            scaler.clone().recipient(),
            limits,
        );
        let timetable = timetable.start();

        let historian = Historian::new(read_model.clone(), target.clone()).start();

        let receiver = receiver(config, inbox, read_model.clone());
        let control = ControlState {
            settings: Arc::new(RwLock::new(config.control.clone())),
            scaler: scaler.clone().recipient(),
            read_model: read_model.clone(),
            clock,
            body_timeout: config.alerts.body_timeout,
        };
        let reads = Reads::new(
            config.alerts.protect_reads,
            receiver.authentication.clone(),
            control.settings.clone(),
        );
        let watched = vec![
            ("scaler", scaler.clone().recipient()),
            ("cloud", cloud.recipient()),
            ("discovery", discovery.recipient()),
            ("journal", journal.clone().recipient()),
            ("timetable", timetable.clone().recipient()),
            ("historian", historian.recipient()),
        ];
        Ok(Self {
            read_model,
            receiver,
            control,
            reads,
            tls,
            target,
            scaler,
            journal,
            timetable,
            watched,
            stopping,
        })
    }

    /// Takes over those settings of `config` that need no restart, all at once: how to decide, the
    /// schedule, and who may give orders. `waiting` are the keys of the others that have changed.
    pub async fn adopt(&self, config: &Config, waiting: &[String]) {
        *self.control.settings.write() = config.control.clone();
        let severity = config.rules.scale_out.severity.clone();
        {
            let mut conventions = self.receiver.conventions.write();
            *conventions = Arc::new(Conventions {
                severity,
                ..Conventions::clone(&conventions)
            });
        }
        // An actor that is gone is the watchdog's to notice.
        let rules = AdoptRules(config.rules.clone(), config.mode);
        let _ = self.scaler.send(rules).await;
        let schedule = AdoptSchedule(config.schedule.clone());
        let _ = self.timetable.send(schedule).await;
        self.read_model.schedule_changed(&config.schedule);
        self.read_model.settings_read(Ok(waiting));
    }

    /// Notes that the settings cannot be taken over.
    pub fn keep_settings(&self, problem: String) {
        self.read_model.settings_read(Err(problem));
    }

    /// Returns when an actor has died, which must end the process.
    pub async fn watch(&self) -> ActorDied {
        watchdog::watch(self.watched.clone(), self.read_model.clone()).await
    }

    /// Begins nothing new, lets the action under way end, and returns. The web server should stop
    /// first: alerts that were answered before this are in the journal after it, later ones are
    /// not.
    pub async fn stop(self) {
        self.stopping.cancel();
        match timeout(STOP_WITHIN, self.finish()).await {
            Ok(Ok(())) => tracing::info!("Stopped; no action is left open."),
            Ok(Err(error)) => {
                let error = with_causes(error.as_ref());
                tracing::error!(
                    error,
                    "Stopped; the next start waits one cooldown before acting."
                );
            }
            Err(_) => {
                tracing::warn!(
                    "Stopped in the middle of an action; the next start waits one cooldown before acting."
                );
            }
        }
    }

    /// Closes the journal once nothing is under way: what it holds is then believed by the next
    /// start.
    async fn finish(&self) -> Result<(), Box<dyn Error>> {
        self.scaler.send(Finish).await?;
        self.journal.send(Close).await??;
        Ok(())
    }
}

fn partners(cloud: &Addr<Cloud>, discovery: &Addr<Discovery>, journal: &Addr<Journal>) -> Partners {
    Partners {
        read_pool: cloud.clone().recipient(),
        drain: cloud.clone().recipient(),
        give_back: cloud.clone().recipient(),
        perform: cloud.clone().recipient(),
        list_now: discovery.clone().recipient(),
        journal: journal.clone().recipient(),
    }
}

fn receiver(config: &Config, inbox: Arc<SignalInbox>, read_model: Arc<ReadModel>) -> ReceiverState {
    let alerts = &config.alerts;
    ReceiverState {
        inbox,
        read_model,
        authentication: Arc::new(alerts.authentication.clone()),
        hosts: Arc::new(alerts.allowed_hosts.clone().with_own_name()),
        conventions: Arc::new(RwLock::new(Arc::new(alerts.conventions.clone()))),
        body_timeout: alerts.body_timeout,
    }
}

/// What there is to see before anything happened.
fn read_model(config: &Config, clock: Clock) -> ReadModel {
    let model = ReadModel::new(
        clock,
        config.rules.bounds,
        config.mode.to_string(),
        &config.schedule,
        config.discovery.interval * FAILED_ROUNDS,
    );
    model.about(about(config))
}

/// What the page says of this agent.
fn about(config: &Config) -> About {
    let link = |link: &Option<PageUrl>| link.as_ref().map(|url| url.as_str().to_owned());
    About {
        pool_id: config.target.pool.to_string(),
        zone: config.zone.clone(),
        threshold_up: Some(config.thresholds.up),
        threshold_down: Some(config.thresholds.down),
        grafana: link(&config.links.grafana),
        prometheus: link(&config.links.prometheus),
        ..About::default()
    }
}

fn prepare_discovery(file: &Path) -> Result<(), FileError> {
    whole_file::make_folder(whole_file::folder_of(file))?;
    file_sd::check(file)
}

fn restore(config: &Config, remembered: Remembered, clock: Clock) -> (State, Vec<Effect>) {
    let rules = config.rules.clone();
    let wait = rules.cooldown.as_secs_f64();
    let memo = match remembered {
        Remembered::Memo(memo) => Some(memo),
        Remembered::Unclosed(memo) => {
            tracing::warn!(
                "The last run did not end in order: waiting one cooldown ({wait} s) before acting."
            );
            Some(memo)
        }
        Remembered::Rebooted(memo) => {
            tracing::warn!(
                "The machine was booted: orders stay in force, and one cooldown ({wait} s) passes before acting."
            );
            Some(memo)
        }
        Remembered::Nothing => {
            tracing::info!("First start: waiting one cooldown ({wait} s) before acting.");
            None
        }
        Remembered::Unusable(why) => {
            tracing::warn!(
                why,
                "Journal is not usable: waiting one cooldown ({wait} s) before acting."
            );
            None
        }
    };
    let restored = State::restore(rules, config.mode, memo, clock.now());
    tell_of_orders(&restored.0.control());
    restored
}

fn tell_of_orders(control: &Control) {
    if *control != Control::default() {
        let limits = control.limits;
        let limits = limits.map(|limits| format!("{} to {}", limits.min(), limits.max()));
        let mode = control.mode.map(|ordered| ordered.mode.to_string());
        tracing::warn!(
            paused = control.paused,
            mode,
            limits,
            "Orders are in force that were given before this start."
        );
    }
}
