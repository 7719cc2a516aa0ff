//! Other agents and autoscalers of the same pool: those that a lease keeps apart, and those that
//! nothing does.

use policy::{Decision, Moment, Pool, Resize};

use super::{Inner, ReadModel};
use crate::{health::Part, lease_keeper::LeaseView};

impl Inner {
    pub(super) fn note_decision(&mut self, decision: &Decision) {
        // A recommendation may be followed, by a person or by another program.
        let is_followed = self.view.mode == "recommend";
        if let Some(rivalry) = self.rivalry.as_mut().filter(|_| !is_followed) {
            rivalry.decided(decision);
        }
    }

    /// A change of this agent's is under way, or `None`, has ended.
    pub(super) fn note_own_change(&mut self, resize: Option<Resize>, now: Moment) {
        match (&mut self.rivalry, resize) {
            (Some(rivalry), Some(resize)) => rivalry.acts(resize),
            (Some(rivalry), None) => rivalry.acted(now),
            (None, _) => {}
        }
    }
}

impl ReadModel {
    /// The model of an agent with a lease: others may change the pool while they hold it.
    pub(crate) fn with_lease(mut self) -> Self {
        let inner = self.inner.get_mut();
        inner.rivalry = None;
        inner.view.lease = Some(LeaseView::default());
        self
    }

    /// The lease as its keeper sees it.
    pub(crate) fn lease_changed(&self, lease: LeaseView) {
        let mut inner = self.inner.lock();
        let lease = Some(lease);
        if inner.view.lease != lease {
            inner.view.lease = lease;
            self.changed(inner);
        }
    }

    /// The lease's store could be used, or why not.
    pub(crate) fn lease_reached(&self, problem: Option<String>) {
        self.check(Part::Lease, problem);
    }

    /// Takes a read of the pool's size in.
    pub(super) fn look_for_others(&self, inner: &mut Inner, pool: &Pool) {
        let now = self.clock.now();
        let Some(rivalry) = &mut inner.rivalry else {
            return;
        };
        if rivalry.read(pool.size, pool.read_at, now) {
            self.counters.foreign_size_change();
        }
        let problem = rivalry.problem();
        let told = problem.clone();
        if inner.health.set(Part::Others, problem)
            && let Some(problem) = told
        {
            tracing::warn!("{problem}");
        }
    }
}
