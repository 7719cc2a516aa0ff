//! Plays the load on what was started, watches, and writes down.

use std::time::Duration;

use anyhow::bail;
use loadtest::{Load, Plan, Profile, Progress, Run};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    environment::{Environment, WORK},
    machine::MachineMeter,
    options::Options,
    recorder::Recorder,
    report::{Report, Totals},
    scenario::{Lasts, Scenario},
    screen::ScreenEvent,
    show::Show,
    stop::StopSignals,
    timeline::Timeline,
};

/// Time between two looks at everything.
const TICK: Duration = Duration::from_millis(500);

/// The load of a demo that is kept lasts as long, unless somebody ends it.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many cooldowns of a demo that is kept stay in memory: more than the screen shows.
const KEPT_COOLDOWNS: u32 = 60;
/// How long the last requests of that load are awaited.
const LAST_REQUESTS: Duration = Duration::from_secs(3);

/// A run that was not broken off.
pub(super) struct Played {
    pub(super) run: Timeline,
    pub(super) totals: Totals,
    pub(super) report: Report,
    /// The agent's memory at the end, in bytes.
    pub(super) agent_resident: Option<u64>,
}

/// How the scenario came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// By itself.
    Own,
    /// A person has seen enough, and wants the report.
    Early,
    /// Somebody stopped the demo.
    Stopped,
}

/// What watches a run, and where it is shown.
pub(super) struct Session {
    recorder: Recorder,
    meter: MachineMeter,
    pub(super) show: Show,
}

impl Session {
    /// Begins to watch; takes over the terminal where there is one.
    pub(super) fn begin(environment: &Environment, options: &Options) -> Self {
        Self {
            recorder: Recorder::new(environment.settings(options)),
            meter: MachineMeter::start(environment.client.clone()),
            show: Show::open(options, &format!("http://{}/", environment.agent.address)),
        }
    }

    /// Waits for the load's last requests; `None` when somebody does not want to.
    async fn last_requests(
        &mut self,
        load: Run,
        stop: &mut StopSignals,
    ) -> anyhow::Result<Option<loadtest::Summary>> {
        self.show
            .note("The load has ended; its last requests are awaited.");
        self.show.update(&self.recorder);
        let mut load = std::pin::pin!(load.wait());
        loop {
            tokio::select! {
                load = &mut load => return Ok(Some(load?)),
                event = self.show.event() => if event == ScreenEvent::Stop {
                    return Ok(None);
                },
                () = stop.asked() => return Ok(None),
            }
        }
    }
}

impl Environment {
    /// Plays the scenario; `None` when somebody stopped it.
    pub(super) async fn play(
        &mut self,
        options: &Options,
        scenario: &Scenario,
        session: &mut Session,
        stop: &mut StopSignals,
    ) -> anyhow::Result<Option<Played>> {
        let stages = scenario.phases().iter();
        let stages = stages.map(|phase| Profile::hold(phase.rate, phase.lasts.at_most()));
        let Some(profile) = stages.reduce(Profile::then) else {
            bail!("a scenario without phases")
        };
        let load = self.start_load(options, profile).await?;
        let mut progress = load.progress();
        let ending = self.follow(scenario, session, &mut progress, stop).await?;
        load.stop();
        if ending == Ending::Stopped {
            return Ok(None);
        }
        session.recorder.run.ended_early = ending == Ending::Early;
        let Some(load) = session.last_requests(load, stop).await? else {
            return Ok(None);
        };
        let run = session.recorder.run.clone();
        let totals = self.totals(&run, &session.meter, &load);
        Ok(Some(Played {
            report: Report::new(&run, &totals),
            run,
            totals,
            agent_resident: self.agent.resident_bytes(),
        }))
    }

    fn totals(&self, run: &Timeline, meter: &MachineMeter, load: &loadtest::Summary) -> Totals {
        let latency = |nanos: u64| (load.response.count > 0).then(|| nanos as f64 / 1e6);
        // A pool that left requests waiting at the end of the scenario has failed them. One whose
        // load a person ended has not.
        let not_sent = if run.ended_early {
            load.accounts.unsent
        } else {
            0
        };
        let due = load.accounts.scheduled - not_sent;
        Totals {
            requests: load.accounts.scheduled,
            failed_requests: due - load.ok,
            not_sent,
            p50_ms: latency(load.response.p50),
            p99_ms: latency(load.response.p99),
            missed: due - answered_within(run.settings.normal_latency(), load),
            api_calls: self.cloud.status().calls.values().sum(),
            machine: meter.time(),
        }
    }

    /// Watches until the pool is back at its smallest size, time is up, or somebody ends it.
    async fn follow(
        &mut self,
        scenario: &Scenario,
        session: &mut Session,
        progress: &mut watch::Receiver<Progress>,
        stop: &mut StopSignals,
    ) -> anyhow::Result<Ending> {
        let mut ticks = ticks();
        let mut phases = scenario.phases().iter().enumerate();
        let mut phase_ends = Duration::ZERO;
        let mut is_quiet = false;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                event = session.show.event() => match event {
                    ScreenEvent::End => return Ok(Ending::Early),
                    ScreenEvent::Stop => return Ok(Ending::Stopped),
                    event => self.heed(event, session).await,
                },
                () = stop.asked() => return Ok(Ending::Stopped),
            }
            while session.recorder.elapsed() >= phase_ends {
                let Some((number, phase)) = phases.next() else {
                    return Ok(Ending::Own);
                };
                let is_first_step = number == scenario.first_step();
                session.recorder.phase(phase, is_first_step);
                phase_ends += phase.lasts.at_most();
                is_quiet = matches!(phase.lasts, Lasts::UntilMinimum { .. });
            }
            self.look(session, progress).await?;
            if is_quiet && session.recorder.is_back_at_minimum() {
                return Ok(Ending::Own);
            }
        }
    }

    /// Leaves everything running under a small load until somebody ends it.
    pub(super) async fn keep(
        &mut self,
        options: &Options,
        scenario: &Scenario,
        session: &mut Session,
        stop: &mut StopSignals,
    ) -> anyhow::Result<()> {
        let quiet = scenario.quiet();
        let profile = Profile::hold(quiet.rate, KEPT_FOR);
        if let Some(factor) = &self.load_factor {
            factor.set(1.0);
        }
        let load = self.start_load(options, profile).await?;
        let mut progress = load.progress();
        session.recorder.kept(&quiet);
        session.show.keep(&self.places());
        let mut ticks = ticks();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                event = session.show.event() => match event {
                    ScreenEvent::End | ScreenEvent::Stop => break,
                    event => self.heed(event, session).await,
                },
                () = stop.asked() => break,
            }
            self.look(session, &mut progress).await?;
            let kept = session.recorder.run.settings.cooldown * KEPT_COOLDOWNS;
            session.recorder.forget_before(kept);
        }
        load.stop();
        // Nothing is counted any more.
        let _ = timeout(LAST_REQUESTS, load.wait()).await;
        Ok(())
    }

    /// Does what a key asks for, and writes it down.
    async fn heed(&mut self, event: ScreenEvent, session: &mut Session) {
        if let ScreenEvent::Intervene(intervention) = event {
            let at = session.recorder.elapsed();
            let done = self.intervene(intervention).await;
            tracing::info!(key = ?intervention, %done, "A person intervenes.");
            session.recorder.intervention(at, done);
        }
    }

    /// Looks at everything once, writes it down and shows it.
    async fn look(
        &mut self,
        session: &mut Session,
        progress: &mut watch::Receiver<Progress>,
    ) -> anyhow::Result<()> {
        if let Some(status) = self.agent.ended() {
            bail!("the agent ended by itself with {status}; see agent.log in the report's folder");
        }
        let Session {
            recorder,
            meter,
            show,
        } = session;
        let readings = self.monitoring.readings();
        let status = self.cloud.status();
        recorder.sample(&status, &readings, &progress.borrow_and_update());
        recorder.alerts(&readings);
        let (decisions, agent, ()) = tokio::join!(
            self.agent.decisions(&self.client),
            self.agent.status(&self.client),
            meter.look(&status)
        );
        if let Ok(decisions) = decisions {
            recorder.decisions(&decisions);
        }
        if let Ok(agent) = agent {
            recorder.agent(&agent);
        }
        show.update(recorder);
        Ok(())
    }

    async fn start_load(&self, options: &Options, profile: Profile) -> anyhow::Result<Run> {
        let url = format!("http://{}/?ms={}", self.entrance, WORK.as_millis());
        let mut plan = Plan::new(url.parse()?, Load::Open(profile));
        plan.threads = 1;
        plan.tick = TICK;
        // The balancer spreads connections, not requests, so new members are met only by new ones.
        plan.connection_max_age = Some(options.speed.scale(Duration::from_secs(10)));
        if let Some(factor) = &self.load_factor {
            plan.rate_factor = factor.clone();
        }
        Ok(Run::start(plan).await?)
    }
}

fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Good answers within a limit. A timeout, which is among the response times, takes longer.
fn answered_within(limit: Duration, load: &loadtest::Summary) -> u64 {
    let limit = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
    load.histograms.response.count_between(0, limit)
}
