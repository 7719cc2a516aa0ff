//! One alert rule: breached for long enough it fires, and while it fires it reminds. Pure; time is
//! a value.
//!
//! The states are Grafana's and Prometheus' (inactive, pending, firing); no data and errors count
//! as no breach.

use std::time::Duration;

use policy::Direction;

use crate::AlertChange;

/// Where a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleState {
    /// Not breached.
    Inactive,
    /// Breached, for less than the pending time.
    Pending {
        /// Since when.
        since: Duration,
    },
    /// Breached for at least the pending time.
    Firing {
        /// When it began to fire.
        since: Duration,
    },
}

/// A rule with its state.
#[derive(Clone, Debug)]
pub struct Rule {
    direction: Direction,
    pending_for: Duration,
    repeat: Duration,
    state: RuleState,
    notified: Option<Duration>,
}

impl Rule {
    /// A rule that fires when breached for `pending_for`, and reminds each `repeat`.
    pub fn new(direction: Direction, pending_for: Duration, repeat: Duration) -> Self {
        Self {
            direction,
            pending_for,
            repeat,
            state: RuleState::Inactive,
            notified: None,
        }
    }

    /// Which way this rule asks the pool to go.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Where it is.
    pub fn state(&self) -> RuleState {
        self.state
    }

    /// Takes in whether the condition holds now; says whether the rule began or ceased to fire.
    pub fn evaluate(&mut self, breached: bool, now: Duration) -> Option<AlertChange> {
        let before = self.state;
        self.state = match before {
            _ if !breached => RuleState::Inactive,
            RuleState::Inactive => self.fire_or_wait(now, now),
            RuleState::Pending { since } => self.fire_or_wait(since, now),
            RuleState::Firing { .. } => before,
        };
        let fires = |state| matches!(state, RuleState::Firing { .. });
        match (fires(before), fires(self.state)) {
            (false, true) => {
                self.notified = None;
                Some(AlertChange::Firing)
            }
            (true, false) => Some(AlertChange::Resolved),
            _ => None,
        }
    }

    fn fire_or_wait(&self, since: Duration, now: Duration) -> RuleState {
        if now.saturating_sub(since) >= self.pending_for {
            RuleState::Firing { since: now }
        } else {
            RuleState::Pending { since }
        }
    }

    /// When it began to fire, if a message should be sent now: none was delivered since then, or
    /// the last is `repeat` ago.
    pub fn message_due(&self, now: Duration) -> Option<Duration> {
        let RuleState::Firing { since } = self.state else {
            return None;
        };
        let due = self
            .notified
            .is_none_or(|last| now.saturating_sub(last) >= self.repeat);
        due.then_some(since)
    }

    /// Takes note that a message was delivered.
    pub fn message_delivered(&mut self, now: Duration) {
        self.notified = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rule() -> Rule {
        Rule::new(Direction::Up, SECOND * 60, SECOND * 60)
    }

    #[test]
    fn a_breach_fires_after_the_pending_time_and_a_dip_starts_it_anew() {
        let mut rule = rule();
        assert_eq!(rule.evaluate(true, SECOND * 10), None);
        assert_eq!(rule.state(), RuleState::Pending { since: SECOND * 10 });
        assert_eq!(rule.evaluate(false, SECOND * 60), None);
        assert_eq!(rule.evaluate(true, SECOND * 70), None);
        assert_eq!(rule.evaluate(true, SECOND * 129), None);
        assert_eq!(rule.evaluate(true, SECOND * 130), Some(AlertChange::Firing));
        assert_eq!(rule.evaluate(true, SECOND * 140), None);
        assert_eq!(
            rule.evaluate(false, SECOND * 150),
            Some(AlertChange::Resolved)
        );
    }

    #[test]
    fn messages_are_due_at_once_then_at_each_repeat_and_never_after_the_end() {
        let mut rule = Rule::new(Direction::Down, Duration::ZERO, SECOND * 60);
        assert_eq!(rule.message_due(SECOND), None);
        rule.evaluate(true, SECOND * 5);
        assert_eq!(rule.message_due(SECOND * 5), Some(SECOND * 5));
        assert_eq!(
            rule.message_due(SECOND * 6),
            Some(SECOND * 5),
            "not delivered, so still due"
        );
        rule.message_delivered(SECOND * 6);
        assert_eq!(rule.message_due(SECOND * 65), None);
        assert_eq!(
            rule.message_due(SECOND * 66),
            Some(SECOND * 5),
            "the reminder names the beginning"
        );
        rule.message_delivered(SECOND * 66);
        rule.evaluate(false, SECOND * 70);
        assert_eq!(rule.message_due(SECOND * 700), None);
        rule.evaluate(true, SECOND * 71);
        assert_eq!(
            rule.message_due(SECOND * 71),
            Some(SECOND * 71),
            "a new alert does not wait for the old repeat"
        );
    }

    proptest! {
        #[test]
        fn it_fires_exactly_when_every_evaluation_of_the_pending_time_was_a_breach(
            breaches in proptest::collection::vec(any::<bool>(), 1..100), pending in 0_u32..8,
        ) {
            let mut rule = Rule::new(Direction::Up, SECOND * pending, SECOND);
            for (tick, breached) in (0_u32..).zip(&breaches) {
                rule.evaluate(*breached, SECOND * tick);
                let streak = breaches[..=tick as usize].iter().rev().take_while(|breached| **breached).count();
                let fires = matches!(rule.state(), RuleState::Firing { .. });
                prop_assert_eq!(fires, streak > pending as usize);
            }
        }
    }
}
