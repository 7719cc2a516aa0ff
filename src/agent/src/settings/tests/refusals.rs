//! What a mistake is answered with.

use super::*;

#[test]
fn every_mistake_is_told_at_once_with_its_source() {
    let given = Given::new()
        .file(
            "[scaling]\nmin_size = 5\nmax_size = 2\ncooldown = \"soon\"\n[alerts]\nport = 99999\n",
        )
        .variable("AUTOSCALER_DRAIN__ENABLED", "perhaps")
        .variable("EXOSCALE_INSTANCEPOOL_ID", "web")
        .flag("thresholds.up", "80")
        .flag("log.format", "xml");
    let problems = given.problems();
    let expected = [
        ("scaling.min_size", "agent.toml", "5, larger than"),
        (
            "scaling.cooldown",
            "agent.toml",
            "`soon` is not a duration (for example 60s): ",
        ),
        ("alerts.port", "agent.toml", "`99999` is not a port"),
        (
            "drain.mode",
            "variable AUTOSCALER_DRAIN__ENABLED",
            "`perhaps`",
        ),
        (
            "exoscale.instance_pool",
            "variable EXOSCALE_INSTANCEPOOL_ID",
            "`web`",
        ),
        ("thresholds.up", "flag --set", "80 % is written 0.8"),
        ("log.format", "flag --set", "expected `text` or `json`"),
    ];
    for (key, source, message) in expected {
        let found = problems.0.iter().find(|problem| problem.key == key);
        let found = found.unwrap_or_else(|| panic!("{key} is missing in {problems}"));
        assert!(found.source.contains(source), "{found:?}");
        assert!(found.message.contains(message), "{found:?}");
    }
    assert_eq!(problems.0.len(), expected.len(), "{problems}");
    assert!(
        problems
            .to_string()
            .starts_with("7 problems in the settings:\n"),
        "{problems}"
    );
}

#[test]
fn nothing_set_says_what_must_be() {
    let problems = load(&Sources::default()).unwrap_err();
    let keys: Vec<&str> = problems
        .0
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    assert_eq!(
        keys,
        ["exoscale.key", "exoscale.secret", "exoscale.instance_pool"]
    );
}

#[test]
fn unknown_keys_are_refused_with_what_was_meant() {
    for (key, meant) in [
        ("scaling.maxsize", "scaling.max_size"),
        ("scaling.cooldwn", "scaling.cooldown"),
        ("alert.token", "alerts.token"),
        ("discovery.intervall", "discovery.interval"),
    ] {
        let (found, _, message) = Given::new().flag(key, "1").problem();
        assert_eq!(found, key);
        assert_eq!(message, format!("unknown setting; did you mean `{meant}`?"));
    }
    let (_, source, message) = Given::new().variable("AUTOSCALER_FOO", "1").problem();
    assert_eq!(source, "variable AUTOSCALER_FOO");
    assert!(!message.contains("did you mean"), "{message}");
    for name in [
        "AUTOSCALER_CONFIG",
        "AUTOSCALER_LOG",
        "AUTOSCALER_REQUIRE_PROGRAMS",
    ] {
        Given::new().variable(name, "x").settings();
    }
    // Labels are free.
    let labelled = Given::new().file("[discovery.labels]\nteam = \"web\"\nstage = 1\n");
    let labels = labelled.pool().discovery.labels;
    assert_eq!(labels["team"], "web");
    assert_eq!(labels["stage"], "1");
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let refused: [(&[(&str, &str)], &str); 8] = [
        (&[("scaling.min_size", "0")], "scaling.min_size"),
        (&[("scaling.min_size", "11")], "scaling.min_size"),
        (&[("scaling.mode", "pinned=11")], "scaling.mode"),
        (&[("scaling.mode", "auto")], "scaling.mode"),
        (&[("alerts.user", "grafana")], "alerts.password"),
        (&[("alerts.password", "x")], "alerts.user"),
        (
            &[("scale_out.capacity_pause", "1h")],
            "scale_out.capacity_pause",
        ),
        (&[("alerts.hmac_header", "a b")], "alerts.hmac_header"),
    ];
    for (flags, key) in refused {
        let given = flags
            .iter()
            .fold(Given::new(), |given, (key, value)| given.flag(key, value));
        assert_eq!(given.problem().0, key);
    }
    let pinned = Given::new().flag("scaling.mode", "pinned=3").settings();
    assert_eq!(pinned.agent.pools[0].mode, Mode::Pinned(Size(3)));
}

#[test]
fn steps_that_are_none_are_refused_with_their_key() {
    for (key, text, says) in [
        ("scale_out.step", "0", "expected a number of members"),
        ("scale_out.step", "0%", "expected a number of members"),
        ("scale_out.step", "1001%", "1000%"),
        ("scale_out.max_step", "unlimited", "`unlimited`"),
        ("scale_out.severity", "0.95", "no colon"),
        ("scale_out.severity", "95: 150%", "from 0 to 1"),
        ("scale_out.severity", "0.95: 0%", "`0%` is no step"),
        ("scale_in.step", "0%", "expected a number of members"),
        ("scale_in.step", "100%", "100%"),
        ("scale_in.step", "2 or 150%", "100%"),
        ("scale_out.at_least_lifetime", "0s", "1s"),
    ] {
        let (found, _, message) = Given::new().flag(key, text).problem();
        assert_eq!(found, key, "{text}: {message}");
        assert!(message.contains(says), "{key} = {text}: {message}");
    }
    for (key, text) in [
        ("scale_out.step", "150%"),
        ("scale_out.max_step", "5 or 200%"),
        ("scale_out.severity", "none"),
        ("scale_out.severity", "0.9: 2, 0.95: 150%"),
        ("scale_in.step", "50%"),
    ] {
        Given::new().flag(key, text).settings();
    }
}

#[test]
fn thresholds_that_would_flap_are_refused() {
    let given = |up: &str, down: &str, step: &str| {
        Given::new()
            .flag("thresholds.up", up)
            .flag("thresholds.down", down)
            .flag("scale_in.step", step)
    };
    // Two members at just below 0.4 each are one member at just below 0.8.
    given("0.8", "0.39", "1").settings();
    // A share of a half never more than doubles the load of the rest.
    given("0.8", "0.39", "50%").settings();
    given("0.8", "0.2", "70%").settings();
    for (up, down, step) in [
        ("0.8", "0.4", "1"),
        ("0.8", "0.5", "1"),
        ("0.8", "0.2", "3"),
        ("0.8", "0.4", "50%"),
        ("0.8", "0.2", "75%"),
        ("0.8", "0.2", "3 or 50%"),
    ] {
        let (key, _, message) = given(up, down, step).problem();
        assert_eq!(key, "thresholds.down");
        assert!(message.contains("flap"), "{message}");
    }
    for (up, down) in [("0.2", "0.8"), ("0.5", "0.5")] {
        let (key, _, message) = given(up, down, "1").problem();
        assert_eq!(key, "thresholds.down");
        assert!(message.contains("below thresholds.up"), "{message}");
    }
    // A pool that starts larger loses a smaller share.
    given("0.8", "0.5", "1")
        .flag("scaling.min_size", "2")
        .settings();
    // A pool of one size cannot flap.
    given("0.8", "0.7", "1")
        .flag("scaling.max_size", "1")
        .settings();
}

#[test]
fn a_share_outside_its_range_is_blamed_itself_with_what_was_meant() {
    for (key, text, says) in [
        ("thresholds.up", "80", "80 % is written 0.8"),
        ("thresholds.up", "80%", "80 % is written 0.8"),
        ("thresholds.up", "1.1", "not a share from 0 to 1"),
        ("thresholds.down", "35 %", "35 % is written 0.35"),
        ("thresholds.down", "-0.1", "not a share from 0 to 1"),
        ("thresholds.up", "nan", "not a share from 0 to 1"),
        ("thresholds.up", "8e9", "not a share from 0 to 1"),
        ("thresholds.up", "much", "not a share from 0 to 1"),
    ] {
        let (found, source, message) = Given::new().flag(key, text).problem();
        assert_eq!(found, key, "{text}: {message}");
        assert_eq!(source, "flag --set");
        assert!(message.contains(says), "{text}: {message}");
    }
}

/// What was set by nobody, or earlier, is not what the reader of the error looks for.
#[test]
fn of_two_that_contradict_each_other_the_one_that_was_set_last_is_blamed() {
    let pairs: [(&[(&str, &str)], &str); 13] = [
        (&[("scaling.max_size", "0")], "scaling.max_size"),
        (&[("scaling.min_size", "11")], "scaling.min_size"),
        (
            &[("scaling.min_size", "5"), ("scaling.max_size", "3")],
            "scaling.max_size",
        ),
        (
            &[("scaling.max_size", "3"), ("scaling.min_size", "5")],
            "scaling.min_size",
        ),
        (&[("thresholds.up", "0.1")], "thresholds.up"),
        (&[("thresholds.down", "0.9")], "thresholds.down"),
        (&[("thresholds.up", "0.3")], "thresholds.up"),
        (&[("scale_in.step", "80%")], "scale_in.step"),
        (
            &[("scale_out.capacity_pause_max", "1m")],
            "scale_out.capacity_pause_max",
        ),
        (
            &[("scale_out.capacity_pause", "1h")],
            "scale_out.capacity_pause",
        ),
        (
            &[("scaling.mode", "pinned=5"), ("scaling.max_size", "3")],
            "scaling.max_size",
        ),
        (
            &[("scaling.mode", "pinned=2"), ("scaling.min_size", "3")],
            "scaling.min_size",
        ),
        (
            &[
                ("discovery.file", "/srv/x/journal.json"),
                ("journal.directory", "/srv/x"),
            ],
            "journal.directory",
        ),
    ];
    for (set, blamed) in pairs {
        let (last, earlier) = set.split_last().unwrap();
        let mut given = Given::new();
        if let [(key, value)] = earlier {
            let (section, name) = key.split_once('.').unwrap();
            let value = match value.parse::<u32>() {
                Ok(_) => (*value).to_owned(),
                Err(_) => format!("{value:?}"),
            };
            given = given.file(&format!("[{section}]\n{name} = {value}\n"));
        }
        let (key, source, message) = given.flag(last.0, last.1).problem();
        assert_eq!(key, blamed, "{set:?}: {message}");
        assert_eq!(source, "flag --set", "{set:?}: {message}");
    }
}

#[test]
fn a_token_that_is_used_twice_is_blamed_where_it_was_set_last() {
    let given = Given::new()
        .file("[control]\ntoken = \"hush\"\n")
        .flag("alerts.token", "hush");
    let (key, _, message) = given.problem();
    assert_eq!(key, "alerts.token", "{message}");
    assert!(message.contains("same as control.token"), "{message}");
}

#[test]
fn a_row_of_the_schedule_and_a_limit_are_blamed_by_who_came_last() {
    let row = "[[schedule]]\ndays = \"mon-fri\"\nfrom = \"08:00\"\nto = \"18:00\"\n\
               time_zone = \"Europe/Vienna\"\nmin_size = 5\n";
    let (key, _, message) = Given::new()
        .file(row)
        .flag("scaling.max_size", "4")
        .problem();
    assert_eq!(key, "scaling.max_size", "{message}");
    let both = format!("[scaling]\nmax_size = 4\n{row}");
    let (key, _, message) = Given::new().file(&both).problem();
    assert_eq!(key, "schedule row 1", "{message}");
}

#[test]
fn every_setting_is_listed_also_those_that_nobody_set() {
    let lines = listed(&Given::new().flag("scaling.max_size", "7").entries());
    let line = |key: &str| {
        let mut found = lines.iter().filter(|line| line[0] == key);
        let line = found.next().unwrap_or_else(|| panic!("{key} is missing"));
        assert!(found.next().is_none(), "{key} is there twice");
        [line[1].as_str(), line[2].as_str()]
    };
    for setting in super::super::table::TABLE {
        line(setting.key);
    }
    assert_eq!(line("scaling.max_size"), ["7", "flag --set"]);
    assert_eq!(line("scaling.min_size"), ["1", "default"]);
    assert_eq!(line("drain.token"), ["(not set)", "unset"]);
    assert_eq!(line("exoscale.load_balancer"), ["(not set)", "unset"]);
}
