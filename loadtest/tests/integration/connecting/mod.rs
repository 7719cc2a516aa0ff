//! How connections are made: to which place, by which way, with which certificate.

mod certificates;
mod foreign;
mod names;
mod programs;
mod proxies;
mod strict_proxy;

use std::{error::Error as _, time::Duration};

use loadtest::{Engine, Load, Plan, Run, RunError, Summary};

const HTTP2: Engine = Engine::Http2 { streams: 8 };
const ENGINES: [Engine; 3] = [Engine::Http1, Engine::Hyper, HTTP2];

/// A hundred requests in half a second, over at most four connections.
const REQUESTS: u64 = 100;

fn plan(url: &str, engine: Engine) -> Plan {
    let mut plan = Plan::new(
        url.parse().expect("a URL"),
        Load::Open("500ms@200".parse().expect("a profile")),
    );
    plan.engine = engine;
    (plan.threads, plan.connections, plan.spread) = (2, 4, 4);
    plan.tick = Duration::from_millis(200);
    plan
}

#[track_caller]
fn assert_whole(summary: &Summary) {
    assert_eq!(
        (summary.ok, summary.failed()),
        (REQUESTS, 0),
        "{:?} {:?} {:?}",
        summary.failures,
        summary.reasons,
        summary.statuses
    );
}

/// Why there is no connection.
async fn refusal(plan: Plan) -> String {
    let error = Run::start(plan).await.expect_err("it is refused");
    assert!(matches!(error, RunError::Unreachable { .. }), "{error}");
    let cause = error.source().expect("a cause").to_string();
    format!("{error}: {cause}")
}
