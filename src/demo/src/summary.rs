//! The end of a run on the terminal: a plain table that fits 80 columns.

use std::fmt::Write as _;

use super::{
    aftermath::Aftermath,
    machine::MachineTime,
    report::{Report, ReportedIntervention},
    verdict::{NOT_JUDGED, Outcome, STOPPED},
};

/// No line is longer.
const COLUMNS: usize = 80;

/// The table for a report, with the agent's memory in bytes; ends with a newline.
pub(crate) fn summary(report: &Report, agent_resident: Option<u64>) -> String {
    let mut out = String::new();
    let mut row = |key: &str, value: String| {
        let _ = writeln!(out, "  {key:<22}{value}");
    };
    row("scenario", report.scenario.to_string());
    row(
        "speed",
        format!("{}, {} in all", report.speed, duration(report.duration_s)),
    );
    if report.ended_early {
        let after = duration(report.duration_s);
        row("ended early", format!("by you, after {after}"));
    }
    row("CPU source", report.cpu_source.clone());
    row("alerts", report.alert_source.clone());
    row("pool", pool(report));
    row(
        "first scale-out",
        optional(report.first_scale_out_s, |s| {
            format!("{s:.1} s after the load step")
        }),
    );
    row("actions", actions(report));
    row("requests", requests(report));
    row(
        "latency",
        format!(
            "p50 {}, p99 {}",
            latency(report.p50_ms),
            latency(report.p99_ms)
        ),
    );
    row("API calls", thousands(report.api_calls));
    if let Some(bytes) = agent_resident {
        row("agent", format!("{:.1} MB resident", bytes as f64 / 1e6));
    }
    row(
        "instances had",
        format!("{:.0} % of their CPU time", report.machine.share() * 100.0),
    );
    out.push('\n');
    for action in &report.actions {
        let _ = writeln!(
            out,
            "  {:>8.1} s  {} → {}  {:<10} {}",
            action.at_s,
            action.from,
            action.to,
            action.direction.action_name(),
            action.reason
        );
    }
    for event in &report.interventions {
        let _ = write!(out, "{}", intervention(event));
    }
    if !report.actions.is_empty() || !report.interventions.is_empty() {
        out.push('\n');
    }
    out + &verdict(report)
}

/// The checks, and what they mean together; ends with a newline.
pub(crate) fn verdict(report: &Report) -> String {
    let mut out = String::new();
    for check in &report.checks.checks {
        let mark = match (check.pass, &check.not_judged) {
            (true, _) => "pass",
            (false, None) => "FAIL",
            (false, Some(_)) => "n.j.",
        };
        let _ = writeln!(out, "  {mark}  {:<30} {}", check.name, check.figures);
        if let Some(why) = &check.not_judged {
            let _ = writeln!(out, "        not judged: {why}");
        }
    }
    match report.outcome {
        Outcome::NotJudged if report.scarcest().is_too_short() => {
            let _ = write!(out, "\n{}", not_judged(&report.scarcest()));
        }
        Outcome::NotJudged => {
            let _ = write!(
                out,
                "\n  Not judged: nothing failed, and what you changed keeps some checks from\n  \
                 saying anything (exit code {NOT_JUDGED}).\n"
            );
        }
        Outcome::EndedEarly => {
            let after = duration(report.duration_s);
            let _ = writeln!(
                out,
                "\n  Ended early by you after {after}; nothing had failed (exit code {STOPPED})."
            );
        }
        Outcome::Passed | Outcome::Failed => {}
    }
    out
}

/// What was done by a key, and below it what came of it, within 80 columns.
fn intervention(event: &ReportedIntervention) -> String {
    let mut out = format!("  {:>8.1} s  key: {}\n", event.at_s, event.text);
    if !event.outcome.is_empty() {
        let mark = Aftermath::sign(event.held);
        let mut line = format!("{:14}{mark}", "");
        for word in event.outcome.split(' ') {
            if line.chars().count() + 1 + word.chars().count() > COLUMNS {
                let _ = writeln!(out, "{line}");
                line = format!("{:15}", "");
            }
            line.push(' ');
            line.push_str(word);
        }
        let _ = writeln!(out, "{line}");
    }
    out
}

fn requests(report: &Report) -> String {
    let mut text = format!(
        "{}, {} failed",
        thousands(report.requests),
        thousands(report.failed_requests)
    );
    if report.not_sent > 0 {
        let _ = write!(text, ", {} not sent at the end", thousands(report.not_sent));
    }
    text
}

/// The outcome where there is little room.
pub(crate) fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::NotJudged => "not judged",
        Outcome::EndedEarly => "ended early",
    }
}

/// The outcome in words.
pub(crate) fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::NotJudged => {
            "not judged, because this machine was too busy or you changed the run"
        }
        Outcome::EndedEarly => "ended early",
    }
}

/// What a run says that was not judged; ends with a newline.
fn not_judged(machine: &MachineTime) -> String {
    format!(
        "  Not judged: this machine was too busy. The instances had {:.0} % of the CPU\n  \
         time that they were promised, so nothing is known of the pool. Run it again\n  \
         when the machine does less (exit code {NOT_JUDGED}).\n",
        machine.share() * 100.0
    )
}

fn pool(report: &Report) -> String {
    let last = report
        .final_size
        .map_or_else(|| "?".to_owned(), |size| size.to_string());
    format!(
        "limits {} … {}, peak {}, {} at the end",
        report.min_size, report.max_size, report.peak_size, last
    )
}

fn actions(report: &Report) -> String {
    let gap = optional(report.min_gap_between_actions_s, |gap| {
        format!(
            "at least {gap:.1} s apart (cooldown {:.1} s)",
            report.window_s
        )
    });
    match report.actions.len() {
        0 => "none".to_owned(),
        1 => "1".to_owned(),
        count => format!("{count}, {gap}"),
    }
}

fn optional(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "never".to_owned(), show)
}

/// A latency that may not be known.
pub(super) fn latency(ms: Option<f64>) -> String {
    ms.map_or_else(|| "unknown".to_owned(), millis)
}

/// A latency with three significant figures.
pub(super) fn millis(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.2} ms"),
        ms if ms < 100.0 => format!("{ms:.1} ms"),
        ms if ms < 1000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.2} s", ms / 1000.0),
    }
}

/// A time such as `58.3 s` or `12 min 04 s`.
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 120.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    format!("{} min {:02} s", whole / 60, whole % 60)
}

/// A count with a thin separator, such as `12 345`.
pub(super) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        done::Done,
        example::{example_run, example_totals},
        report::Totals,
        timeline::InterventionEvent,
    };

    #[test]
    fn it_fits_eighty_columns_and_says_what_happened() {
        let report = Report::new(&example_run(), &example_totals());
        let text = summary(&report, Some(11_600_000));
        assert_narrow(&text);
        for words in [
            "peak 5",
            "2 → 3  scale out",
            "4 → 3  scale in",
            "pass  no request failed",
            "99 % of their CPU time",
            "11.6 MB resident",
        ] {
            assert!(text.contains(words), "{words} in\n{text}");
        }
        assert!(
            !text.contains("FAIL") && !text.contains("Not judged"),
            "{text}"
        );
    }

    #[test]
    fn what_came_of_a_key_stands_below_it_and_is_folded() {
        let mut run = example_run();
        run.interventions.push(InterventionEvent {
            at: Duration::from_secs(20),
            took: Duration::ZERO,
            done: Done::AgentRestarted {
                waited: true,
                waits: true,
                back_after: Duration::from_millis(12_345),
            },
        });
        run.ended_early = true;
        let mut report = Report::new(&run, &example_totals());
        report.interventions[0].outcome += "; and a good deal more besides";
        let text = summary(&report, None);
        assert_narrow(&text);
        for words in [
            "    20.0 s  key: agent killed and started again\n              ✓ back after 12.3 s; pending",
            "ended early           by you, after ",
            "n.j.  came back to the minimum",
            "        not judged: you ended the run early",
            "Ended early by you after",
        ] {
            assert!(text.contains(words), "{words} in\n{text}");
        }
    }

    fn assert_narrow(text: &str) {
        for line in text.lines() {
            assert!(
                line.chars().count() <= 80,
                "{} columns: {line}",
                line.chars().count()
            );
        }
    }

    #[test]
    fn a_run_that_was_not_judged_says_why() {
        let totals = Totals {
            failed_requests: 1,
            machine: MachineTime {
                had: 62.0,
                lacked: 38.0,
            },
            ..example_totals()
        };
        let text = summary(&Report::new(&example_run(), &totals), None);
        assert_narrow(&text);
        assert!(text.contains("FAIL  no request failed"), "{text}");
        assert!(
            text.contains("Not judged: this machine was too busy. The instances had 62 %"),
            "{text}"
        );
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(thousands),
            ["0", "999", "1 000", "1 234 567"]
        );
        assert_eq!(
            [1.234, 12.34, 123.4, 12_340.0].map(millis),
            ["1.23 ms", "12.3 ms", "123 ms", "12.34 s"]
        );
        assert_eq!([58.26, 724.0].map(duration), ["58.3 s", "12 min 04 s"]);
    }
}
