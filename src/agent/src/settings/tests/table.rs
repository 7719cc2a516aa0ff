//! The table: that everything is derived from it, and nothing forgotten.

#[path = "../../../../policy/tests/default_rules.rs"]
mod default_rules;

use std::{collections::BTreeSet, time::Duration};

use super::Given;
use crate::config::DrainMode;
use crate::settings::{
    at_speed, default_duration, defaults, explain, explain_all, keys, load_text,
    reader::Reader,
    setting::{AtSpeed, Kind},
    table::TABLE,
};

#[test]
fn every_setting_of_the_table_is_read_and_no_other() {
    let merged = Given::new().sources.merged().unwrap();
    let mut reader = Reader::new(&merged);
    keys::read(&mut reader, &merged);
    let table: BTreeSet<&str> = TABLE.iter().map(|setting| setting.key).collect();
    assert_eq!(*reader.asked(), table);
}

#[test]
#[should_panic(expected = "scaling.speed is not in the table")]
fn a_key_that_the_table_does_not_have_cannot_be_read() {
    let merged = Given::new().sources.merged().unwrap();
    Reader::new(&merged).duration("scaling.speed");
}

#[test]
#[should_panic(expected = "scaling.max_size is of another kind")]
fn a_key_cannot_be_read_as_another_kind() {
    let merged = Given::new().sources.merged().unwrap();
    Reader::new(&merged).required::<bool>("scaling.max_size");
}

#[test]
fn names_are_unique_and_sentences_are_sentences() {
    let mut names = BTreeSet::new();
    for setting in TABLE {
        for name in setting.names().chain(setting.variables.iter().copied()) {
            assert!(names.insert(name), "{name} is there twice");
        }
        let (words, key) = (setting.about.split_whitespace().count(), setting.key);
        assert!(setting.about.ends_with('.') && words < 25, "{key}");
    }
}

#[test]
fn the_words_of_a_choice_are_those_that_it_takes() {
    for setting in TABLE {
        let Kind::Choice(words) = setting.kind else {
            continue;
        };
        for word in words {
            let value = word.replace("=N", "=3");
            Given::new().flag(setting.key, &value).settings();
        }
        let (_, _, message) = Given::new().flag(setting.key, "neither").problem();
        for word in words {
            assert!(message.contains(&format!("`{word}`")), "{message}");
        }
    }
}

#[test]
fn a_drain_is_also_given_by_its_old_spelling_but_not_by_both() {
    let mode = |text: &str| Given::new().file(text).pool().drain.mode;
    assert_eq!(mode(""), DrainMode::Http);
    assert_eq!(mode("[drain]\nenabled = true\n"), DrainMode::Http);
    assert_eq!(mode("[drain]\nenabled = false\n"), DrainMode::None);
    let wait = DrainMode::Wait(Duration::from_secs(45));
    assert_eq!(mode("[drain]\nmode = \"wait=45s\"\n"), wait);
    let both = Given::new().file("[drain]\nenabled = true\nmode = \"none\"\n");
    assert_eq!(both.problem().0, "drain.mode");
}

#[test]
fn every_time_is_divided_or_says_why_not() {
    let all = || at_speed(defaults(), 7.0);
    for setting in TABLE {
        let scaled = all().into_iter().find(|(key, _)| key == setting.key);
        match setting.kind {
            Kind::Duration { at_speed, .. } => match at_speed {
                AtSpeed::Divided => {
                    let default = default_duration(setting.key).unwrap();
                    let expected = format!("{}ms", (default / 7).as_millis());
                    assert_eq!(scaled.unwrap().1, expected, "{}", setting.key);
                }
                AtSpeed::NotScaled(why) => {
                    assert!(scaled.is_none() && why.contains(' '), "{}", setting.key);
                }
            },
            Kind::PerMinute { .. } => assert_eq!(scaled.unwrap().1, (120 * 7).to_string()),
            _ => assert_eq!(scaled, None),
        }
    }
}

#[test]
fn what_is_faster_stays_within_its_bounds() {
    let given = [
        ("scaling.cooldown", "60s"),
        ("scaling.window", "60s"),
        ("exoscale.calls_per_minute", "900000"),
        ("scale_in.warm_up", "0s"),
    ];
    let found = at_speed(given, 100.0);
    let values: Vec<&str> = found.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(values, ["1000ms", "1000ms", "1000000", "0ms"]);
    assert_eq!(
        found[1].0, "scaling.window",
        "the name that was given stays"
    );
    for divisor in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE] {
        let all = at_speed(defaults(), divisor).into_iter();
        let given = all.fold(Given::new(), |given, (key, value)| given.flag(&key, &value));
        given.settings();
    }
}

#[test]
fn a_setting_is_taken_by_its_former_key_from_everywhere() {
    let cooldown = |given: &Given| given.pool().rules.cooldown;
    let from_file = Given::new().file("[scaling]\nwindow = \"70s\"\n");
    let dotted = Given::new().file("scaling.window = \"70s\"\n");
    let variable = Given::new().variable("AUTOSCALER_SCALING__WINDOW", "70s");
    let flag = Given::new().flag("scaling.window", "70s");
    for given in [from_file, dotted, variable, flag] {
        assert_eq!(cooldown(&given), Duration::from_secs(70));
        let entry = given.entry("scaling.cooldown");
        assert!(entry.source.ends_with(", as scaling.window"), "{entry:?}");
        assert_eq!(entry.given_as(), "scaling.window");
    }
    let both = Given::new()
        .file("[scaling]\nwindow = \"70s\"\n")
        .flag("scaling.window", "80s");
    assert_eq!(cooldown(&both), Duration::from_secs(80));
    let (key, source, message) = Given::new().flag("scaling.window", "soon").problem();
    assert_eq!(key, "scaling.cooldown");
    assert_eq!(source, "flag --set, as scaling.window");
    assert!(message.contains("not a duration (for example 60s)"));
    let entry = Given::new().entry("scaling.cooldown");
    assert_eq!(entry.given_as(), "scaling.cooldown");
}

#[test]
fn a_setting_given_by_two_keys_is_refused_with_both() {
    let file = |text: &str| Given::new().file(&format!("[scaling]\n{text}\n"));
    let (old, new) = ("AUTOSCALER_SCALING__WINDOW", "AUTOSCALER_SCALING__COOLDOWN");
    for given in [
        file("window = \"60s\"\ncooldown = \"60s\""),
        file("window = \"60s\"").variable(new, "60s"),
        file("cooldown = \"60s\"").flag("scaling.window", "60s"),
        Given::new().variable(old, "60s").variable(new, "60s"),
        Given::new()
            .flag("scaling.cooldown", "60s")
            .flag("scaling.window", "60s"),
    ] {
        let (key, source, message) = given.problem();
        assert_eq!(key, "scaling.cooldown");
        assert!(message.contains("`scaling.window`"), "{message}");
        assert!(message.contains("`scaling.cooldown`"), "{message}");
        assert!(source.contains("scaling.window: "), "{source}");
        assert!(source.contains("scaling.cooldown: "), "{source}");
    }
    // An empty variable is one that is not set.
    file("cooldown = \"60s\"").variable(old, "").settings();
    let text = "[scaling]\nwindow = \"60s\"\ncooldown = \"60s\"\n";
    let problems = load_text("agent", text).unwrap_err();
    assert!(problems.to_string().contains("former name"), "{problems}");
}

#[test]
fn a_wrong_value_does_not_make_another_key_unknown() {
    let given = Given::new()
        .flag("thresholds.up", "much")
        .flag("thresholds.down", "0.1");
    assert_eq!(given.problem().0, "thresholds.up");
}

#[test]
fn the_rules_that_the_policy_is_tested_with_are_the_tables() {
    let settings = Given::new().settings();
    assert_eq!(
        settings.agent.pools[0].rules,
        default_rules::default_rules()
    );
}

#[test]
fn an_explanation_says_what_the_table_does() {
    let text = explain("scaling.cooldown").unwrap();
    for part in [
        "The pool changes at most once in this time.",
        "kind         duration, such as 60s or 5m\n",
        "default      60s\n",
        "bounds       1s to 1day\n",
        "environment  AUTOSCALER_SCALING__COOLDOWN\n",
        "aliases      scaling.window\n",
        "--speed      divided\n",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    for name in ["scaling.window", "AUTOSCALER_SCALING__COOLDOWN"] {
        assert_eq!(explain(name).unwrap(), text, "{name}");
    }
    let key = explain("exoscale.key").unwrap();
    assert!(
        key.contains("AUTOSCALER_EXOSCALE__KEY, EXOSCALE_KEY, EXOSCALE_API_KEY"),
        "{key}"
    );
    assert!(key.contains("required"), "{key}");
    assert_eq!(
        explain("discovery.labels.team"),
        explain("discovery.labels")
    );
    let section = explain("drain").unwrap();
    assert_eq!(section.lines().count(), 5, "{section}");
    for setting in TABLE {
        assert!(explain_all().contains(setting.about), "{}", setting.key);
        explain(setting.key).unwrap();
    }
}

#[test]
fn an_unknown_setting_has_no_explanation_but_a_suggestion() {
    let said = |name: &str| explain(name).unwrap_err().to_string();
    assert_eq!(
        said("scaling.cooldwn"),
        "unknown setting `scaling.cooldwn`; did you mean `scaling.cooldown`?"
    );
    assert!(said("scaling.windw").contains("`scaling.cooldown`?"));
    assert!(!said("").contains("did you mean"));
    assert!(said(&"x".repeat(100_000)).len() < 300);
    assert!(!said("a\u{1b}b").contains('\u{1b}'));
}
