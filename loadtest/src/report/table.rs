//! The report for readers.

use std::fmt::Write as _;

use crate::{
    record::{Class, Latency, Summary},
    text::show_nanos,
    threshold::Verdict,
};

/// Writes the report as text that fits 80 columns, but for a single word that is longer.
pub fn table(summary: &Summary, verdicts: &[Verdict]) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_table(&mut out, summary, verdicts);
    wrap(&out)
}

const WIDTH: usize = 80;

/// Breaks lines that are too long, between words. Rows of tables are not: they have their widths.
fn wrap(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut width = 0;
        for word in line.split_inclusive(' ') {
            let length = word.trim_end().chars().count();
            if width > 0 && width + length > WIDTH {
                out.truncate(out.trim_end_matches(' ').len());
                out.push_str("\n  ");
                width = 2;
            }
            out.push_str(word);
            width += word.chars().count();
        }
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
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
        "{:<14}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}",
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
        write_latency(out, class_row(*class), latency)?;
    }
    writeln!(
        out,
        "Response time counts from the intended start, service time from the first byte."
    )?;
    write_failures(out, summary)?;
    write_targets(out, summary)?;
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
        "scheduled {} = sent {} + late {} + skipped {} + unsent {}",
        accounts.scheduled, accounts.sent, accounts.late, accounts.skipped, accounts.unsent,
    )?;
    writeln!(
        out,
        "{:.2} % delivered at {:.1}/s in {:.1} s, {} connections, {:.1} MB received",
        accounts.delivered() * 100.0,
        summary.rate(),
        summary.elapsed,
        summary.connected,
        summary.bytes_received as f64 / 1e6,
    )?;
    let statuses = summary.statuses.iter();
    let statuses: Vec<String> = statuses
        .map(|(status, count)| format!("{status}: {count}"))
        .collect();
    writeln!(
        out,
        "succeeded {}, failed {} ({:.3} %)\nstatus {}",
        summary.ok,
        summary.failed(),
        summary.error_rate() * 100.0,
        if statuses.is_empty() {
            "none".to_owned()
        } else {
            statuses.join(", ")
        },
    )?;
    if summary.warm_up > 0 {
        writeln!(
            out,
            "{} requests of the warm-up are not counted",
            summary.warm_up
        )?;
    }
    if summary.redirects > 0 {
        writeln!(out, "{} redirects were followed", summary.redirects)?;
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
    write!(out, "{name:<14}{:>9}", latency.count)?;
    for nanos in [
        latency.mean,
        latency.p50,
        latency.p90,
        latency.p99,
        latency.p999,
        latency.max,
    ] {
        write!(out, "{:>9}", show_nanos(nanos))?;
    }
    writeln!(out)
}

fn class_row(class: Class) -> &'static str {
    match class {
        Class::Ok => "ok",
        Class::Client => "4xx responses",
        Class::Server => "5xx responses",
        Class::Timeout => "timeouts",
        Class::Error => "no response",
        Class::Check => "failed checks",
    }
}

fn write_failures(out: &mut String, summary: &Summary) -> std::fmt::Result {
    if summary.failures.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nfailures")?;
    for (failure, count) in &summary.failures {
        writeln!(out, "{count:>12}  {failure}: {}", failure.explain())?;
        for (reason, count) in summary.reasons.of(*failure) {
            writeln!(out, "{:>14}{count} × {reason}", "")?;
        }
    }
    Ok(())
}

fn write_targets(out: &mut String, summary: &Summary) -> std::fmt::Result {
    if summary.targets.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n{:<42}{:>10}{:>8}{:>10}{:>10}",
        "request", "ok", "failed", "p50", "p99"
    )?;
    for target in &summary.targets {
        let name: String = target.target.chars().take(41).collect();
        writeln!(
            out,
            "{name:<42}{:>10}{:>8}{:>10}{:>10}",
            target.ok,
            target.failed,
            target.response.show(target.response.p50),
            target.response.show(target.response.p99),
        )?;
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
        "stage", "target", "sent", "delivered", "p50", "p99"
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
            stage.stage.chars().take(25).collect::<String>(),
            stage.asked,
            stage.started
        )?;
        if stage.response.count > 0 {
            write!(
                out,
                "{:>10}{:>10}",
                stage.response.show(stage.response.p50),
                stage.response.show(stage.response.p99)
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
        "\n{:<23}{:>9}{:>8}{:>8}{:>9}{:>9}{:>13}",
        "backend", "responses", "share", "failed", "p50", "p99", "seen"
    )?;
    for backend in &summary.backends {
        let name: String = backend.name.chars().take(22).collect();
        let seen = format!("{:.0}s–{:.0}s", backend.first_seen, backend.last_seen);
        writeln!(
            out,
            "{name:<23}{:>9}{:>6.1} %{:>8}{:>9}{:>9}{seen:>13}",
            backend.answers,
            backend.answers as f64 * 100.0 / total.max(1) as f64,
            backend.answers - backend.ok,
            backend.response.show(backend.response.p50),
            backend.response.show(backend.response.p99),
        )?;
    }
    match summary.plan.get("backend_header") {
        Some(header) => writeln!(out, "The response header {header} names the backend."),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::table;
    use crate::{
        record::{
            Accounts, BackendSummary, Class, Counters, Failure, Latency, StageSummary, Summary,
            TargetSummary, Warning,
        },
        threshold::Verdict,
    };

    fn latency(count: u64) -> Latency {
        Latency {
            count,
            mean: 99_900_000,
            max: 100_000_000_000,
            ..Latency::default()
        }
    }

    fn summary() -> Summary {
        let mut summary = Summary {
            response: latency(3_000_000),
            accounts: Accounts {
                scheduled: 3_000_000,
                sent: 2_900_000,
                late: 100_000,
                ..Accounts::default()
            },
            counters: Counters {
                ok: 2_000_000,
                statuses: [(200, 1_999_998), (302, 2), (503, 999_998)].into(),
                failures: [(Failure::Status5xx, 999_998), (Failure::Protocol, 2)].into(),
                connected: 12_345,
                bytes_received: 9_999_900_000,
                ..Counters::default()
            },
            classes: [(Class::Server, latency(999_998))].into(),
            elapsed: 3_600.0,
            planned: 3_600.0,
            ..Summary::default()
        };
        summary.counters.reasons.count(
            Failure::Protocol,
            "the response has more than 128 headers",
            2,
        );
        summary.stages = vec![
            StageSummary {
                stage: "10m:50~400/2m".to_owned(),
                start: 0.0,
                seconds: 600.0,
                asked: 1_500_000,
                started: 1_500_000,
                response: latency(1),
            };
            2
        ];
        summary.targets = vec![TargetSummary {
            target: "POST http://127.0.0.1:8080/a/path/that/is/long?and=more".into(),
            ok: 2_000_000,
            failed: 1_000_000,
            response: latency(2_000_000),
        }];
        summary.backends = vec![BackendSummary {
            name: "pool-1f3a2-abcde-and-much-more".into(),
            answers: 3_000_000,
            ok: 2_000_000,
            response: latency(1),
            service: latency(1),
            first_seen: 1.0,
            last_seen: 3_600.0,
        }];
        summary
    }

    #[test]
    fn a_backend_without_a_success_has_no_times() {
        let mut summary = summary();
        summary.backends[0].response = Latency::default();
        let shown = table(&summary, &[]);
        let row = shown.lines().find(|line| line.starts_with("pool-1f3a2"));
        let row = row.expect("the backend's");
        assert!(row.contains('–') && !row.contains("0.00ns"), "{row}");
    }

    #[test]
    fn it_fits_80_columns() {
        let mut summary = summary();
        summary.stages[0].stage = "10m:50.25~400.75/2m30s500ms".to_owned();
        summary.plan = [
            ("target", "http://127.0.0.1:8080/a/path/that/is/long"),
            ("mode", "open loop"),
            (
                "profile",
                "10s@50, 1m:50..400, 30s@400, 10m:50.25~400.75/2m30s",
            ),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        summary.counters.statuses = (200..230).map(|status| (status, 99_999)).collect();
        summary.warnings.push(Warning {
            kind: "generator_late".to_owned(),
            text: "this machine is too busy for this rate; ".repeat(5),
        });
        let verdict = Verdict {
            fail_if: "service.p99.999>1h".to_owned(),
            failed: true,
            measured: "100s, which is a long text that needs another line".to_owned(),
        };
        let text = table(&summary, &[verdict]);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn statuses_are_shown_in_every_run_and_reasons_with_their_failure() {
        let text = table(&summary(), &[]);
        assert!(
            text.contains("status 200: 1999998, 302: 2, 503: 999998"),
            "{text}"
        );
        let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}:\n{text}"));
        assert!(place("2  protocol: ") < place("2 × the response has more than 128 headers"));
        let mut well = Summary::default();
        well.counters.ok = 5;
        well.counters.statuses.insert(200, 5);
        assert!(table(&well, &[]).contains("status 200: 5\n"));
        assert!(table(&Summary::default(), &[]).contains("status none\n"));
    }
}
