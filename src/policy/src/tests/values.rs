//! The policy's values: their texts, names and sums.

use super::*;
use crate::MaxUnready;

#[test]
fn unready_limits_are_read_and_written_alike() {
    for text in ["3", "50%", "3 or 50%", "1", "100%", "65535 or 1%"] {
        let limit: MaxUnready = text.parse().expect(text);
        assert_eq!(limit.to_string(), text);
    }
    for text in [
        "",
        "0",
        "-1",
        "0%",
        "101%",
        "50%%",
        "3 or",
        "or 50%",
        "3 or 0%",
        "half",
        "1.5",
        "3 or 4",
        "99999999999",
        "50% or 3",
        "NaN%",
    ] {
        assert!(text.parse::<MaxUnready>().is_err(), "{text:?}");
    }
    let limit = |text: &str, members| text.parse::<MaxUnready>().expect(text).of(members);
    assert_eq!(limit("3", 100), 3);
    assert_eq!(limit("50%", 7), 4, "rounded up");
    assert_eq!(
        limit("50%", 0),
        1,
        "never 0, which would forbid every growth"
    );
    assert_eq!(limit("3 or 50%", 4), 3);
    assert_eq!(limit("3 or 50%", 10), 5);
}

#[test]
fn a_pool_knows_what_it_lacks() {
    let mut found = pool(3);
    assert_eq!((found.missing(), found.unready(), found.ready()), (0, 0, 3));
    assert!(found.is_listed_whole());
    found.counted = 7; // more than wanted: somebody is shrinking it
    assert!(found.is_listed_whole(), "nobody who is wanted is missing");
    found.size = Size(5);
    found.members[0].healthy = Some(false);
    assert_eq!((found.missing(), found.unready(), found.ready()), (2, 3, 2));
    assert!(!found.is_listed_whole());
    found.counted = 3;
    assert!(found.is_listed_whole());
    // More listed than wanted: those on top count, too.
    found.size = Size(1);
    assert_eq!((found.missing(), found.unready()), (0, 1));
}

#[test]
fn codes_are_distinct_words_and_what_is_serialised() {
    let mut codes: Vec<String> = Reason::ALL.iter().map(ToString::to_string).collect();
    for (code, reason) in codes.iter().zip(Reason::ALL) {
        assert_eq!(code, reason.code());
        assert!(code.chars().all(|c| c == '_' || c.is_ascii_lowercase()) && !code.is_empty());
        assert!(!reason.text().is_empty());
    }
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), Reason::ALL.len());
    for (verdict, code) in [
        (Verdict::Acted, "acted"),
        (Verdict::Recommended, "recommended"),
        (Verdict::Held, "held"),
        (Verdict::Refused, "refused"),
        (Verdict::Failed, "failed"),
        (Verdict::Draining, "draining"),
        (Verdict::GivenBack, "given_back"),
        (Verdict::Quiet, "quiet"),
    ] {
        assert_eq!(verdict.code(), code);
    }
}

#[test]
fn directions_have_their_names() {
    assert_eq!(Direction::between(1, 2), Some(Direction::Up));
    assert_eq!(Direction::between(2, 1), Some(Direction::Down));
    assert_eq!(Direction::between(2, 2), None);
    let names = |d: Direction| (d.to_string(), d.as_str(), d.action_name());
    assert_eq!(names(Direction::Up), ("up".to_owned(), "up", "scale out"));
    assert_eq!(
        names(Direction::Down),
        ("down".to_owned(), "down", "scale in")
    );
}

#[test]
fn a_decision_is_a_sentence() {
    let decision = |verdict, reason, direction, to| Decision {
        at: at(1),
        verdict,
        reason,
        direction,
        signals: 1,
        from: Some(Size(2)),
        to,
        step: None,
    };
    let (up, down) = (Some(Direction::Up), Some(Direction::Down));
    for (decision, text) in [
        (
            decision(Verdict::Acted, Reason::HighLoad, up, Some(Size(3))),
            "Scale-out 2 -> 3: \"up\" alert",
        ),
        (
            decision(Verdict::Acted, Reason::Pinned, down, Some(Size(1))),
            "Scale-in 2 -> 1: the mode pins the size",
        ),
        (
            decision(Verdict::Draining, Reason::LowLoad, down, Some(Size(1))),
            "Draining before scale-in 2 -> 1: \"down\" alert",
        ),
        (
            decision(Verdict::Refused, Reason::AtMax, up, None),
            "Not scaled (scale-out): already at maximum",
        ),
        (
            decision(Verdict::Held, Reason::PoolBusy, up, None),
            "Waiting (scale-out): the pool is not in state running",
        ),
        (
            decision(Verdict::Failed, Reason::Restarted, None, None),
            "Action failed: the agent ended in the middle of an action",
        ),
        (
            decision(Verdict::Quiet, Reason::NoSignal, None, None),
            "No alert",
        ),
    ] {
        assert_eq!(decision.to_string(), text);
    }
    let stepped = |size: &str, cause| Decision {
        step: Some(ChosenStep {
            size: size.parse().expect("a step"),
            cause,
        }),
        ..decision(Verdict::Acted, Reason::HighLoad, up, Some(Size(5)))
    };
    for (decision, text) in [
        (stepped("1", StepCause::Default), ""),
        (stepped("50%", StepCause::Default), ", step 50%"),
        (
            stepped("150%", StepCause::Severity(CpuShare(955))),
            ", step 150% for average CPU above 95.5%",
        ),
        (
            stepped("2", StepCause::Label),
            ", step 2 for the rule's label",
        ),
    ] {
        let text = format!("Scale-out 2 -> 5: \"up\" alert{text}");
        assert_eq!(decision.to_string(), text);
    }
}
