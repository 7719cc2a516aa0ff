//! The actors of one pool: started together, watched, and stopped in order.

use std::{error::Error, path::Path, sync::Arc, time::Duration};

use actix::{Actor as _, Addr, Recipient};
use jiff::Timestamp;
use policy::{Control, Effect, Event, Leadership, State};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use whole_file::{self, FileError};

use super::{
    clock::Clock,
    cloud::Cloud,
    config::{Config, PageUrl, PoolConfig, PoolName},
    control::Command,
    decision_file::DecisionFile,
    discovery::Discovery,
    drain::Drainer,
    file_sd,
    history::Historian,
    journal::{Close, Journal, JournalFolder, Remembered},
    lease_fence::Fence,
    lease_keeper::{LeaseKeeper, Resign},
    member_address::Reach,
    messages::{AdoptRules, AdoptSchedule, Finish, Ping},
    metrics::Counters,
    read_model::ReadModel,
    scaler::{Partners, Scaler},
    signal_inbox::SignalInbox,
    start::StartError,
    target::{Api, Target},
    timetable::{Timetable, limits_at},
    view::About,
};

/// Discovery rounds that may fail in a row before `/healthz` says so.
const FAILED_ROUNDS: u32 = 6;

/// How much of the time for a stop the lease's store may take.
const RESIGN_WITHIN: Duration = Duration::from_secs(2);

/// What all pools have in common.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) clock: Clock,
    pub(crate) counters: Counters,
    pub(crate) stopping: CancellationToken,
}

/// The running actors of one pool, and what is to be seen of it.
#[derive(Clone, Debug)]
pub(crate) struct PoolActors {
    /// Its name among several.
    pub(crate) name: Option<PoolName>,
    pub(crate) read_model: Arc<ReadModel>,
    /// Where its alerts go.
    pub(crate) inbox: Arc<SignalInbox>,
    /// Who follows orders.
    pub(crate) commands: Recipient<Command>,
    /// What is scaled, for the counts of its calls.
    pub(crate) target: Target,
    /// Every actor, by name.
    pub(crate) watched: Vec<(&'static str, Recipient<Ping>)>,
    scaler: Addr<Scaler>,
    journal: Addr<Journal>,
    timetable: Addr<Timetable>,
    keeper: Option<Addr<LeaseKeeper>>,
}

impl PoolActors {
    /// Starts the actors of a pool on this thread, which must be an actix arbiter's. Whatever can
    /// fail does so before the first actor runs.
    pub(crate) async fn start(
        config: PoolConfig,
        api: Api,
        shared: Shared,
    ) -> Result<Self, StartError> {
        let Shared {
            clock, stopping, ..
        } = shared.clone();
        let folder = JournalFolder::lock(&config.journal).await?;
        prepare_discovery(&config.discovery.file).map_err(StartError::Discovery)?;
        let read_model = Arc::new(read_model(&config, &shared));
        let fence = Fence::of(config.lease.as_ref());
        let target = Target::new(
            api,
            &config.target,
            config.discovery.addresses,
            clock,
            read_model.clone(),
            stopping,
        )
        .behind(fence.clone());
        let reach = Reach::of(config.discovery.addresses, &shared.config.client.endpoint);
        let drain = config.drain.clone();
        let drainer = Drainer::new(drain, target.clone(), reach, read_model.clone())?;
        let up_lifetime = config.rules.scale_out.alert_lifetime;
        let (journal, remembered, note) =
            Journal::open(folder, clock, up_lifetime, read_model.clone());
        let limits = limits_at(&config.schedule, Timestamp::now());
        let (mut state, mut effects) = restore(&config, remembered, clock);
        effects.extend(state.step(Event::Scheduled(limits), clock.now()));
        let lease_number = state.lease_number();

        let inbox = Arc::new(SignalInbox::default());
        let cloud = Cloud::new(target.clone(), drainer, fence.clone(), read_model.clone());
        let cloud = cloud.start();
        let journal = journal.start();
        let discovery = Discovery::new(
            config.discovery,
            reach,
            cloud.clone().recipient(),
            inbox.clone(),
            read_model.clone(),
        );
        let discovery = discovery.start();
        let scaler = Scaler::new(
            (state, effects),
            note,
            clock,
            inbox.clone(),
            partners(&cloud, &discovery, &journal),
            read_model.clone(),
        );
        let scaler = scaler.start();
        inbox.connect(scaler.clone().recipient());
        let keeper = LeaseKeeper::start_for(
            config.lease,
            lease_number,
            clock,
            &fence,
            scaler.clone().recipient(),
            read_model.clone(),
        );
        let told = scaler.clone().recipient();
        let timetable = Timetable::new(config.schedule, Timestamp::now, told, limits).start();
        let decisions = DecisionFile::new(config.journal);
        let historian = Historian::new(read_model.clone(), target.clone(), decisions).start();
        let pinged = keeper.clone().map(Addr::recipient);
        let mut watched = vec![
            ("scaler", scaler.clone().recipient()),
            ("cloud", cloud.recipient()),
            ("discovery", discovery.recipient()),
            ("journal", journal.clone().recipient()),
            ("timetable", timetable.clone().recipient()),
            ("historian", historian.recipient()),
        ];
        watched.extend(pinged.map(|keeper| ("lease keeper", keeper)));
        Ok(Self {
            name: config.name,
            read_model,
            inbox,
            commands: scaler.clone().recipient(),
            target,
            watched,
            scaler,
            journal,
            timetable,
            keeper,
        })
    }

    /// Takes over those settings of its own that need no restart.
    pub(crate) async fn adopt(&self, config: &PoolConfig) {
        // An actor that is gone is the watchdog's to notice.
        let rules = AdoptRules(config.rules.clone(), config.mode);
        let _ = self.scaler.send(rules).await;
        let schedule = AdoptSchedule(config.schedule.clone());
        let _ = self.timetable.send(schedule).await;
        self.read_model.schedule_changed(&config.schedule);
    }

    /// Closes the journal once nothing is under way: what it holds is then believed by the next
    /// start.
    pub(crate) async fn finish(&self) -> Result<(), Box<dyn Error>> {
        self.scaler.send(Finish).await?;
        self.journal.send(Close).await??;
        // Now nothing is under way, so that another agent may act at once.
        if let Some(keeper) = &self.keeper {
            // A lease that cannot be given up expires.
            let _ = timeout(RESIGN_WITHIN, keeper.send(Resign)).await;
        }
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

/// What there is to see before anything happened.
fn read_model(config: &PoolConfig, shared: &Shared) -> ReadModel {
    let model = ReadModel::new(
        shared.clock,
        config.rules.bounds,
        config.mode.to_string(),
        &config.schedule,
        config.discovery.interval * FAILED_ROUNDS,
        shared.counters.of_pool(config.name.clone()),
    );
    let model = model.about(about(config, &shared.config));
    match config.lease {
        Some(_) => model.with_lease(),
        None => model,
    }
}

/// What the page says of this agent and of this pool.
fn about(config: &PoolConfig, agent: &Config) -> About {
    let link = |link: &Option<PageUrl>| link.as_ref().map(|url| url.as_str().to_owned());
    About {
        pool: config.name.as_ref().map(PoolName::to_string),
        pool_id: config.target.pool.to_string(),
        zone: agent.zone.clone(),
        threshold_up: Some(config.thresholds.up),
        threshold_down: Some(config.thresholds.down),
        grafana: link(&agent.links.grafana),
        prometheus: link(&agent.links.prometheus),
        ..About::default()
    }
}

fn prepare_discovery(file: &Path) -> Result<(), FileError> {
    whole_file::make_folder(whole_file::folder_of(file))?;
    file_sd::check(file)
}

fn restore(config: &PoolConfig, remembered: Remembered, clock: Clock) -> (State, Vec<Effect>) {
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
    let (mut state, mut effects) = State::restore(rules, config.mode, memo, clock.now());
    tell_of_orders(&state.control());
    if config.lease.is_some() {
        let standby = Event::Leadership(Leadership::Standby);
        effects.extend(state.step(standby, clock.now()));
    }
    (state, effects)
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
