//! Members over time: those that ran, and those that recommendations asked for.

use agent::{DecisionLine, Kept};
use serde::Serialize;

/// The agent writes the size at least each five minutes; after a longer silence it did not run.
const SILENCE_S: f64 = 660.0;

/// Members over time, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct PoolTime {
    /// The time that is known.
    pub(super) hours: f64,
    pub(super) instance_hours: f64,
    /// The fewest members and the most.
    pub(super) min: u32,
    pub(super) max: u32,
}

impl PoolTime {
    fn add(&mut self, hours: f64, members: u32) {
        self.min = if self.hours == 0.0 {
            members
        } else {
            self.min.min(members)
        };
        self.max = self.max.max(members);
        self.hours += hours;
        self.instance_hours += hours * f64::from(members);
    }
}

/// What ran, and what would have run if each recommendation had been followed and held until the
/// next one, or until somebody changed the pool.
pub(super) fn hours(lines: &[&DecisionLine]) -> (PoolTime, PoolTime) {
    let (mut ran, mut would) = (PoolTime::default(), PoolTime::default());
    // The size, and the one recommended.
    let mut now: Option<(u32, u32)> = None;
    for (place, line) in lines.iter().enumerate() {
        now = after(now, &line.what);
        let until = lines.get(place + 1).map_or(line.at, |next| next.at);
        let seconds = until.duration_since(line.at).as_secs_f64();
        if let Some((size, recommended)) = now
            && seconds > 0.0
        {
            if seconds > SILENCE_S {
                now = None;
                continue;
            }
            ran.add(seconds / 3600.0, size);
            would.add(seconds / 3600.0, recommended);
        }
    }
    (ran, would)
}

fn after(now: Option<(u32, u32)>, what: &Kept) -> Option<(u32, u32)> {
    match what {
        Kept::Size { size, .. } => match now {
            Some((before, recommended)) if before == *size => Some((*size, recommended)),
            _ => Some((*size, *size)),
        },
        Kept::Decision {
            verdict,
            to: Some(to),
            ..
        } if verdict == "recommended" => now.map(|(size, _)| (size, *to)),
        Kept::Decision { .. } => now,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn at(minute: i64, what: Kept) -> DecisionLine {
        let at = Timestamp::from_second(60 * minute).unwrap();
        DecisionLine { at, what }
    }

    fn size(size: u32) -> Kept {
        Kept::Size {
            size,
            min: 1,
            max: 4,
            mode: "recommend".to_owned(),
        }
    }

    fn recommended(to: u32) -> Kept {
        Kept::Decision {
            verdict: "recommended".to_owned(),
            reason: "high_load".to_owned(),
            direction: None,
            from: Some(2),
            to: Some(to),
        }
    }

    fn of(lines: &[DecisionLine]) -> (PoolTime, PoolTime) {
        hours(&lines.iter().collect::<Vec<_>>())
    }

    #[test]
    fn a_recommendation_holds_until_the_next_or_a_change_by_others() {
        let lines = [
            at(0, size(2)),
            at(6, recommended(3)),
            at(12, size(2)),
            at(18, recommended(1)),
            at(24, size(2)),
            at(30, size(4)),
            at(36, size(4)),
        ];
        let (ran, would) = of(&lines);
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}");
        close(ran.hours, 0.6);
        close(ran.instance_hours, 0.5 * 2.0 + 0.1 * 4.0);
        close(
            would.instance_hours,
            0.1 * 2.0 + 0.2 * 3.0 + 0.2 * 1.0 + 0.1 * 4.0,
        );
        assert_eq!((ran.min, ran.max, would.min, would.max), (2, 4, 1, 4));
    }

    #[test]
    fn while_the_agent_was_silent_nothing_is_known() {
        let (ran, would) = of(&[
            at(0, size(2)),
            at(5, size(2)),
            at(60, size(2)),
            at(65, size(2)),
        ]);
        assert!((ran.hours - 10.0 / 60.0).abs() < 1e-9, "{ran:?}");
        assert_eq!(ran, would);
        assert_eq!(of(&[]), (PoolTime::default(), PoolTime::default()));
        // Before the first size nobody knows what ran.
        assert_eq!(
            of(&[at(0, recommended(3)), at(5, recommended(3))]).0,
            PoolTime::default()
        );
    }
}
