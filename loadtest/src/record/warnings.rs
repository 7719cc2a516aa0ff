//! Reasons to doubt the numbers of a run, or to change its settings.

use super::{
    failure::Failure,
    summary::{Summary, Warning},
};
use crate::text::show_nanos;

/// Finds the reasons to doubt the numbers.
pub(crate) fn find_warnings(summary: &Summary, open_loop: bool) -> Vec<Warning> {
    let generator = open_loop.then(|| generator_warnings(summary));
    let found = generator
        .into_iter()
        .flatten()
        .chain(load_warnings(summary));
    found
        .map(|(kind, text)| Warning {
            kind: kind.to_owned(),
            text,
        })
        .collect()
}

fn generator_warnings(summary: &Summary) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if summary.generator_lag.p99 > 2_000_000 {
        let lag = show_nanos(summary.generator_lag.p99);
        let text = format!(
            "the generator itself started 1 % of the requests more than {lag} late though a connection was free: this machine is too busy for this rate"
        );
        found.push(("generator_late", text));
    }
    if summary.busiest_worker > 0.9 {
        let text = format!(
            "a worker thread used {:.0} % of its core: the generator may have been the bottleneck; use more --threads or more machines",
            summary.busiest_worker * 100.0
        );
        found.push(("generator_busy", text));
    }
    let started = summary.accounts.started().max(1);
    if summary.queued * 1000 > started {
        let text = format!(
            "{:.1} % of the requests waited because every connection was busy (their waiting counts); raise --connections if users would not share them",
            summary.queued as f64 * 100.0 / started as f64
        );
        found.push(("connections_exhausted", text));
    }
    found
}

fn load_warnings(summary: &Summary) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let lost = summary.accounts.skipped + summary.accounts.unsent;
    if lost > 0 {
        let text = format!(
            "{lost} of {} requests were never sent ({} skipped, {} not sent before the end)",
            summary.accounts.scheduled, summary.accounts.skipped, summary.accounts.unsent
        );
        found.push(("not_delivered", text));
    }
    // 304 sends nobody elsewhere: it says that nothing changed.
    let redirects = summary.statuses.range(300..400);
    let redirects: u64 = redirects
        .filter_map(|(status, count)| (*status != 304).then_some(*count))
        .sum();
    if redirects > 0 {
        let text = format!(
            "{redirects} responses were redirects (3xx), which are not followed: give the address that they lead to"
        );
        found.push(("redirected", text));
    }
    for failure in [Failure::LocalPorts, Failure::OpenFiles] {
        if let Some(count) = summary.failures.get(&failure) {
            let text = format!(
                "{count} requests failed on this machine: {}",
                failure.explain()
            );
            found.push(("client_limit", text));
        }
    }
    found
}
