//! The test that tells honest generators from others: a server that stands still for a part of
//! every period, aligned to the wall clock, so that the right answer is known in closed form.
//!
//! Requests arrive evenly. One that arrives `u` after a stall of length `S` begins waits `S - u`,
//! so of all requests the part `(S / P) * (1 - x / S)` waits longer than `x`: the 90th percentile
//! and all above it are known exactly.

#[path = "integration/support.rs"]
mod support;

use std::time::Duration;

use loadtest::{Load, Plan, Summary};
use support::{Behaviour, Server, Stall};
use tokio::sync::Mutex;

const STALL: Stall = Stall {
    length: Duration::from_millis(600),
    period: Duration::from_secs(2),
};

/// One at a time: the closed loop takes all the processors that there are.
static TURN: Mutex<()> = Mutex::const_new(());

/// Runs for two periods, from just after a stall, so that two whole stalls lie inside.
async fn run(load: Load, connections: usize) -> Summary {
    let _turn = TURN.lock().await;
    let server = Server::start(Behaviour {
        stall: Some(STALL),
        ..Behaviour::default()
    });
    let mut plan = Plan::new(server.url().parse().expect("a URL"), load);
    (plan.threads, plan.connections) = (2, connections);
    plan.probe = false;
    let begin = Duration::from_secs(1);
    let wait = (begin + STALL.period).saturating_sub(STALL.phase());
    tokio::time::sleep(Duration::from_nanos(
        (wait.as_nanos() % STALL.period.as_nanos()) as u64,
    ))
    .await;
    support::run(plan).await
}

/// How much longer than the truth a time may be. A busy machine adds to every time, and takes from
/// none; how busy it was says the generator's own lag, since the server of the test lives beside
/// it.
fn patience(summary: &Summary) -> f64 {
    25.0 * summary.generator_lag.p99 as f64 / 1e9
}

/// The response time that the part `quantile` of the requests does not exceed, in seconds.
fn truth(quantile: f64) -> f64 {
    let share = STALL.length.as_secs_f64() / STALL.period.as_secs_f64();
    STALL.length.as_secs_f64() * (1.0 - (1.0 - quantile) / share)
}

#[tokio::test]
async fn a_stall_is_seen_by_everyone_who_would_have_waited() {
    let summary = run(Load::Open("4s@500".parse().expect("a profile")), 16).await;
    assert_eq!(
        (summary.accounts.scheduled, summary.ok, summary.failed()),
        (2_000, 2_000, 0)
    );
    for (name, nanos, quantile, tolerance) in [
        ("p90", summary.response.p90, 0.9, 0.25),
        ("p99", summary.response.p99, 0.99, 0.10),
        ("p99.9", summary.response.p999, 0.999, 0.10),
    ] {
        let (measured, expected) = (nanos as f64 / 1e9, truth(quantile));
        // Dishonest tools are off by 99 %, downwards.
        let most = expected * (1.0 + tolerance) + patience(&summary);
        assert!(
            (0.97 * expected..most).contains(&measured),
            "{name}: {measured:.4} s, the truth is {expected:.4} s"
        );
    }
    assert!(
        (summary.response.p50 as f64) < 1e8 + 1e9 * patience(&summary),
        "most requests meet no stall: {:?}",
        summary.response
    );
    assert!(
        summary.queued > 300,
        "with 16 connections most of a stall's 300 requests wait: {}",
        summary.queued
    );
    let slow =
        summary.histograms.service.len() - summary.histograms.service.count_between(0, 100_000_000);
    assert!(
        slow < 100 || patience(&summary) > 0.1,
        "service time, alone, would have hidden it: {slow} slow of 2000"
    );
}

#[tokio::test]
async fn a_closed_loop_hides_the_same_stall() {
    let summary = run(Load::Closed(Duration::from_secs(4)), 4).await;
    // Far more requests than the four that met each stall.
    assert!(summary.ok > 200, "{}", summary.ok);
    assert!(summary.response.p90 < 100_000_000, "{:?}", summary.response);
    assert!(
        summary.response.max > 500_000_000,
        "it was there: {:?}",
        summary.response
    );
}
