//! G6: an action rests on a pool read at most 10 s old, of a pool in state `running`.

use std::time::Duration;

use policy::{
    Condition, Direction, Effect, Event, HealthSource, Member, MemberId, Memo, Mode, Moment, Pool,
    Signals, Size, State,
};
use proptest::prelude::*;

use super::{
    default_rules::default_rules,
    lives::{config, life, live},
};

/// A read that was under way when the alert came may not know what an operator did meanwhile.
#[test]
fn a_read_begun_before_the_request_decides_nothing() {
    let at = |ms| Moment::at(Duration::from_millis(ms));
    let pool = |read_at, size| Pool {
        read_at,
        size: Size(size),
        condition: Condition::Running,
        health: HealthSource::None,
        counted: 1,
        members: vec![Member {
            id: MemberId(uuid::Uuid::from_u128(1)),
            address: None,
            running: true,
            healthy: None,
            age: None,
        }],
    };
    let memo = Some(Memo::default());
    let (mut state, _) = State::restore(default_rules(), Mode::On, memo, at(0));
    let acts = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::Act { .. }));

    assert!(state.step(Event::Woken, at(0)).contains(&Effect::ReadPool));
    let asked = state.step(
        Event::Signals(Signals {
            up: 1,
            down: 0,
            ..Signals::default()
        }),
        at(100),
    );
    assert!(asked.contains(&Effect::ReadPool));
    let early = state.step(Event::PoolRead(Ok(pool(at(0), 1))), at(150));
    assert!(!acts(&early), "{early:?}");
    let own = state.step(Event::PoolRead(Ok(pool(at(100), 2))), at(200));
    assert!(acts(&own), "{own:?}");
    assert_eq!(
        state.acting().map(|resize| (resize.from(), resize.to())),
        Some((Size(2), Size(3)))
    );
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_action_rests_on_a_fresh_read(life in life()) {
        let (rules, history) = live(life);
        for write in &history.writes {
            prop_assert!(write.ordered_at.since(write.read.read_at) <= rules.fresh, "{write:?}");
            // Giving up places that no member fills may be what a degraded pool needs.
            let gives_up = write.direction == Direction::Down && write.victims == 0;
            let is_degraded = write.read.condition == Condition::Degraded;
            let is_running = write.read.condition == Condition::Running;
            prop_assert!(is_running || (gives_up && is_degraded), "{write:?}");
            prop_assert_eq!(write.from, write.read.size);
            prop_assert_eq!(write.from.0, write.truth.size, "somebody else changed it: {:?}", write);
        }
    }

    #[test]
    fn a_flood_does_not_become_a_flood_of_reads(life in life()) {
        let (rules, history) = live(life);
        // One read per retry pause at most, and one for each cooldown's record, each alert's
        // request and each drain.
        for start in &history.reads {
            let end = *start + rules.cooldown;
            let in_cooldown = history.reads.iter().filter(|at| **at >= *start && **at < end).count();
            prop_assert!(in_cooldown <= 24, "{in_cooldown} reads in one cooldown from {start:?}");
        }
    }
}
