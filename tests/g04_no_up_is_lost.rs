//! G4: every accepted scale-up is attempted, or refused with a recorded reason; also across crashes.

mod support;

use autoscaler::policy::{Direction, Verdict};
use proptest::prelude::*;
use support::lives::{life, live};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_up_has_an_answer(life in life()) {
        let (rules, history) = live(life);
        for alert in history.alerts.iter().filter(|a| a.direction == Direction::Up) {
            let answered = history.decisions.iter().any(|decision| {
                let answers = match decision.verdict {
                    Verdict::Acted | Verdict::Recommended => true,
                    // The same refusal stands for a window, so it may be a little older.
                    Verdict::Refused => decision.at + rules.window > alert.at,
                    Verdict::Held | Verdict::Failed | Verdict::Quiet => false,
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
}
