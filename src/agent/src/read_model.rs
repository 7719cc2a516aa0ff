//! What the outside may see of the agent: decisions, pool, health. Written by the actors as things
//! happen, read by the dashboard, the metrics and the tests. It never holds a secret.

mod others;
mod reading;

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use policy::{
    ActionFailure, ActionOutcome, Bounds, Condition, Decision, Direction, MemberId, Moment,
    Outlook, Reason, Resize, State, Verdict,
};
use schedule::{Entry, Schedule};
use tokio::sync::watch;

use super::{
    alert_log::AlertLog,
    clock::Clock,
    config::AddressKind,
    control::{ControlView, Note},
    decision_log::{self, DecisionLog},
    file_sd::TargetGroup,
    health::{Health, News, Part},
    history::History,
    messages::ActionReport,
    metrics::Counters,
    rivalry::Rivalry,
    target::{PoolReport, TargetError},
    view::{About, AlertsView, HealthState, MemberView, NextView, PoolView, SettingsView, View},
};

pub(crate) use reading::Shown;

#[derive(Debug)]
pub(crate) struct ReadModel {
    clock: Clock,
    /// The members must have been listed within this time.
    list_within: Duration,
    inner: Mutex<Inner>,
    counters: Counters,
    alerts: AlertLog,
    history: History,
    version: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    view: View,
    health: Health,
    /// What others seem to do to the pool; with a lease they may.
    rivalry: Option<Rivalry>,
    /// Since when every read found the pool not at rest, and what it was doing at the last.
    busy: Option<(Moment, String)>,
    decisions: DecisionLog,
    cooldown_ends: Moment,
    /// What stands in the way of more members, and of fewer.
    outlooks: Option<[Outlook; 2]>,
    /// The members as last read.
    seen: BTreeSet<Seen>,
    is_settled: bool,
    targets: Option<Arc<[TargetGroup]>>,
    discovered: Option<Moment>,
    started: Moment,
}

/// What both a list of the members and a read of the pool tell of a member.
type Seen = (MemberId, bool, Option<IpAddr>);

impl ReadModel {
    /// An empty model.
    pub(crate) fn new(
        clock: Clock,
        bounds: Bounds,
        mode: String,
        schedule: &Schedule,
        list_within: Duration,
        counters: Counters,
    ) -> Self {
        let view = View {
            now: Timestamp::now(),
            about: About::default(),
            mode,
            min_size: bounds.min().0,
            max_size: bounds.max().0,
            schedule: rows(schedule),
            scheduled_min: None,
            scheduled_max: None,
            at_least: None,
            pool: None,
            pool_failure: None,
            acting: None,
            draining: None,
            cooldown_ends_in_s: 0.0,
            lease: None,
            control: ControlView::default(),
            settings: SettingsView::default(),
            alerts: AlertsView::default(),
            next: NextView::default(),
            targets: 0,
            discovered_at: None,
            discovery_age: None,
            health_state: HealthState::Unknown,
            health: Vec::new(),
        };
        Self {
            clock,
            list_within,
            inner: Mutex::new(Inner {
                view,
                health: Health::default(),
                rivalry: Some(Rivalry::default()),
                busy: None,
                decisions: DecisionLog::default(),
                cooldown_ends: Moment::START,
                outlooks: None,
                seen: BTreeSet::new(),
                is_settled: false,
                targets: None,
                discovered: None,
                started: clock.now(),
            }),
            counters,
            alerts: AlertLog::default(),
            history: History::default(),
            version: watch::Sender::new(0),
        }
    }

    /// The model with what does not change while the agent runs.
    pub(crate) fn about(mut self, about: About) -> Self {
        self.inner.get_mut().view.about = about;
        self
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
            Counters::default(),
        ))
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn alerts(&self) -> &AlertLog {
        &self.alerts
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// Tells of every change, by a number that grows.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Notes a decision; that of an order with who gave it.
    pub(super) fn decided(&self, decision: &Decision, note: Option<&Note>) {
        let (verdict, reason) = (decision.verdict, decision.reason);
        self.counters.decision(verdict.code(), reason.code());
        decision_log::log(decision);
        let mut inner = self.inner.lock();
        if (verdict, reason) == (Verdict::Refused, Reason::Unready) {
            let problem = "growth is stopped: too many members are missing or cannot serve";
            inner.health.set(Part::Members, Some(problem.to_owned()));
        }
        inner.decisions.keep(decision, note, Timestamp::now());
        inner.note_decision(decision);
        self.changed(inner);
    }

    pub(super) fn action_ended(&self, resize: Resize, report: &ActionReport) {
        let outcome = match (report.outcome, &report.detail) {
            (ActionOutcome::Applied, _) => {
                tracing::info!("Pool resized: {resize}.");
                "applied"
            }
            (ActionOutcome::Failed(ActionFailure::Postponed { reason, retry_in }), detail) => {
                let (reason, detail) = (reason.code(), detail.as_deref().unwrap_or_default());
                tracing::warn!(reason, ?retry_in, detail, "Pool is not changed yet.");
                "postponed"
            }
            (ActionOutcome::Failed(failure), detail) => {
                let detail = detail.as_deref().unwrap_or_default();
                tracing::error!(?failure, detail, "Pool could not be changed.");
                "failed"
            }
        };
        self.counters.action(outcome);
        let mut inner = self.inner.lock();
        inner.decisions.ended(outcome);
        inner.note_own_change(None, self.clock.now());
    }

    pub(super) fn state_changed(&self, state: &State, note: Option<&Note>) {
        let now = self.clock.now();
        let control = ControlView::of(state, note, now);
        let bounds = state.rules().bounds;
        let mut inner = self.inner.lock();
        inner.view.control = control;
        inner.view.min_size = bounds.min().0;
        inner.view.max_size = bounds.max().0;
        inner.view.mode = state.mode().to_string();
        inner.view.acting = state.acting().map(|resize| resize.to_string());
        inner.view.draining = state.draining().map(|resize| resize.to_string());
        inner.note_own_change(state.acting(), now);
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
        let alerts = &mut inner.view.alerts;
        for (direction, view) in [
            (Direction::Up, &mut alerts.up),
            (Direction::Down, &mut alerts.down),
        ] {
            let pending = state.pending(direction);
            view.pending = pending.is_some();
            view.count = pending.map_or(0, |pending| pending.count);
        }
        inner.cooldown_ends = state.cooldown_ends();
        let outlook = |direction| state.outlook(direction, now);
        inner.outlooks = Some([outlook(Direction::Up), outlook(Direction::Down)]);
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
        inner.seen = reading::seen(&pool.members);
        self.look_for_others(&mut inner, pool);
        inner.is_settled = pool.condition == Condition::Running && pool.unready() == 0;
        inner.health.set(Part::Pool, degraded);
        inner.busy = match (pool.condition, inner.busy.take()) {
            (Condition::Running, _) => None,
            (_, busy) => Some((busy.map_or(now, |(since, _)| since), state.clone())),
        };
        inner.view.pool = Some(PoolView {
            name: report.name.clone(),
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
        inner.view.schedule = rows(schedule);
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

/// The rows of a schedule, in words.
fn rows(schedule: &Schedule) -> Vec<String> {
    schedule.entries().iter().map(Entry::to_string).collect()
}

fn degraded(report: &PoolReport) -> String {
    let said = "the provider reports the pool as degraded";
    match &report.error_reason {
        Some(reason) => format!("{said}: {reason}"),
        None => said.to_owned(),
    }
}

#[cfg(test)]
mod tests;
