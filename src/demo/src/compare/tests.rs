//! A comparison of runs that a model made up.

use std::time::Duration;

use super::*;
use crate::{
    example::{example_run, example_totals},
    report::Totals,
    timeline::MemberSample,
};

fn played(run: Timeline, totals: Totals) -> Played {
    let report = Report::new(&run, &totals);
    Played {
        run,
        totals,
        report,
        agent_resident: None,
    }
}

/// The example with a pool that kept its size.
fn fixed(size: u32, totals: Totals) -> Played {
    let mut run = example_run();
    (run.settings.min_size, run.settings.max_size) = (size, size);
    run.actions.clear();
    for sample in &mut run.samples {
        let member = MemberSample {
            name: "x".to_owned(),
            ..sample.members[0].clone()
        };
        sample.members = vec![member; size as usize];
        (sample.desired, sample.running, sample.healthy) = (size, size, size);
    }
    played(run, totals)
}

fn example() -> ([Played; 3], Comparison) {
    let totals = example_totals();
    let smallest = Totals {
        p99_ms: Some(40_180.0),
        missed: 1_101,
        ..totals
    };
    let largest = Totals {
        p99_ms: Some(190.4),
        missed: 0,
        ..totals
    };
    let runs = [
        fixed(5, largest),
        fixed(1, smallest),
        played(example_run(), totals),
    ];
    let comparison = Comparison::new(&runs[2], &runs[1], &runs[0]);
    (runs, comparison)
}

/// Every number of a text, in order.
fn numbers(text: &str) -> Vec<f64> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    words.filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn the_sentences_numbers_are_those_of_the_written_report() {
    let ([_, _, own], comparison) = example();
    let mut report = own.report;
    report.compare(comparison);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("report.json");
    report.write(&file).expect("it is writable");
    let text = fs::read_to_string(&file).expect("it was written");
    let json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let json = &json["comparison"];
    let number = |run: &str, key: &str| json[run][key].as_f64().expect("a number");
    let misses = |run: &str| 100.0 * number(run, "missed") / number(run, "requests");
    let hours = |run: &str| number(run, "instance_hours");
    let exact = [
        number("autoscaled", "p99_ms") / 1000.0,
        number("smallest", "p99_ms") / 1000.0,
        misses("autoscaled"),
        misses("smallest"),
        number("smallest", "min_size"),
        100.0 * hours("autoscaled") / hours("largest"),
        number("largest", "max_size"),
    ];
    let sentence = json["sentence"].as_str().expect("a text");
    // "p99" itself is no figure.
    let said = numbers(&sentence.replace("p99", ""));
    assert_eq!(said.len(), exact.len(), "{sentence}");
    for (said, exact) in said.iter().zip(exact) {
        assert!(
            (said - exact).abs() < 0.51,
            "{said} for {exact}: {sentence}"
        );
        assert!(exact > 0.0, "a zero would prove nothing");
    }
    let share = hours("autoscaled") / hours("largest");
    assert!(share > 0.2 && share < 1.0, "{share}");
}

#[test]
fn a_comparison_that_shows_no_gain_fails() {
    let ([_, _, own], comparison) = example();
    let outcome = |change: fn(&mut Comparison)| {
        let (mut report, mut comparison) = (own.report.clone(), comparison.clone());
        change(&mut comparison);
        report.compare(comparison);
        (report.outcome, report.passed)
    };
    assert_eq!(outcome(|_| {}), (Outcome::Passed, true));
    let no_faster = |it: &mut Comparison| it.autoscaled.missed = it.smallest.missed;
    assert_eq!(outcome(no_faster), (Outcome::Failed, false));
    let no_cheaper = |it: &mut Comparison| it.autoscaled.instance_hours = it.largest.instance_hours;
    assert_eq!(outcome(no_cheaper), (Outcome::Failed, false));
    let busy = |it: &mut Comparison| {
        it.largest.machine = MachineTime {
            had: 50.0,
            lacked: 50.0,
        };
    };
    assert_eq!(outcome(busy), (Outcome::NotJudged, true));
}

#[test]
fn fixed_pools_get_the_same_load_for_the_same_time() {
    let scenario = crate::scenario::Scenario::new(
        crate::scenario::Kind::Schedule,
        10.0,
        crate::scenario::Speed::Fast,
        1,
        5,
    );
    let scenario = scenario.expect("there is room");
    let lasted = [3, 5, 7, 11].map(Duration::from_secs);
    let replayed = scenario.replayed(&lasted);
    assert_eq!(replayed.at_most(), Duration::from_secs(26));
    assert!(replayed.scheduled.is_none(), "a fixed pool has no schedule");
    let rates = |of: &Scenario| -> Vec<String> {
        of.phases()
            .iter()
            .map(|phase| phase.label.clone())
            .collect()
    };
    assert_eq!(rates(&replayed), rates(&scenario));
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let ([largest, smallest, own], comparison) = example();
    let svg = comparison_svg(&comparison, [&largest.run, &smallest.run, &own.run]);
    let mut report = own.report;
    "<b>&\"".clone_into(&mut report.cpu_source);
    report.compare(comparison);
    let comparison = report.comparison.as_ref().expect("it was put there");
    let page = page(&report, comparison, &svg);
    // The namespace of SVG is a name and no address.
    let rest = page.replace("http://www.w3.org/2000/svg", "");
    for outside in [
        "://", "src=", "href=", "url(", "@import", "<script", "<link",
    ] {
        assert!(!rest.contains(outside), "{outside} in\n{rest}");
    }
    for inside in [
        comparison.sentence.as_str(),
        "prefers-color-scheme: dark",
        "@media print",
        "&lt;b&gt;&amp;&quot;",
        "<svg",
        "fixed pool of 5",
        "no request failed",
    ] {
        assert!(page.contains(inside), "{inside}");
    }
    for element in ["html", "head", "body", "main", "table", "svg", "style"] {
        let (opened, closed) = (format!("<{element}"), format!("</{element}>"));
        let count = |text: &str| page.matches(text).count();
        assert!(count(&closed) > 0, "{element}");
        assert!(count(&opened) >= count(&closed), "{element}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
}

#[test]
fn the_table_and_the_sentence_fit_eighty_columns() {
    let (_, comparison) = example();
    let text = comparison.table() + &folded(&comparison.sentence);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(
        text.contains("40.18 s") && text.contains("190 ms"),
        "{text}"
    );
}
