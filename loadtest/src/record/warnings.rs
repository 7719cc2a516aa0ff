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
    if let Some((share, lag)) = worst_lag(summary) {
        let text = format!(
            "the generator itself started 1 % of the requests more than {} late though a connection was free; up to {:.0} % of the response time is its own: this machine is too busy for this rate",
            show_nanos(lag),
            share * 100.0
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

/// A lag below this is the operating system's, whatever it is a part of.
const NEGLIGIBLE_LAG: u64 = 2_000_000;

/// The largest part of a percentile of the response time that is the generator's own lag, with the
/// lag's p99; none where the lag does not change what the percentiles say.
fn worst_lag(summary: &Summary) -> Option<(f64, u64)> {
    let (lag, response) = (&summary.generator_lag, &summary.response);
    let pairs = [
        (lag.p50, response.p50),
        (lag.p90, response.p90),
        (lag.p99, response.p99),
    ];
    let shares = pairs
        .into_iter()
        .filter(|(lag, _)| *lag > NEGLIGIBLE_LAG)
        .map(|(lag, response)| (lag as f64 / response.max(1) as f64).min(1.0));
    let worst = shares.fold(0.0, f64::max);
    (worst > 0.1).then_some((worst, lag.p99))
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
    let checks = summary.plan.get("expects");
    let is_expected = checks.is_some_and(|checks| checks.starts_with("status "));
    if redirects > 0 && !is_expected {
        let text = format!(
            "{redirects} responses were redirects (3xx), which were not followed: give the address that they lead to, or --follow-redirects"
        );
        found.push(("redirected", text));
    }
    if let Some(count) = summary.statuses.get(&407) {
        let text = format!(
            "{count} responses have the status 407: the proxy requires another login, as in --proxy http://USER:PASSWORD@HOST:PORT"
        );
        found.push(("proxy_login", text));
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

#[cfg(test)]
mod tests {
    use super::find_warnings;
    use crate::record::{Latency, Summary};

    /// Whether a run with these percentiles (p50, p90, p99, in milliseconds) is warned about.
    fn is_late(lag: [u64; 3], response: [u64; 3]) -> bool {
        let latency = |[p50, p90, p99]: [u64; 3]| Latency {
            count: 1000,
            p50: p50 * 1_000_000,
            p90: p90 * 1_000_000,
            p99: p99 * 1_000_000,
            ..Latency::default()
        };
        let summary = Summary {
            generator_lag: latency(lag),
            response: latency(response),
            ..Summary::default()
        };
        let found = find_warnings(&summary, true);
        found.iter().any(|warning| warning.kind == "generator_late")
    }

    #[test]
    fn a_lag_is_judged_by_the_latency_that_it_is_a_part_of() {
        assert!(!is_late([0, 1, 5], [150, 160, 180]), "a slow application");
        assert!(!is_late([0, 0, 2], [1, 1, 3]), "too short to matter");
        assert!(is_late([0, 1, 5], [1, 2, 6]), "a fast one");
        assert!(is_late([5, 6, 7], [6, 7, 500]), "the median is the lag");
        assert!(is_late([0, 1, 5], [0, 0, 0]), "no success to compare with");
    }
}
