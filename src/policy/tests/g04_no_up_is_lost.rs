//! G4: every accepted scale-up is attempted, or refused with a recorded reason; also across
//! crashes.

use std::time::Duration;

use policy::{Direction, Moment, Reason, Verdict};
use proptest::prelude::*;

use super::lives::{config, life, live};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_up_has_an_answer(life in life()) {
        let (rules, history) = live(life);
        for alert in history.alerts.iter().filter(|a| a.direction == Direction::Up) {
            let answered = history.decisions.iter().any(|decision| {
                let answers = match decision.verdict {
                    Verdict::Acted | Verdict::Recommended => true,
                    // The same refusal stands for a cooldown, so it may be a little older.
                    Verdict::Refused => decision.at + rules.cooldown > alert.at,
                    Verdict::Held
                    | Verdict::Failed
                    | Verdict::Quiet
                    | Verdict::Control
                    | Verdict::Draining
                    | Verdict::GivenBack => false,
                };
                answers
                    && decision.direction == Some(Direction::Up)
                    && (decision.at >= alert.at || decision.verdict == Verdict::Refused)
            });
            // An "up" that was being acted on when the process ended was attempted.
            let attempted = history.writes.iter().any(|w| {
                w.direction == Direction::Up && w.at >= alert.at
            });
            prop_assert!(answered || attempted, "{alert:?} was lost");
        }
    }

    /// Not just answered some day: with nothing but the cooldown in its way, an "up" is acted on
    /// when the cooldown ends, whatever scale-in was being prepared.
    #[test]
    fn an_up_that_can_be_served_is_served_when_the_cooldown_ends(life in life()) {
        let (rules, history) = live(life);
        let quiet = 3 * Duration::from_secs(60);
        let ups = history.alerts.iter().filter(|a| a.direction == Direction::Up && a.servable);
        for up in ups {
            let made = history.writes.iter().filter(|write| write.taken && write.at <= up.at);
            let cooldown_ends = made.map(|write| write.at + rules.cooldown).max().unwrap_or(up.at);
            let limit = cooldown_ends.since(up.at) + rules.fresh + rules.retry;
            let is_near = |at: &&Moment| up.at.since(**at) < quiet && at.since(up.at) < limit;
            if history.trouble.iter().any(|at| is_near(&at)) || up.at.since_start() < quiet {
                continue;
            }
            let served = history.decisions.iter().find(|decision| {
                let is_answer = match decision.verdict {
                    Verdict::Acted => true,
                    // An "up" just before took the last place.
                    Verdict::Refused => decision.reason == Reason::AtMax,
                    _ => false,
                };
                is_answer && decision.direction == Some(Direction::Up) && decision.at >= up.at
            });
            let took = served.map(|decision| decision.at.since(up.at));
            prop_assert!(took.is_some_and(|took| took <= limit), "{up:?} took {took:?}");
        }
    }
}
