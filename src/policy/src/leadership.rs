//! Which of several agents may act: the one that holds the lease.

use super::{
    decision::{Reason, Verdict},
    state::State,
    step::Step,
    time::Moment,
};

/// Whether this agent may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// It holds the lease.
    Leader {
        /// The lease's number, which grows by one at every change of holder.
        number: u64,
        /// The holders before it changed nothing after this moment.
        others_ended: Moment,
    },
    /// Another may hold it.
    Standby,
}

impl State {
    /// Whether another agent may act instead of this one.
    pub fn is_standby(&self) -> bool {
        self.standby
    }

    /// The number of the lease that this agent, or an earlier run of it, held last.
    pub fn lease_number(&self) -> Option<u64> {
        self.lease_number
    }
}

impl Step<'_> {
    /// Begins to act, or ends it.
    pub(crate) fn follow_lease(&mut self, leadership: Leadership) {
        let reason = match leadership {
            Leadership::Standby => {
                if self.state.standby {
                    return;
                }
                self.state.standby = true;
                self.give_back(Reason::Standby);
                Reason::Standby
            }
            Leadership::Leader {
                number,
                others_ended,
            } => {
                let own = self.state.lease_number;
                if !self.state.standby && own == Some(number) {
                    return;
                }
                self.state.standby = false;
                // With another's tenure in between, what is remembered is not the last action.
                let is_next = own.is_some_and(|own| own == number || own + 1 == number);
                if !is_next {
                    let next = others_ended + self.state.rules.cooldown;
                    self.state.map_cooldown(|ends| ends.max(next));
                }
                self.state.lease_number = Some(number);
                Reason::Leading
            }
        };
        // What was refused of this agent's own knowledge is another matter now.
        (self.state.held, self.state.refused) = (None, None);
        self.record(Verdict::Control, reason, None, 0);
        self.save();
    }
}
