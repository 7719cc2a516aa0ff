//! G17: a floor, of a schedule or of an alert that asks for at least so many members, never shrinks
//! a pool and never makes it larger than its maximum.

use std::time::Duration;

use policy::{Direction, Mode, Reason, Rules, ScheduledLimits, Size, StepSize, Verdict};
use proptest::prelude::*;

use super::{
    default_rules::default_rules,
    happening::Happening,
    lives::{config, life, live},
    world::World,
};

/// A pool whose agent heard nothing but floors, once its first cooldown is over.
fn settled(rules: Rules, size: u32, floors: Vec<Happening>) -> super::history::History {
    let mut happenings = vec![Happening::Pass(Duration::from_secs(180))];
    happenings.extend(floors);
    World::new(rules, size).play(&happenings)
}

fn scheduled(min: u32) -> Happening {
    Happening::Scheduled(ScheduledLimits {
        min: Some(Size(min)),
        max: None,
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_write_goes_below_the_floor_or_above_the_limit(life in life()) {
        let (_, history) = live(life);
        for write in history.writes.iter().filter(|w| !matches!(w.mode, Mode::Pinned(_))) {
            match write.direction {
                Direction::Up => prop_assert!(write.to.0 <= write.scheduled_max, "{write:?}"),
                Direction::Down => prop_assert!(write.to.0 >= write.floor, "{write:?}"),
            }
        }
    }

    /// Without any alert that asks for a direction, nothing shrinks, and nothing grows past the
    /// highest floor there was.
    #[test]
    fn floors_alone_only_raise_and_only_to_themselves(
        size in 1u32..12,
        floors in proptest::collection::vec((0u32..16, 0u64..300), 1..20),
    ) {
        let rules = default_rules();
        let highest = floors.iter().map(|(members, _)| *members).max().unwrap_or(0);
        let happenings = floors.iter().flat_map(|&(members, wait)| {
            [Happening::AtLeast(members), Happening::Pass(Duration::from_secs(wait))]
        });
        let history = settled(rules.clone(), size, happenings.collect());
        for write in &history.writes {
            prop_assert_eq!(write.direction, Direction::Up);
            let limit = highest.min(rules.bounds.max().0);
            prop_assert!(write.to.0 <= limit, "{write:?} past {limit}");
        }
    }

    /// A schedule's minimum is reached with one action, one of an alert by steps of `max_step`.
    #[test]
    fn a_floor_is_reached(size in 1u32..10, floor in 1u32..16, most in 1u32..5) {
        let mut rules = default_rules();
        rules.scale_out.max_step = StepSize::members(most);
        let wanted = floor.min(rules.bounds.max().0);
        let history = settled(rules.clone(), size, vec![scheduled(floor)]);
        prop_assert_eq!(history.writes.len(), usize::from(wanted > size));
        if let Some(write) = history.writes.first() {
            prop_assert_eq!((write.to, history.decisions.iter().any(|d| {
                d.verdict == Verdict::Acted && d.reason == Reason::Scheduled
            })), (Size(wanted), true));
        }
        // Repeated as Grafana does.
        let alerts = std::iter::repeat_n(
            [Happening::AtLeast(floor), Happening::Pass(Duration::from_secs(60))],
            12,
        );
        let history = settled(rules, size, alerts.flatten().collect());
        let last = history.writes.last().map_or(size, |write| write.to.0);
        prop_assert_eq!(last, wanted.max(size));
        prop_assert_eq!(history.writes.len() as u32, wanted.saturating_sub(size).div_ceil(most));
    }
}

#[test]
fn a_floor_outlives_a_crash_and_ends_with_its_lifetime() {
    let mut rules = default_rules();
    // Nothing else holds a "down" back.
    rules.scale_in.stabilisation = Duration::ZERO;
    rules.scale_in.warm_up = Duration::ZERO;
    rules.scale_in.step = StepSize::ONE;
    let down = || Happening::Alerts { up: 0, down: 1 };
    let pass = |seconds| Happening::Pass(Duration::from_secs(seconds));
    let crash = || Happening::Crash { write_lands: false };
    let history = settled(
        rules,
        4,
        vec![
            Happening::AtLeast(4),
            crash(),
            pass(90),
            down(),
            pass(65),
            down(),
        ],
    );
    let answers = history
        .decisions
        .iter()
        .filter(|d| d.direction == Some(Direction::Down));
    let answers: Vec<_> = answers.map(|d| (d.verdict, d.reason)).collect();
    assert_eq!(
        answers[0],
        (Verdict::Refused, Reason::AtFloor),
        "{answers:?}"
    );
    assert_eq!(
        history.writes.len(),
        1,
        "the second asks when the floor is over"
    );
    assert_eq!(history.writes[0].to, Size(3));
}
