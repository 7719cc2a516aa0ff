//! The read model's reading side: what there is to see at this moment.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use policy::{Member, Moment, Outlook, Reason};

use super::{Inner, ReadModel, Seen};
use crate::{
    decision_log::Mark,
    file_sd::TargetGroup,
    health::Part,
    history::Figures,
    target::POOL_READS,
    view::{DecisionRecord, HealthState, NextView, OutlookView, View},
};

/// A pool that is not at rest for so long needs somebody to look at it.
pub(super) const BUSY_TOO_LONG: Duration = Duration::from_secs(15 * 60);

/// How what is shown of the pool compares with a new list of its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The members are those of the last read, and all serve.
    Current,
    /// The members are those of the last read, and not all serve.
    Unsettled,
    /// The members are others, or in another state.
    Outdated,
    /// The pool was not read yet, or the last read failed.
    Unknown,
}

impl ReadModel {
    /// What there is to see now.
    pub(crate) fn view(&self) -> View {
        let heard = self.alerts.heard();
        let inner = self.inner.lock();
        let now = self.clock.now();
        let mut view = inner.view.clone();
        view.now = Timestamp::now();
        view.discovery_age = inner.discovered.map(|at| now.since(at));
        view.cooldown_ends_in_s = inner.cooldown_ends.since(now).as_secs_f64();
        if let Some(pool) = &mut view.pool {
            pool.current = inner.is_current();
        }
        let mut failures = POOL_READS
            .iter()
            .filter_map(|name| inner.health.failure(name, now));
        view.pool_failure = failures.next();
        let outlook = |outlook| outlook_view(outlook, now, view.now);
        if let Some([up, down]) = inner.outlooks {
            view.next = NextView {
                up: outlook(up),
                down: outlook(down),
            };
        }
        view.alerts.up.heard_at = heard.up;
        view.alerts.down.heard_at = heard.down;
        view.alerts.at_least_heard_at = heard.at_least;
        view.alerts.resolved_at = heard.resolved;
        view.alerts.ignored_at = heard.ignored.map(|(at, _)| at);
        view.alerts.ignored = heard.ignored.map(|(_, why)| why);
        view.alerts.cpu = heard.cpu.map(|(_, cpu)| cpu);
        view.alerts.cpu_at = heard.cpu.map(|(at, _)| at);
        view.health = inner.health.checks(now, self.list_within);
        view.health_state = inner.add_overdue(&mut view, now, self.list_within);
        view
    }

    /// The decisions kept, oldest first.
    pub(crate) fn decisions(&self) -> Vec<DecisionRecord> {
        self.inner.lock().decisions.records()
    }

    /// The changes of the last day, for the charts.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        self.inner.lock().decisions.marks()
    }

    /// The service discovery document; `None` before the first successful read.
    pub(crate) fn targets(&self) -> Option<Arc<[TargetGroup]>> {
        self.inner.lock().targets.clone()
    }

    /// What the charts show of this moment; of the CPU use, what was heard after `since`.
    pub(crate) fn figures(&self, since: Timestamp) -> Figures {
        let cpu = self.alerts.heard().cpu;
        let inner = self.inner.lock();
        let pool = inner.view.pool.as_ref().filter(|_| inner.is_current());
        let (min, max) = inner.view.limits();
        Figures {
            wanted: pool.map(|pool| pool.size),
            healthy: pool.map(|pool| pool.ready_members),
            min,
            max,
            cpu: cpu.filter(|(at, _)| *at > since).map(|(_, cpu)| cpu),
        }
    }

    /// How the pool as shown compares with a list of its members that was made just now.
    pub(crate) fn shown(&self, members: &[Member]) -> Shown {
        let inner = self.inner.lock();
        if inner.view.pool.is_none() || !inner.is_current() {
            Shown::Unknown
        } else if inner.seen != seen(members) {
            Shown::Outdated
        } else if inner.is_settled {
            Shown::Current
        } else {
            Shown::Unsettled
        }
    }
}

impl Inner {
    /// Whether the API's latest answers are what the view shows.
    fn is_current(&self) -> bool {
        !POOL_READS.iter().any(|name| self.health.fails(name))
    }

    /// Adds what is wrong because nothing was heard for too long, and says how all of it stands.
    fn add_overdue(&self, view: &mut View, now: Moment, list_within: Duration) -> HealthState {
        let mut set = |part: Part, problem: String| {
            let name = part.name();
            if let Some(check) = view.health.iter_mut().find(|check| check.name == name) {
                check.problem.get_or_insert(problem);
            }
        };
        if let Some((since, state)) = &self.busy
            && now.since(*since) > BUSY_TOO_LONG
        {
            let minutes = now.since(*since).as_secs() / 60;
            let problem = format!("the pool has been {state} for {minutes} min");
            set(Part::Pool, problem);
        }
        let age = now.since(self.discovered.unwrap_or(self.started));
        if age > list_within {
            let (seconds, last) = match self.discovered {
                Some(_) => (age.as_secs(), "last listed"),
                None => (age.as_secs(), "never listed since the start"),
            };
            let problem = format!("cannot list instances; {last} {seconds} s ago");
            set(Part::Discovery, problem);
        }
        let is_wrong = view.health.iter().any(|check| check.problem.is_some());
        match (is_wrong, self.discovered) {
            (true, _) => HealthState::Unhealthy,
            (false, Some(_)) => HealthState::Healthy,
            (false, None) => {
                let problem = "the pool's members were not listed yet".to_owned();
                for check in &mut view.health {
                    if check.name == Part::Discovery.name() {
                        check.problem = Some(problem.clone());
                    }
                }
                HealthState::Unknown
            }
        }
    }
}

/// What is compared of the members.
pub(super) fn seen(members: &[Member]) -> BTreeSet<Seen> {
    let seen = |member: &Member| (member.id, member.running, member.address);
    members.iter().map(seen).collect()
}

fn outlook_view(outlook: Outlook, now: Moment, wall: Timestamp) -> OutlookView {
    let left = outlook.ends.map(|ends| ends.since(now));
    if left == Some(Duration::ZERO) {
        return OutlookView::default(); // it has ended since the last event
    }
    OutlookView {
        reason: outlook.reason,
        text: outlook.reason.map(Reason::text),
        ends_at: left.and_then(|left| wall.checked_add(left).ok()),
        ends_in_s: left.map(|left| left.as_secs_f64()),
    }
}
