//! The image's own files, and what is said of others.

use super::*;

fn of_rules(rules: &str) -> Result<Monitoring, String> {
    let files = MonitoringFiles {
        rules,
        ..MonitoringFiles::IMAGE
    };
    Monitoring::read(&files).map_err(|error| error.to_string())
}

#[test]
fn the_images_files_are_read() {
    let image = Monitoring::read(&MonitoringFiles::IMAGE).expect("they are known");
    assert_eq!(image.evaluation_interval, Duration::from_secs(10));
    for direction in [Direction::Up, Direction::Down] {
        let rules = image
            .rules
            .iter()
            .filter(|(rule, _)| rule.direction == direction);
        assert!(rules.count() >= 1, "{direction}");
    }
    for (rule, route) in &image.rules {
        assert!(
            rule.threshold > 0.0 && rule.threshold < 1.0,
            "{}",
            rule.title
        );
        assert!(
            rule.query.window >= image.scrape_interval * 2,
            "{}",
            rule.title
        );
        assert!(
            route.group_interval >= Duration::from_secs(10),
            "{}",
            rule.title
        );
    }
}

#[test]
fn reminders_come_at_multiples_of_the_group_interval() {
    let spacing = |group: u64, repeat: u64| {
        let route = Route {
            group_by: Vec::new(),
            group_wait: Duration::ZERO,
            group_interval: Duration::from_secs(group),
            repeat_interval: Duration::from_secs(repeat),
        };
        route.spacing().as_secs()
    };
    assert_eq!(
        [spacing(30, 45), spacing(30, 60), spacing(30, 20)],
        [60, 90, 30]
    );
    for (_, route) in Monitoring::image().rules {
        assert_eq!(route.spacing(), Duration::from_secs(60));
    }
}

#[test]
fn thresholds_are_replaced_as_the_image_does() {
    let image = Monitoring::read(&MonitoringFiles::IMAGE).expect("they are known");
    let other = image.clone().with_thresholds(0.7, 0.3);
    for ((before, _), (after, _)) in image.rules.iter().zip(&other.rules) {
        let expected = match before.direction {
            Direction::Up => 0.7,
            Direction::Down => 0.3,
        };
        assert!((after.threshold - expected).abs() < 1e-9, "{}", after.title);
    }
}

#[test]
fn a_rule_by_request_rate_joins_where_it_is_asked_for_or_stands_in_the_file() {
    let image = Monitoring::image();
    assert_eq!(image.floors, []);
    let added = image.with_request_rate(7.5).floors;
    let text = MonitoringFiles::IMAGE.request_rate;
    let read = of_rules(&text.replace("REQUESTS_PER_MEMBER", "7.5")).expect("it is known");
    assert_eq!((added.len(), &added), (1, &read.floors));
    let (rule, route) = &added[0];
    assert!(rule.is_breached_by(2.0) && !rule.is_breached_by(1.0));
    assert_eq!(
        (rule.pending, rule.query.window.as_secs()),
        (Duration::ZERO, 20)
    );
    assert!(rule.query.window >= read.request_scrape_interval * 4);
    // The number may change at each evaluation.
    assert_eq!(route.spacing(), read.evaluation_interval);
}

#[test]
fn a_rule_by_request_rate_that_is_not_understood_is_said() {
    let text = MonitoringFiles::IMAGE.request_rate;
    let text = text.replace("REQUESTS_PER_MEMBER", "7.5");
    for (from, to, said) in [
        ("/ 7.5", "/ 0", "request rate"),
        ("/ 7.5", "/ REQUESTS_PER_MEMBER", "request rate"),
        ("ceil(", "floor(", "request rate"),
        ("requests_received_total", "requests_total", "request rate"),
        ("scale: at-least", "scale: up", "CPU use"),
        ("scale: at-least", "scale: at-most", "at-most"),
        ("noDataState: OK", "noDataState: Alerting", "noDataState"),
        ("for: 0s", "for: soon", "soon"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = of_rules(&text.replace(from, to)).expect_err(to);
        assert!(
            error.contains("the alert rules") && error.contains(said),
            "{error}"
        );
    }
}

#[test]
fn a_change_of_the_rules_that_is_not_understood_is_said() {
    let rules = MonitoringFiles::IMAGE.rules;
    for (from, to, said) in [
        ("avg(", "max(", "expression"),
        ("rate1m", "rate5m", "expression"),
        (">= 90", "> 90", "expression"),
        ("type: gt", "type: within_range", "within_range"),
        ("noDataState: OK", "noDataState: Alerting", "noDataState"),
        ("scale: up", "scale: sideways", "sideways"),
        ("for: 1m", "for: soon", "soon"),
        ("expression: A", "expression: B", "condition"),
    ] {
        assert!(rules.contains(from), "{from}");
        let error = of_rules(&rules.replace(from, to)).expect_err(to);
        assert!(
            error.contains("the alert rules") && error.contains(said),
            "{to}: {error}"
        );
    }
}

#[test]
fn each_rule_has_the_window_that_is_recorded_under_its_name() {
    let image = Monitoring::read(&MonitoringFiles::IMAGE).expect("they are known");
    let figures = image.rules.iter().map(|(rule, _)| {
        let seconds = [rule.query.window, rule.query.young_for, rule.pending].map(|t| t.as_secs());
        (rule.title.as_str(), seconds)
    });
    assert_eq!(
        figures.collect::<Vec<_>>(),
        [
            ("CPU above the upper threshold", [60, 90, 60]),
            ("CPU above the upper threshold at once", [20, 45, 10]),
            ("CPU below the lower threshold", [60, 90, 120]),
        ]
    );
    let text = MonitoringFiles::IMAGE.rules;
    let stepped = text.replace("scale: up", "scale: up\n          step: '3'");
    let read = of_rules(&stepped).expect("labels are free");
    assert_eq!(
        read.rules[0].0.labels.get("step").map(String::as_str),
        Some("3")
    );
}

#[test]
fn recording_rules_that_are_not_understood_are_said() {
    let recording = MonitoringFiles::IMAGE.recording;
    for (from, to, said) in [
        ("[1m]", "[1m:10s]", "no CPU use"),
        ("mode!=\"idle\"", "mode=\"user\"", "no CPU use"),
        ("interval: 5s", "interval: soon", "soon"),
        ("    interval: 5s\n", "", "no interval"),
    ] {
        assert!(recording.contains(from), "{from}");
        let changed = recording.replace(from, to);
        let files = MonitoringFiles {
            recording: &changed,
            ..MonitoringFiles::IMAGE
        };
        let error = Monitoring::read(&files).expect_err(to).to_string();
        assert!(
            error.contains("the recording rules") && error.contains(said),
            "{error}"
        );
    }
}
