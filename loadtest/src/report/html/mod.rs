//! The report as a single page: plots with a crosshair, and tables. Nothing is fetched, and no
//! script runs but the page's own, whatever servers named themselves.

mod axis;
mod charts;
mod plot;
mod tables;

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use self::charts::{Group, groups};
use crate::{record::Summary, text::show_nanos, threshold::Verdict};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Writes the page.
pub fn html(summary: &Summary, verdicts: &[Verdict]) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_page(&mut out, summary, verdicts);
    out
}

fn write_page(out: &mut String, summary: &Summary, verdicts: &[Verdict]) -> std::fmt::Result {
    let hash = STANDARD.encode(Sha256::digest(SCRIPT));
    let target = escape(setting(summary, "target"));
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'\">\n\
         <title>loadtest: {target}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>"
    )?;
    write_head(out, summary, verdicts)?;
    out.push_str(&tables::warnings(summary));
    write_numbers(out, summary)?;
    out.push_str(&tables::thresholds(verdicts));
    let groups = groups(summary);
    let mut lines = 0;
    for group in &groups {
        write_group(out, group, &mut lines)?;
    }
    out.push_str("<div class=\"tables\">\n");
    for table in [
        tables::latencies(summary),
        tables::backends(summary),
        tables::failures(summary),
        tables::stages(summary),
        tables::settings(summary),
    ] {
        out.push_str(&table);
    }
    writeln!(
        out,
        "</div>\n<footer><p class=\"soft\">Response time counts from the intended start, service time from the first byte sent. \
         The percentiles are of successful responses and timeouts. Written by loadtest {}.</p></footer>",
        env!("CARGO_PKG_VERSION")
    )?;
    writeln!(
        out,
        "<script type=\"application/json\" id=\"data\">{}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>",
        as_script_data(&data(&groups))
    )
}

fn setting<'a>(summary: &'a Summary, key: &str) -> &'a str {
    summary.plan.get(key).map_or("", String::as_str)
}

fn write_head(out: &mut String, summary: &Summary, verdicts: &[Verdict]) -> std::fmt::Result {
    let setting = |key| escape(setting(summary, key));
    writeln!(
        out,
        "<header>\n<h1>loadtest: {} {}</h1>\n<p>{}: {}</p>\n<p class=\"soft\">{}, {:.1} s</p>",
        setting("method"),
        setting("target"),
        setting("mode"),
        setting("profile"),
        started(summary),
        summary.elapsed
    )?;
    let failed = verdicts.iter().filter(|verdict| verdict.failed).count();
    let (class, words) = match (failed, verdicts.len()) {
        _ if summary.failed_wholly() => ("bad", "✗ not one request succeeded".to_owned()),
        (0, 0) => ("", String::new()),
        (0, all) => ("ok", format!("✓ passed all {all} thresholds")),
        (failed, all) => ("bad", format!("✗ FAILED {failed} of {all} thresholds")),
    };
    if !words.is_empty() {
        writeln!(out, "<p><span class=\"pill {class}\">{words}</span></p>")?;
    }
    writeln!(out, "</header>")
}

fn started(summary: &Summary) -> String {
    let millis = (summary.started_at * 1e3) as i64;
    let time = jiff::Timestamp::from_millisecond(millis);
    time.map_or_else(
        |_| "at an unknown time".to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

fn write_numbers(out: &mut String, summary: &Summary) -> std::fmt::Result {
    let accounts = &summary.accounts;
    let time = |nanos| {
        if summary.response.count > 0 {
            show_nanos(nanos)
        } else {
            "–".to_owned()
        }
    };
    writeln!(out, "<dl class=\"numbers\">")?;
    for (name, value) in [
        (
            "delivered",
            format!("{:.2} %", accounts.delivered() * 100.0),
        ),
        ("requests per second", format!("{:.1}", summary.rate())),
        ("failed", format!("{:.2} %", summary.error_rate() * 100.0)),
        ("p50", time(summary.response.p50)),
        ("p90", time(summary.response.p90)),
        ("p99", time(summary.response.p99)),
        ("max", time(summary.response.max)),
    ] {
        writeln!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>")?;
    }
    writeln!(
        out,
        "</dl>\n<p>scheduled {} = sent {} + late {} + skipped {} + unsent {}. {} succeeded, {} failed. \
         {} connections opened, {} requests sent again, {:.1} MB received.</p>",
        accounts.scheduled,
        accounts.sent,
        accounts.late,
        accounts.skipped,
        accounts.unsent,
        summary.ok,
        summary.failed(),
        summary.connected,
        summary.retried,
        summary.bytes_received as f64 / 1e6
    )
}

fn write_group(out: &mut String, group: &Group, lines: &mut usize) -> std::fmt::Result {
    writeln!(
        out,
        "<section data-axis=\"{}\" aria-label=\"{}\">\n<div class=\"bar\" hidden><label>{} <input type=\"range\" min=\"0\" max=\"0\" step=\"1\" value=\"0\"></label><span class=\"now\">point at a plot, or use the slider</span></div>\n<div class=\"charts\">",
        group.name, group.title, group.moved
    )?;
    for chart in &group.charts {
        chart.write(out, &group.across, *lines)?;
        *lines += chart.lines.len();
    }
    writeln!(out, "</div>\n</section>")
}

/// What the script shows: places in percent and their names, and each line's values.
fn data(groups: &[Group]) -> Value {
    let axes = groups.iter().map(|group| {
        let across = &group.across;
        let at = across.at.iter();
        let at = at.map(|at| (across.axis.part(*at) * 1e4).round() / 1e2);
        let axis = json!({ "at": at.collect::<Vec<_>>(), "labels": group.labels });
        (group.name.to_owned(), axis)
    });
    let charts = groups.iter().flat_map(|group| &group.charts);
    let lines = charts.flat_map(|chart| &chart.lines);
    json!({
        "axes": axes.collect::<serde_json::Map<_, _>>(),
        "lines": lines.map(|line| &line.shown).collect::<Vec<_>>(),
    })
}

/// JSON inside an element `script`, whose end nothing in it may be.
fn as_script_data(value: &Value) -> String {
    value
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

/// Makes a text safe to stand in HTML, between tags and in quotes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
