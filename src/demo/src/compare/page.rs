//! The comparison as a page: one file that needs no other, light or dark as the reader likes, and
//! fit to print.

use std::fmt::Write as _;

use figure::escape;

use super::{ComparedRun, Comparison};
use crate::{report::Report, summary};

/// The page of a comparison, with its figure.
pub(super) fn page(report: &Report, comparison: &Comparison, svg: &str) -> String {
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The same load on three pools</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>What autoscaling gained, and what it cost</h1>
<p class="sentence">{sentence}</p>
<p class="quiet">{setting}</p>
<figure style="margin: 0">
{svg}</figure>
<h2>The three pools</h2>
<div class="scroll">{pools}</div>
<p class="quiet">A miss is a request without a good answer within {limit} s. An instance-hour is counted in the
time of the service: at speed fast, a second of the demo counts ten. CPU time is what this machine gave the instances of
what they were promised.</p>
<h2>Changes of the autoscaled pool</h2>
<div class="scroll">{actions}</div>
<h2>Checks: {outcome}</h2>
<div class="scroll">{checks}</div>
</main>
</body>
</html>
"#,
        style = include_str!("page.css"),
        sentence = escape(&comparison.sentence),
        setting = escape(&setting(report)),
        pools = pools(comparison),
        limit = comparison.miss_after_s,
        actions = actions(report),
        outcome = summary::outcome_words(report.outcome),
        checks = checks(report),
    )
}

fn setting(report: &Report) -> String {
    format!(
        "Scenario {}, speed {}. CPU source: {}. The runs followed each other on one machine, each of {} under the same \
         requests.",
        report.scenario,
        report.speed,
        report.cpu_source,
        summary::duration(report.duration_s)
    )
}

/// A table: its class, its headings, and its cells, which are escaped here.
fn table(class: &str, headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = format!("<table class=\"{class}\">\n<tr>");
    for heading in headings {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escape(heading));
    }
    out.push_str("</tr>\n");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            let _ = write!(out, "<td>{}</td>", escape(&cell));
        }
        out.push_str("</tr>\n");
    }
    out + "</table>"
}

fn pools(comparison: &Comparison) -> String {
    let row = |(name, run): (String, &ComparedRun)| {
        vec![
            name,
            run.peak_size.to_string(),
            summary::latency(run.p50_ms),
            summary::latency(run.p99_ms),
            summary::thousands(run.requests),
            summary::thousands(run.failed_requests),
            format!(
                "{} ({:.1} %)",
                summary::thousands(run.missed),
                run.missed_percent()
            ),
            format!("{:.2}", run.instance_hours),
            format!("{:.0} %", 100.0 * run.machine.share()),
        ]
    };
    let headings = [
        "pool",
        "peak",
        "p50",
        "p99",
        "requests",
        "failed",
        "missed",
        "instance-hours",
        "CPU time",
    ];
    table("figures", &headings, comparison.runs().map(row))
}

fn actions(report: &Report) -> String {
    let rows = report.actions.iter().map(|action| {
        vec![
            format!("{:.1} s", action.at_s),
            format!("{} → {}", action.from, action.to),
            action.direction.action_name().to_owned(),
            action.reason.clone(),
        ]
    });
    table("words", &["at", "size", "action", "reason"], rows)
}

fn checks(report: &Report) -> String {
    let rows = report.checks.checks.iter().map(|check| {
        let mark = if check.pass { "pass" } else { "FAIL" };
        vec![mark.to_owned(), check.name.clone(), check.figures.clone()]
    });
    table("words", &["", "check", "seen"], rows)
}
