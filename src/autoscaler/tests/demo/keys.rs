//! The demo as a person drives it: keys on its screen.

use std::{fs, path::Path, time::Duration};

use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{ALONE, RUN_WITHIN, report::report, terminal::Terminal};

/// Waits until a file of the report's folder holds these words.
async fn logged(folder: &Path, file: &str, words: &str) {
    let path = folder.join(file);
    let read = || fs::read_to_string(&path).unwrap_or_default();
    let found = async {
        let mut looks = interval(Duration::from_millis(50));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !read().contains(words) {
            looks.tick().await;
        }
    };
    let found = timeout(RUN_WITHIN, found).await;
    assert!(found.is_ok(), "no {words:?} in {file}:\n{}", read());
}

/// Waits until the screen is there: until then keys are not read as keys.
async fn screen_is_up(terminal: &Terminal) {
    let up = async {
        let mut looks = interval(Duration::from_millis(50));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The screen's own words; those before it have none of them.
        while !terminal.seen().contains("Decisions") {
            looks.tick().await;
        }
    };
    let up = timeout(RUN_WITHIN, up).await;
    assert!(up.is_ok(), "{}", terminal.seen());
}

#[tokio::test]
async fn every_key_is_logged_and_reported_with_what_came_of_it() {
    let _alone = ALONE.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let (mut terminal, mut child) = Terminal::start("xterm-256color", folder.path(), &[]);
    screen_is_up(&terminal).await;
    // In pairs, so that the last of them meets a system that works.
    for (key, words) in [
        ("+", "load ×1.25"),
        ("-", "load ×1.00"),
        ("p", "agent paused"),
        ("p", "agent resumed"),
        ("a", "API broken: every call fails"),
        ("a", "API mended"),
        ("m", "monitoring cut"),
        ("m", "monitoring mended"),
        ("r", "agent killed and started again"),
        ("k", "done=instance "),
    ] {
        terminal.press(key);
        logged(folder.path(), "demo.log", words).await;
    }
    for order in ["\"order\":\"pause\"", "\"order\":\"resume\""] {
        logged(folder.path(), "agent.log", order).await;
    }
    terminal.press("q");
    let status = timeout(RUN_WITHIN, child.wait()).await.expect("in time");
    let seen = terminal.all_seen().await;
    assert_eq!(status.unwrap().code(), Some(130), "{seen}");
    assert!(seen.contains("Ended early by you after"), "{seen}");

    let report = report(folder.path());
    assert_eq!(report["outcome"], "ended_early", "{report:#}");
    assert_eq!(report["ended_early"], true);
    let interventions = report["interventions"].as_array().expect("a list");
    assert_eq!(interventions.len(), 10, "{report:#}");
    let words = |place: usize, key: &str| interventions[place][key].as_str().expect("words");
    assert_eq!(words(2, "text"), "agent paused");
    assert!(
        words(2, "outcome").contains("nothing changed while paused"),
        "{report:#}"
    );
    assert_eq!(interventions[2]["held"], true);
    assert!(
        words(4, "outcome").contains("nothing changed, no request lost"),
        "{report:#}"
    );
    assert!(
        words(6, "outcome").contains("did not scale in blind"),
        "{report:#}"
    );
    assert!(words(8, "outcome").starts_with("back after "), "{report:#}");
    assert!(words(9, "text").starts_with("instance "), "{report:#}");
    let checks = report["checks"].as_array().expect("a list");
    let is_open = |check: &&Value| check["not_judged"] == "you ended the run early";
    assert!(checks.iter().any(|check| is_open(&check)), "{report:#}");
    let figure = fs::read_to_string(folder.path().join("timeline.svg")).expect("a figure");
    assert!(figure.contains("ended early after") && figure.contains("class=\"key\""));
}

#[tokio::test]
async fn ctrl_c_on_the_screen_stops_without_a_report() {
    let _alone = ALONE.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let (mut terminal, mut child) = Terminal::start("xterm-256color", folder.path(), &["--keep"]);
    screen_is_up(&terminal).await;
    terminal.press("\u{3}");
    let status = timeout(RUN_WITHIN, child.wait()).await.expect("in time");
    let seen = terminal.all_seen().await;
    assert_eq!(status.unwrap().code(), Some(130), "{seen}");
    assert!(!folder.path().join("report.json").exists());
}
