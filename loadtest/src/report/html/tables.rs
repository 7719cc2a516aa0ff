//! The tables of the page. Everything that comes from outside is escaped here.

use std::fmt::{Display, Write as _};

use super::{axis::seconds, escape};
use crate::{
    record::{Class, Latency, Summary},
    threshold::Verdict,
};

/// A table under construction: its first column names its rows.
struct Table {
    out: String,
}

impl Table {
    fn new(caption: &str, heads: &[&str]) -> Self {
        let mut out = format!(
            "<section><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table>\n<caption>{0}</caption>\n<thead><tr>",
            escape(caption)
        );
        for head in heads {
            // Writing to a String cannot fail, here and below.
            let _ = write!(out, "<th scope=\"col\">{}</th>", escape(head));
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        Self { out }
    }

    fn row(&mut self, name: &str, cells: impl IntoIterator<Item = String>) {
        let _ = write!(
            self.out,
            "<tr><th scope=\"row\"><bdi>{}</bdi></th>",
            escape(name)
        );
        for cell in cells {
            let _ = write!(self.out, "<td>{}</td>", escape(&cell));
        }
        self.out.push_str("</tr>\n");
    }

    fn row_of_words(&mut self, name: &str, count: impl Display, words: &[String]) {
        let _ = write!(
            self.out,
            "<tr><th scope=\"row\"><bdi>{}</bdi></th><td>{count}</td><td class=\"words\">{}",
            escape(name),
            words.first().map(|text| escape(text)).unwrap_or_default()
        );
        for more in words.iter().skip(1) {
            let _ = write!(self.out, "<small><bdi>{}</bdi></small>", escape(more));
        }
        self.out.push_str("</td></tr>\n");
    }

    fn finish(self) -> String {
        self.out + "</tbody>\n</table></div></section>\n"
    }
}

fn part(count: u64, total: u64) -> String {
    format!("{:.2} %", count as f64 * 100.0 / total.max(1) as f64)
}

/// Percentiles, or dashes where nothing was measured.
fn times<const N: usize>(latency: &Latency, values: [u64; N]) -> [String; N] {
    values.map(|nanos| latency.show(nanos))
}

pub(super) fn thresholds(verdicts: &[Verdict]) -> String {
    if verdicts.is_empty() {
        return String::new();
    }
    let mut table = Table::new("Thresholds", &["fail if", "measured", "verdict"]);
    for verdict in verdicts {
        let (class, word) = if verdict.failed {
            ("bad", "✗ FAILED")
        } else {
            ("ok", "✓ passed")
        };
        let _ = writeln!(
            table.out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"{class}\">{word}</td></tr>",
            escape(&verdict.fail_if),
            escape(&verdict.measured)
        );
    }
    table.finish()
}

pub(super) fn latencies(summary: &Summary) -> String {
    let heads = ["", "count", "mean", "p50", "p90", "p99", "p99.9", "max"];
    let mut table = Table::new("Latency, and by how requests ended", &heads);
    let kinds = [
        ("response time", &summary.response),
        ("service time", &summary.service),
        ("send lag", &summary.send_lag),
        ("generator lag", &summary.generator_lag),
        ("connecting", &summary.connect),
    ];
    let classes = summary.classes.iter();
    let classes = classes.map(|(class, latency)| (class_row(*class), latency));
    for (name, latency) in kinds.into_iter().chain(classes) {
        let Latency {
            count,
            mean,
            p50,
            p90,
            p99,
            p999,
            max,
        } = *latency;
        if count > 0 {
            let values = times(latency, [mean, p50, p90, p99, p999, max]);
            table.row(name, [count.to_string()].into_iter().chain(values));
        }
    }
    table.finish()
}

fn class_row(class: Class) -> &'static str {
    match class {
        Class::Ok => "succeeded",
        Class::Client => "responses 4xx",
        Class::Server => "responses 5xx",
        Class::Timeout => "timeouts",
        Class::Error => "no response",
        Class::Check => "failed checks",
    }
}

pub(super) fn failures(summary: &Summary) -> String {
    let mut out = String::new();
    if !summary.failures.is_empty() {
        let mut table = Table::new("Failures", &["kind", "requests", ""]);
        for (failure, count) in &summary.failures {
            let reasons = summary.reasons.of(*failure);
            let reasons = reasons.map(|(reason, count)| format!("{count} × {reason}"));
            let words: Vec<String> = [failure.explain().to_owned()]
                .into_iter()
                .chain(reasons)
                .collect();
            table.row_of_words(failure.name(), count, &words);
        }
        out += &table.finish();
    }
    if !summary.statuses.is_empty() {
        let mut table = Table::new("Responses by status", &["status", "responses", "share"]);
        let total = summary.statuses.values().sum();
        for (status, count) in &summary.statuses {
            let cells = [count.to_string(), part(*count, total)];
            table.row(&status.to_string(), cells);
        }
        out += &table.finish();
    }
    out
}

pub(super) fn backends(summary: &Summary) -> String {
    if summary.backends.iter().all(|backend| &*backend.name == "-") {
        return String::new();
    }
    let heads = ["name", "responses", "share", "failed", "p50", "p99", "seen"];
    let mut table = Table::new("Backends", &heads);
    let total = summary.backends.iter().map(|backend| backend.answers).sum();
    for backend in &summary.backends {
        let [p50, p99] = times(
            &backend.response,
            [backend.response.p50, backend.response.p99],
        );
        let cells = [
            backend.answers.to_string(),
            part(backend.answers, total),
            backend.answers.saturating_sub(backend.ok).to_string(),
            p50,
            p99,
            format!("{:.0}–{:.0} s", backend.first_seen, backend.last_seen),
        ];
        table.row(&backend.name, cells);
    }
    table.finish()
}

pub(super) fn stages(summary: &Summary) -> String {
    if summary.stages.is_empty() {
        return String::new();
    }
    let heads = ["stage", "from", "target", "sent", "delivered", "p50", "p99"];
    let mut table = Table::new("Stages", &heads);
    for stage in &summary.stages {
        let [p50, p99] = times(&stage.response, [stage.response.p50, stage.response.p99]);
        let delivered = if stage.asked == 0 {
            "100.00 %".to_owned()
        } else {
            part(stage.started, stage.asked)
        };
        let cells = [
            seconds(stage.start),
            stage.asked.to_string(),
            stage.started.to_string(),
            delivered,
            p50,
            p99,
        ];
        table.row(&stage.stage, cells);
    }
    table.finish()
}

pub(super) fn settings(summary: &Summary) -> String {
    let mut table = Table::new("Settings", &["setting", ""]);
    for (key, value) in &summary.plan {
        let _ = writeln!(
            table.out,
            "<tr><th scope=\"row\">{}</th><td class=\"words\"><bdi>{}</bdi></td></tr>",
            escape(&key.replace('_', " ")),
            escape(value)
        );
    }
    table.finish()
}

pub(super) fn warnings(summary: &Summary) -> String {
    if summary.warnings.is_empty() {
        return String::new();
    }
    let items = summary.warnings.iter();
    let items = items.map(|warning| format!("<li>{}</li>\n", escape(&warning.text)));
    format!(
        "<div class=\"warnings\" role=\"note\"><strong>Doubt these numbers, or change settings:</strong>\n<ul>\n{}</ul></div>\n",
        items.collect::<String>()
    )
}
