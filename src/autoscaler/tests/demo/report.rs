//! What a run of the demo leaves behind, and what of it must hold.

use std::path::Path;

use serde_json::Value;

pub(crate) fn report(folder: &Path) -> Value {
    let text = std::fs::read_to_string(folder.join("report.json")).expect("there is a report");
    serde_json::from_str(&text).expect("it is JSON")
}

/// Whether the demo itself measured that this machine was too busy to show anything.
pub(crate) fn was_not_judged(said: &str) -> bool {
    let sentence = said
        .lines()
        .find(|line| line.contains("Not judged: this machine was too busy"));
    if let Some(sentence) = sentence {
        println!("skipped: {}", sentence.trim());
    }
    sentence.is_some()
}

/// What `report.json` promises, and what the run has to show.
pub(crate) fn check_report(report: &Value) {
    let number = |key: &str| {
        report[key]
            .as_f64()
            .unwrap_or_else(|| panic!("{key} in {report}"))
    };
    assert_eq!(report["passed"], true, "{report}");
    assert_eq!(report["outcome"], "passed");
    let machine = |key: &str| report["machine"][key].as_f64().expect("seconds");
    assert!(
        machine("had") > 10.0 && machine("lacked") >= 0.0,
        "{report}"
    );
    assert_eq!(report["speed"], "fast");
    assert!(number("peak_size") >= 3.0);
    assert_eq!(report["final_size"], report["min_size"]);
    assert!(number("peak_size") <= number("max_size"));
    assert!(number("min_gap_between_actions_s") >= number("window_s") - 0.001);
    assert!(number("first_scale_out_s") > 0.0);
    assert!(number("requests") > 500.0);
    assert_eq!(report["failed_requests"], 0);
    assert!(number("p99_ms") >= number("p50_ms"));
    assert!(number("api_calls") > 0.0);
    let actions = report["actions"].as_array().expect("a list");
    for action in actions {
        let (from, to) = (action["from"].as_u64(), action["to"].as_u64());
        let up = action["direction"] == "up";
        assert_eq!(up, to > from, "{action}");
        assert_eq!(action["reason"], if up { "high_load" } else { "low_load" });
    }
    assert_eq!(
        actions.first().expect("there are actions")["direction"],
        "up"
    );
    assert_eq!(
        actions.last().expect("there are actions")["direction"],
        "down"
    );
}
