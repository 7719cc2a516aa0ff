//! The report for readers.

use std::fmt::Write as _;

use crate::{
    record::{Latency, Summary},
    text::show_nanos,
    threshold::Verdict,
};

/// Writes the report as text of at most 100 columns.
pub fn table(summary: &Summary, verdicts: &[Verdict]) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_table(&mut out, summary, verdicts);
    out
}

fn write_table(out: &mut String, summary: &Summary, verdicts: &[Verdict]) -> std::fmt::Result {
    let setting = |key: &str| summary.plan.get(key).map_or("", String::as_str);
    writeln!(
        out,
        "{} {}, {}: {}",
        setting("method"),
        setting("target"),
        setting("mode"),
        setting("profile")
    )?;
    writeln!(out)?;
    write_accounts(out, summary)?;
    writeln!(out)?;
    writeln!(
        out,
        "{:<14}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "", "count", "mean", "p50", "p90", "p99", "p99.9", "max"
    )?;
    for (name, latency) in [
        ("response time", &summary.response),
        ("service time", &summary.service),
        ("send lag", &summary.send_lag),
        ("connecting", &summary.connect),
    ] {
        write_latency(out, name, latency)?;
    }
    for (class, latency) in summary
        .classes
        .iter()
        .filter(|(class, _)| class.name() != "ok")
    {
        write_latency(out, &format!("  {}", class.name()), latency)?;
    }
    writeln!(
        out,
        "Response time counts from the intended start; service time from the first byte sent."
    )?;
    write_failures(out, summary)?;
    write_stages(out, summary)?;
    write_backends(out, summary)?;
    for warning in &summary.warnings {
        writeln!(out, "\nwarning: {}", warning.text)?;
    }
    if !verdicts.is_empty() {
        writeln!(out)?;
    }
    for verdict in verdicts {
        let word = if verdict.failed { "FAILED" } else { "passed" };
        writeln!(
            out,
            "{word}  fail if {}  (measured {})",
            verdict.fail_if, verdict.measured
        )?;
    }
    Ok(())
}

fn write_accounts(out: &mut String, summary: &Summary) -> std::fmt::Result {
    let accounts = &summary.accounts;
    writeln!(
        out,
        "scheduled {} = sent {} + late {} + skipped {} + abandoned {}   ({:.2} % delivered, {:.1}/s)",
        accounts.scheduled,
        accounts.sent,
        accounts.late,
        accounts.skipped,
        accounts.abandoned,
        accounts.delivered() * 100.0,
        summary.rate(),
    )?;
    writeln!(
        out,
        "succeeded {}, failed {} ({:.3} %), in {:.2} s over {} connections; {:.1} MB received",
        summary.ok,
        summary.failed(),
        summary.error_rate() * 100.0,
        summary.elapsed,
        summary.connected,
        summary.bytes_received as f64 / 1e6,
    )?;
    if summary.warm_up > 0 {
        writeln!(
            out,
            "{} requests of the warm-up are not counted",
            summary.warm_up
        )?;
    }
    if summary.retried > 0 {
        writeln!(
            out,
            "{} were sent again because the server had closed an idle connection",
            summary.retried
        )?;
    }
    Ok(())
}

fn write_latency(out: &mut String, name: &str, latency: &Latency) -> std::fmt::Result {
    if latency.count == 0 {
        return Ok(());
    }
    write!(out, "{name:<14}{:>10}", latency.count)?;
    for nanos in [
        latency.mean,
        latency.p50,
        latency.p90,
        latency.p99,
        latency.p999,
        latency.max,
    ] {
        write!(out, "{:>10}", show_nanos(nanos))?;
    }
    writeln!(out)
}

fn write_failures(out: &mut String, summary: &Summary) -> std::fmt::Result {
    if summary.failures.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nfailures")?;
    for (failure, count) in &summary.failures {
        writeln!(out, "{count:>12}  {failure}: {}", failure.explain())?;
    }
    let statuses: Vec<String> = summary
        .statuses
        .iter()
        .map(|(status, count)| format!("{status}: {count}"))
        .collect();
    if !statuses.is_empty() {
        writeln!(out, "              statuses: {}", statuses.join(", "))?;
    }
    Ok(())
}

fn write_stages(out: &mut String, summary: &Summary) -> std::fmt::Result {
    if summary.stages.len() < 2 {
        return Ok(());
    }
    writeln!(
        out,
        "\n{:<26}{:>10}{:>10}{:>12}{:>10}{:>10}",
        "stage", "asked", "sent", "delivered", "p50", "p99"
    )?;
    for stage in &summary.stages {
        let delivered = if stage.asked == 0 {
            100.0
        } else {
            stage.started as f64 * 100.0 / stage.asked as f64
        };
        write!(
            out,
            "{:<26}{:>10}{:>10}{delivered:>10.2} %",
            stage.stage, stage.asked, stage.started
        )?;
        if stage.response.count > 0 {
            write!(
                out,
                "{:>10}{:>10}",
                show_nanos(stage.response.p50),
                show_nanos(stage.response.p99)
            )?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn write_backends(out: &mut String, summary: &Summary) -> std::fmt::Result {
    if summary.backends.is_empty()
        || (summary.backends.len() == 1 && &*summary.backends[0].name == "-")
    {
        return Ok(());
    }
    let total: u64 = summary.backends.iter().map(|backend| backend.answers).sum();
    writeln!(
        out,
        "\n{:<26}{:>10}{:>8}{:>10}{:>10}{:>10}{:>16}",
        "backend", "answers", "share", "failed", "p50", "p99", "seen"
    )?;
    for backend in &summary.backends {
        let name: String = backend.name.chars().take(25).collect();
        writeln!(
            out,
            "{name:<26}{:>10}{:>6.1} %{:>10}{:>10}{:>10}{:>8.0}s–{:.0}s",
            backend.answers,
            backend.answers as f64 * 100.0 / total.max(1) as f64,
            backend.answers - backend.ok,
            show_nanos(backend.response.p50),
            show_nanos(backend.response.p99),
            backend.first_seen,
            backend.last_seen,
        )?;
    }
    Ok(())
}
