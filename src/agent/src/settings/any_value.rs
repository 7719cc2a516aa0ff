//! No value of any setting can make the program panic: not when it is read, nor when it is used.

use std::{collections::BTreeSet, time::Duration};

use policy::{ActionOutcome, Event, Moment, Signals, State};
use proptest::prelude::*;

use super::{
    Settings, Sources, load, load_text,
    setting::{Kind, Setting, Unset},
    table::TABLE,
};

const POOL: &str = "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e";

/// Every key, with a value that it takes, so that each can be set besides any other.
fn keys() -> Vec<(&'static str, &'static str)> {
    let settings = TABLE.iter().filter(|setting| !has_rows(setting));
    settings.map(key_and_value).collect()
}

/// Whether it can be set in a file alone.
fn has_rows(setting: &Setting) -> bool {
    matches!(setting.kind, Kind::Schedule | Kind::Pools)
}

fn key_and_value(setting: &'static Setting) -> (&'static str, &'static str) {
    let value = match (setting.unset, setting.kind) {
        (Unset::Text(text), _) => text,
        (Unset::Share(_), _) if setting.key == "thresholds.up" => "0.8",
        (Unset::Share(_), _) => "0.2",
        (Unset::Port(_), _) => "8080",
        (_, Kind::ApiKey) => "EXO1",
        (_, Kind::Id(_)) => POOL,
        (_, Kind::Endpoint) => "http://127.0.0.1:1/v2",
        (_, Kind::IpAddress) => "127.0.0.1",
        (_, Kind::Secret(_)) if setting.key == "control.token" => "y",
        (_, Kind::Page) => "http://127.0.0.1:3000/",
        _ if setting.key == "lease.bucket" => "leases",
        (_, Kind::Table) => return ("discovery.labels.team", "web"),
        _ => "x",
    };
    (setting.key, value)
}

fn sources(changes: &[(&str, String)]) -> Sources {
    let given = keys()
        .into_iter()
        .map(|(key, value)| (key, value.to_owned()));
    let flags = given.chain(changes.iter().cloned());
    Sources {
        flags: flags
            .map(|(key, value)| ("--set".to_owned(), key.to_owned(), value))
            .collect(),
        ..Sources::default()
    }
}

/// Does with accepted values what the agent does, at moments that no agent lives to see.
fn use_them(settings: &Settings) {
    let agent = &settings.agent;
    let pool = agent.first_pool();
    let _ = pool.discovery.interval * 6;
    let _ = agent.client.call_deadline + pool.target.operation_timeout + pool.drain.timeout;
    let century = Duration::from_secs(3_155_760_000);
    for start in [Duration::ZERO, century, Duration::MAX] {
        let now = Moment::at(start);
        let (mut state, _) = State::restore(pool.rules.clone(), pool.mode, None, now);
        let later = now + pool.rules.cooldown;
        for event in [
            Event::Signals(Signals {
                up: 1,
                down: 1,
                ..Signals::default()
            }),
            Event::Woken,
            Event::ActionEnded {
                outcome: ActionOutcome::Applied,
                written_at: Some(later),
            },
        ] {
            state.step(event, later);
            let _ = state.next_wake();
        }
    }
    let long =
        tokio::time::Instant::now() + pool.rules.cooldown + pool.rules.scale_out.capacity_pause_max;
    let _ = long + agent.client.call_deadline + pool.target.operation_timeout;
}

/// What people, scripts and mistakes give.
fn value() -> impl Strategy<Value = String> {
    let odd = [
        "",
        " ",
        "0",
        "-0",
        "-1",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "1e308",
        "-1e308",
        "1e-320",
        "0.1",
        "true",
        "null",
        "[]",
        "{}",
        "4294967295",
        "4294967296",
        "18446744073709551615",
        "340282366920938463463374607431768211456",
        "18446744073709551615s",
        "18446744073709551615d",
        "18446744073709551616s",
        "584554531y",
        "0s",
        "0ns",
        "-1s",
        "1s 1s",
        "pinned=4294967295",
        "pinned=",
        "\u{0}",
        "\u{1b}[2J",
        "é",
        "\u{202e}",
        "://",
        "/",
        "..",
    ];
    let units = ["ns", "us", "ms", "s", "m", "h", "d", "w", "M", "y", ""];
    prop_oneof![
        prop::sample::select(odd.to_vec()).prop_map(str::to_owned),
        (any::<u64>(), prop::sample::select(units.to_vec()))
            .prop_map(|(n, unit)| format!("{n}{unit}")),
        (0..100_000_u64, prop::sample::select(units.to_vec()))
            .prop_map(|(n, unit)| format!("{n}{unit}")),
        any::<f64>().prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<String>(),
    ]
}

fn check(sources: &Sources) {
    match load(sources) {
        Ok((settings, _)) => use_them(&settings),
        Err(problems) => assert!(!problems.0.is_empty() && !problems.to_string().is_empty()),
    }
}

#[test]
fn every_key_is_among_those_that_are_tried() {
    let (_, entries) = load(&sources(&[])).unwrap();
    let set: BTreeSet<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
    let settings = TABLE.iter().filter(|setting| !has_rows(setting));
    let known = settings.map(|setting| setting.key);
    assert_eq!(set, known.collect());
}

#[test]
fn the_least_and_the_most_of_each_time_and_number_are_named() {
    for Setting { key, kind, .. } in TABLE {
        let (least, most) = if let Some(range) = kind.time_range() {
            let text = |time| humantime::format_duration(time).to_string();
            (text(*range.start()), text(*range.end()))
        } else if let Some(range) = kind.count_range() {
            (range.start().to_string(), range.end().to_string())
        } else {
            continue;
        };
        // The largest of both, for those that must not be above another.
        let related = [
            ("scaling.max_size", "10000".to_owned()),
            ("scale_out.capacity_pause_max", "1d".to_owned()),
            ("thresholds.down", "0".to_owned()),
            ("lease.duration", "1h".to_owned()),
        ];
        let at = |value: &str| {
            let mut changes = related.to_vec();
            changes.push((key, value.to_owned()));
            load(&sources(&changes))
        };
        at(&most).unwrap_or_else(|problems| panic!("{most}: {problems}"));
        let problems = at("18446744073709551615s").unwrap_err();
        assert_eq!(problems.0.len(), 1, "{problems}");
        let problem = &problems.0[0];
        assert_eq!(problem.key, *key);
        assert!(problem.message.contains(&most), "{problem:?}");
        if least != "0s" {
            let problem = at("0")
                .err()
                .or_else(|| at("0s").err())
                .unwrap()
                .0
                .remove(0);
            assert_eq!(problem.key, *key);
        }
    }
}

proptest! {
    #[test]
    fn no_value_of_any_setting_panics(
        changes in prop::collection::vec((prop::sample::select(keys()), value()), 1..3),
    ) {
        let changes: Vec<_> = changes.into_iter().map(|((key, _), value)| (key, value)).collect();
        check(&sources(&changes));
    }

    #[test]
    fn no_key_nor_variable_panics(key in "[A-Za-z_.]{0,40}|.{0,20}", value: String) {
        let mut sources = sources(&[]);
        sources.variables.push((format!("AUTOSCALER_{key}"), value.clone()));
        check(&sources);
        sources.variables.clear();
        sources.flags.push(("--set".to_owned(), key, value));
        check(&sources);
    }

    #[test]
    fn no_file_panics(
        text: String,
        (key, _) in prop::sample::select(keys()),
        value in "-?[0-9]{1,25}|-?[0-9]{1,3}e[0-9]{1,4}|inf|-nan|true|\\[\\]|\\{\\}|\"[a-z0-9]*\"|1979-05-27",
    ) {
        let _ = load_text("text", &text);
        if let Ok((settings, _)) = load_text("text", &format!("{key} = {value}\n")) {
            use_them(&settings);
        }
    }
}
