//! Randomised simulations of an agent, for the tests of the policy's guarantees.

use std::time::Duration;

use policy::{Bounds, Condition, Mode, ReadFailure, Rules, ScheduledLimits, Size, StepSize};
use proptest::prelude::*;

use super::{
    default_rules::default_rules,
    happening::{Happening, Mood, WriteFate},
    history::History,
    world::World,
};

fn seconds(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_secs)
}

fn mood() -> impl Strategy<Value = Mood> {
    let read = prop_oneof![
        6 => (10u64..2_000).prop_map(|ms| Ok(Duration::from_millis(ms))),
        1 => seconds(5..20).prop_map(Ok),
        1 => Just(Err(ReadFailure::Unavailable)),
        1 => Just(Err(ReadFailure::Unauthorised)),
        1 => seconds(1..90).prop_map(|wait| Err(ReadFailure::RateLimited(wait))),
    ];
    let write = prop_oneof![
        6 => Just(WriteFate::Applied),
        1 => Just(WriteFate::NoCapacity),
        1 => Just(WriteFate::Refused),
        1 => Just(WriteFate::RateLimited),
        1 => Just(WriteFate::UnknownApplied),
        1 => Just(WriteFate::UnknownLost),
    ];
    let work = prop_oneof![2 => Just(Duration::ZERO), 1 => seconds(1..120)];
    (read, write, seconds(1..50), seconds(0..90), work).prop_map(
        |(read, write, write_takes, drain_takes, work_takes)| Mood {
            read,
            write,
            write_takes,
            drain_takes,
            work_takes,
        },
    )
}

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        3 => Just(Condition::Running),
        1 => Just(Condition::Busy),
        1 => Just(Condition::Degraded),
    ]
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![
        3 => Just(Mode::On),
        1 => Just(Mode::ScaleOutOnly),
        1 => Just(Mode::Recommend),
        1 => (0u32..14).prop_map(|n| Mode::Pinned(Size(n))),
    ]
}

fn step_size() -> impl Strategy<Value = StepSize> {
    prop_oneof![
        (1u32..5).prop_map(StepSize::members),
        (1u32..400).prop_map(|percent| format!("{percent}%").parse().expect("a share")),
    ]
}

fn scheduled() -> impl Strategy<Value = ScheduledLimits> {
    let size = || proptest::option::of((1u32..14).prop_map(Size));
    (size(), size()).prop_map(|(min, max)| ScheduledLimits { min, max })
}

fn bounds() -> impl Strategy<Value = Bounds> {
    (1u32..6, 0u32..10).prop_map(|(min, more)| Bounds::new(min, min + more).expect("min >= 1"))
}

/// What an operator does to the agent while it runs.
fn control() -> impl Strategy<Value = Happening> {
    let time = proptest::option::of(seconds(0..300));
    let ordered_mode = proptest::option::of((mode(), time));
    prop_oneof![
        3 => any::<bool>().prop_map(Happening::Pause),
        1 => Just(Happening::Pause(false)),
        2 => ordered_mode.prop_map(Happening::OrderMode),
        2 => proptest::option::of(bounds()).prop_map(Happening::OrderLimits),
        4 => (0u32..14).prop_map(Happening::OrderSize),
        1 => (bounds(), step_size())
            .prop_map(|(bounds, step)| Happening::SettingsRead(bounds, step)),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (0u32..3, 0u32..3).prop_map(|(up, down)| Happening::Alerts { up, down }),
        8 => (1u32..3).prop_map(|down| Happening::Alerts { up: 0, down }),
        1 => Just(Happening::DownResolves),
        2 => step_size().prop_map(Happening::Severe),
        2 => (0u32..14).prop_map(Happening::AtLeast),
        1 => scheduled().prop_map(Happening::Scheduled),
        10 => seconds(0..15).prop_map(Happening::Pass),
        8 => seconds(0..90).prop_map(Happening::Pass),
        3 => seconds(90..400).prop_map(Happening::Pass),
        2 => (1u32..14).prop_map(Happening::OperatorSets),
        1 => condition().prop_map(Happening::Condition),
        2 => mood().prop_map(Happening::Api),
        1 => any::<bool>().prop_map(Happening::MembersHealthy),
        1 => any::<bool>().prop_map(Happening::BalancerReadable),
        1 => any::<bool>().prop_map(Happening::ListTruncated),
        1 => (0usize..14).prop_map(Happening::MemberDies),
        1 => any::<bool>().prop_map(Happening::Barren),
        2 => any::<bool>().prop_map(|write_lands| Happening::Crash { write_lands }),
        1 => mode().prop_map(Happening::ModeSet),
        1 => any::<bool>().prop_map(Happening::Leads),
        1 => Just(Happening::Leads(true)),
        4 => control(),
    ]
}

/// Two thousand lives for each property; `PROPTEST_CASES` asks for more or fewer.
pub fn config() -> ProptestConfig {
    if std::env::var_os("PROPTEST_CASES").is_some() {
        ProptestConfig::default()
    } else {
        ProptestConfig::with_cases(2_000)
    }
}

/// Any life of an agent: its rules, the pool's first size, and what happens.
pub fn life() -> impl Strategy<Value = (Rules, u32, Vec<Happening>)> {
    life_of(happening())
}

/// A life in which the lease moves often, so that it also moves while a write is under way.
pub fn life_with_a_moving_lease() -> impl Strategy<Value = (Rules, u32, Vec<Happening>)> {
    life_of(prop_oneof![
        4 => happening(),
        1 => prop_oneof![2 => Just(true), 1 => Just(false)].prop_map(Happening::Leads),
    ])
}

fn life_of(
    happening: impl Strategy<Value = Happening>,
) -> impl Strategy<Value = (Rules, u32, Vec<Happening>)> {
    let steps = (step_size(), step_size(), step_size());
    let settings = (1u32..4, 0u32..8, steps).prop_map(|(min, more, (out, most, step_in))| {
        let mut rules = Rules {
            bounds: Bounds::new(min, min + more).expect("min >= 1"),
            ..default_rules()
        };
        rules.scale_out.step = out;
        rules.scale_in.step = step_in;
        rules.scale_out.max_step = most;
        rules
    });
    (
        settings,
        1u32..12,
        proptest::collection::vec(happening, 0..80),
    )
}

/// Plays a life and returns its rules and history.
pub fn live((rules, size, happenings): (Rules, u32, Vec<Happening>)) -> (Rules, History) {
    let history = World::new(rules.clone(), size).play(&happenings);
    (rules, history)
}
