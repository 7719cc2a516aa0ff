//! What the outside may see of the agent: decisions, pool, health. Written by the actors as things
//! happen, read by the dashboard, the metrics and the tests. It never holds a secret.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use policy::{
    ActionFailure, ActionOutcome, Bounds, Condition, Decision, Direction, Moment, Reason, Resize,
    State, Verdict,
};
use schedule::{Entry, Schedule};
use tokio::sync::watch;

use super::{
    clock::Clock,
    config::AddressKind,
    control::{ControlView, Note},
    file_sd::TargetGroup,
    health::{Health, News, Part},
    messages::ActionReport,
    metrics::Counters,
    target::{POOL_READS, PoolReport, TargetError},
    view::{DecisionRecord, MemberView, PoolView, SettingsView, View},
};

/// Decisions kept for `/decisions`.
const DECISIONS_KEPT: usize = 200;

/// A pool that is not at rest for so long needs somebody to look at it.
const BUSY_TOO_LONG: Duration = Duration::from_secs(15 * 60);

#[derive(Debug)]
pub(crate) struct ReadModel {
    clock: Clock,
    /// The members must have been listed within this time.
    list_within: Duration,
    inner: Mutex<Inner>,
    counters: Counters,
    version: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    view: View,
    health: Health,
    /// Since when every read found the pool not at rest, and what it was doing at the last.
    busy: Option<(Moment, String)>,
    decisions: VecDeque<DecisionRecord>,
    next_number: u64,
    targets: Option<Arc<[TargetGroup]>>,
    discovered: Option<Moment>,
    started: Moment,
}

impl ReadModel {
    /// An empty model.
    pub(crate) fn new(
        clock: Clock,
        bounds: Bounds,
        mode: String,
        schedule: &Schedule,
        list_within: Duration,
    ) -> Self {
        let view = View {
            mode,
            min_size: bounds.min().0,
            max_size: bounds.max().0,
            schedule: schedule.entries().iter().map(Entry::to_string).collect(),
            scheduled_min: None,
            scheduled_max: None,
            at_least: None,
            pool: None,
            acting: None,
            draining: None,
            cooldown_ends_in_s: 0.0,
            control: ControlView::default(),
            settings: SettingsView::default(),
            targets: 0,
            discovered_at: None,
            discovery_age: None,
            health: Vec::new(),
        };
        Self {
            clock,
            list_within,
            inner: Mutex::new(Inner {
                view,
                health: Health::default(),
                busy: None,
                decisions: VecDeque::new(),
                next_number: 1,
                targets: None,
                discovered: None,
                started: clock.now(),
            }),
            counters: Counters::default(),
            version: watch::Sender::new(0),
        }
    }

    /// A model for tests of single actors.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Arc<Self> {
        let bounds = Bounds::new(1, 10).expect("1 <= 10");
        Arc::new(Self::new(
            Clock::start(),
            bounds,
            "on".to_owned(),
            &Schedule::default(),
            Duration::from_secs(30),
        ))
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Tells of every change, by a number that grows.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// What there is to see now.
    pub(crate) fn view(&self) -> View {
        let inner = self.inner.lock();
        let now = self.clock.now();
        let mut view = inner.view.clone();
        view.discovery_age = inner.discovered.map(|at| now.since(at));
        if let Some(pool) = &mut view.pool {
            pool.current = !POOL_READS.iter().any(|name| inner.health.fails(name));
        }
        view.health = inner.health.checks(now, self.list_within);
        let mut set = |part: Part, problem: String| {
            let name = part.name();
            if let Some(check) = view.health.iter_mut().find(|check| check.name == name) {
                check.problem.get_or_insert(problem);
            }
        };
        let age = now.since(inner.discovered.unwrap_or(inner.started));
        if age > self.list_within {
            let seconds = age.as_secs_f64();
            let problem = format!("cannot list instances; last listed {seconds:.0} s ago");
            set(Part::Discovery, problem);
        }
        if let Some((since, state)) = &inner.busy
            && now.since(*since) > BUSY_TOO_LONG
        {
            let minutes = now.since(*since).as_secs() / 60;
            let problem = format!("the pool has been {state} for {minutes} min");
            set(Part::Pool, problem);
        }
        view
    }

    /// The decisions kept, oldest first.
    pub(crate) fn decisions(&self) -> Vec<DecisionRecord> {
        self.inner.lock().decisions.iter().cloned().collect()
    }

    /// The service discovery document; `None` before the first successful read.
    pub(crate) fn targets(&self) -> Option<Arc<[TargetGroup]>> {
        self.inner.lock().targets.clone()
    }

    /// Notes a decision; that of an order with who gave it.
    pub(super) fn decided(&self, decision: &Decision, note: Option<&Note>) {
        let (verdict, reason) = (decision.verdict, decision.reason);
        self.counters.decision(verdict.code(), reason.code());
        log(decision);
        let now = Timestamp::now();
        let mut inner = self.inner.lock();
        if (verdict, reason) == (Verdict::Refused, Reason::Unready) {
            let problem = "growth is stopped: too many members are missing or cannot serve";
            inner.health.set(Part::Members, Some(problem.to_owned()));
        }
        if let Some(last) = inner.decisions.back_mut()
            && verdict == Verdict::Quiet
            && last.verdict == Verdict::Quiet
        {
            last.until = now;
            last.times += 1;
        } else {
            let record = DecisionRecord {
                number: inner.next_number,
                at: now,
                until: now,
                times: 1,
                at_s: decision.at.since_start().as_secs_f64(),
                verdict,
                reason,
                text: reason.text(),
                direction: decision.direction,
                signals: decision.signals,
                from: decision.from.map(|size| size.0),
                to: decision.to.map(|size| size.0),
                step: decision.step.map(|step| step.size.to_string()),
                step_reason: decision.step.map(|step| step.cause.to_string()),
                order: note.map(|note| note.order.clone()),
                who: note.and_then(|note| note.who.clone()),
                why: note.and_then(|note| note.why.clone()),
            };
            inner.next_number += 1;
            inner.decisions.push_back(record);
            if inner.decisions.len() > DECISIONS_KEPT {
                inner.decisions.pop_front();
            }
        }
        self.changed(inner);
    }

    pub(super) fn action_ended(&self, resize: Resize, report: &ActionReport) {
        match (report.outcome, &report.detail) {
            (ActionOutcome::Applied, _) => {
                self.counters.action("applied");
                tracing::info!("Pool resized: {resize}.");
            }
            (ActionOutcome::Failed(ActionFailure::Postponed { reason, retry_in }), detail) => {
                self.counters.action("postponed");
                let (reason, detail) = (reason.code(), detail.as_deref().unwrap_or_default());
                tracing::warn!(reason, ?retry_in, detail, "Pool is not changed yet.");
            }
            (ActionOutcome::Failed(failure), detail) => {
                self.counters.action("failed");
                let detail = detail.as_deref().unwrap_or_default();
                tracing::error!(?failure, detail, "Pool could not be changed.");
            }
        }
    }

    pub(super) fn state_changed(&self, state: &State, note: Option<&Note>) {
        let control = ControlView::of(state, note, self.clock.now());
        let bounds = state.rules().bounds;
        let mut inner = self.inner.lock();
        inner.view.control = control;
        inner.view.min_size = bounds.min().0;
        inner.view.max_size = bounds.max().0;
        inner.view.mode = state.mode().to_string();
        inner.view.acting = state.acting().map(|resize| resize.to_string());
        inner.view.draining = state.draining().map(|resize| resize.to_string());
        let scheduled = state.scheduled();
        inner.view.scheduled_min = scheduled.min.map(|size| size.0);
        inner.view.scheduled_max = scheduled.max.map(|size| size.0);
        inner.view.at_least = state.at_least().map(|asked| asked.members.0);
        if let Some(pool) = state.pool() {
            let limit = state.rules().scale_out.max_unready.of(pool.members.len());
            if pool.unready() < limit {
                inner.health.set(Part::Members, None);
            }
        }
        inner.view.cooldown_ends_in_s = state.cooldown_ends().since(self.clock.now()).as_secs_f64();
        self.changed(inner);
    }

    pub(super) fn pool_read(&self, report: &PoolReport) {
        let PoolReport { pool, state, .. } = report;
        let view = |(member, name): (&policy::Member, &String)| MemberView {
            id: member.id.0.to_string(),
            name: name.clone(),
            address: member.address,
            running: member.running,
            healthy: member.healthy,
            age_s: member.age.map(|age| age.as_secs()),
        };
        let degraded = (pool.condition == Condition::Degraded).then(|| degraded(report));
        let now = self.clock.now();
        let mut inner = self.inner.lock();
        inner.health.set(Part::Pool, degraded);
        inner.busy = match (pool.condition, inner.busy.take()) {
            (Condition::Running, _) => None,
            (_, busy) => Some((busy.map_or(now, |(since, _)| since), state.clone())),
        };
        inner.view.pool = Some(PoolView {
            read_at: Timestamp::now(),
            current: true,
            size: pool.size.0,
            state: state.clone(),
            running: pool.condition == Condition::Running,
            running_members: pool.members.iter().filter(|m| m.running).count() as u32,
            ready_members: pool.ready() as u32,
            members: pool.members.iter().zip(&report.names).map(view).collect(),
        });
        self.changed(inner);
    }

    pub(super) fn discovered(&self, groups: &[TargetGroup]) {
        let mut inner = self.inner.lock();
        inner.view.targets = groups.iter().map(|group| group.targets.len()).sum();
        inner.view.discovered_at = Some(Timestamp::now());
        inner.discovered = Some(self.clock.now());
        inner.targets = Some(groups.into());
        self.changed(inner);
    }

    /// Notes how a call of the provider's API ended.
    pub(super) fn call_ended(&self, operation: &'static str, error: Option<&TargetError>) {
        let mut inner = self.inner.lock();
        match (
            inner.health.call_ended(operation, error, self.clock.now()),
            error,
        ) {
            (News::None, _) => return,
            (News::Fails, Some(error)) => tracing::warn!(operation, %error, "API operation fails."),
            (News::WorksAgain, _) => tracing::info!(operation, "API operation works again."),
            (News::Untold | News::Fails, _) => {}
        }
        self.changed(inner);
    }

    /// Of the members, `without` have no address of this kind, and `unfit` one that is no member's.
    pub(super) fn members_out_of_reach(&self, without: usize, unfit: usize, kind: AddressKind) {
        let kind = kind.as_str();
        let mut problems = Vec::new();
        if without > 0 {
            problems.push(format!(
                "running members without a {kind} address: {without}; see discovery.addresses"
            ));
        }
        if unfit > 0 {
            problems.push(format!(
                "members with an address that is refused: {unfit}; the log says which and why"
            ));
        }
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        self.check(Part::Addresses, problem);
    }

    /// The settings were read again: what takes effect at the next start only, or what is wrong.
    pub(super) fn settings_read(&self, result: Result<&[String], String>) {
        self.counters
            .settings_reload(if result.is_ok() { "ok" } else { "failed" });
        let mut inner = self.inner.lock();
        let settings = &mut inner.view.settings;
        settings.read_at = Some(Timestamp::now());
        match result {
            Ok(waiting) => {
                settings.problem = None;
                settings.needs_restart = waiting.to_vec();
            }
            Err(problem) => settings.problem = Some(problem),
        }
        self.changed(inner);
    }

    /// The rows of the schedule, in words.
    pub(super) fn schedule_changed(&self, schedule: &Schedule) {
        let mut inner = self.inner.lock();
        inner.view.schedule = schedule.entries().iter().map(Entry::to_string).collect();
        self.changed(inner);
    }

    pub(super) fn file_written(&self, problem: Option<String>) {
        self.check(Part::File, problem);
    }

    pub(super) fn journal_written(&self, problem: Option<String>) {
        self.check(Part::Journal, problem);
    }

    pub(super) fn actors_answered(&self, problem: Option<String>) {
        self.check(Part::Actors, problem);
    }

    fn check(&self, part: Part, problem: Option<String>) {
        let mut inner = self.inner.lock();
        if inner.health.set(part, problem) {
            self.changed(inner);
        }
    }

    fn changed(&self, inner: MutexGuard<'_, Inner>) {
        drop(inner);
        self.version.send_modify(|version| *version += 1);
    }
}

fn degraded(report: &PoolReport) -> String {
    let said = "the provider reports the pool as degraded";
    match &report.error_reason {
        Some(reason) => format!("{said}: {reason}"),
        None => said.to_owned(),
    }
}

fn log(decision: &Decision) {
    let Decision { signals, .. } = *decision;
    let direction = decision.direction.map(Direction::as_str);
    let (from, to) = (decision.from.map(|s| s.0), decision.to.map(|s| s.0));
    let (verdict, reason) = (decision.verdict.code(), decision.reason.code());
    if decision.verdict == Verdict::Quiet {
        tracing::debug!(verdict, reason, from, "{decision}.");
    } else {
        tracing::info!(verdict, reason, direction, from, to, signals, "{decision}.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::{HealthSource, Pool, Size};

    fn report(state: &str, condition: Condition) -> PoolReport {
        PoolReport {
            pool: Pool {
                read_at: Moment::START,
                size: Size(2),
                condition,
                health: HealthSource::None,
                counted: 2,
                members: Vec::new(),
            },
            state: state.to_owned(),
            error_reason: None,
            names: Vec::new(),
        }
    }

    fn problem(model: &ReadModel) -> Option<String> {
        let checks = model.view().health;
        checks
            .into_iter()
            .find(|check| check.name == "pool")?
            .problem
    }

    #[tokio::test(start_paused = true)]
    async fn a_pool_that_stays_busy_needs_somebody() {
        let model = ReadModel::for_tests();
        let see = |state, condition| model.pool_read(&report(state, condition));
        see("scaling-up", Condition::Busy);
        tokio::time::advance(BUSY_TOO_LONG).await;
        see("updating", Condition::Busy);
        assert_eq!(problem(&model), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        let text = problem(&model).expect("a quarter of an hour is over");
        assert_eq!(text, "the pool has been updating for 15 min");
        see("running", Condition::Running);
        assert_eq!(problem(&model), None);
        // The next time counts from its own beginning.
        see("scaling-up", Condition::Busy);
        assert_eq!(problem(&model), None);
    }
}
