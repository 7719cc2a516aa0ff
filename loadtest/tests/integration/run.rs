//! Runs against a real server on loopback: the plan is carried out, accounted for, and seen.

use std::time::Duration;

use loadtest::{Arrivals, CatchUp, Class, Failure, Load, Plan, Request, Run, RunError};

use crate::support::{self, Behaviour, Server, run};

pub(crate) fn plan(server: &Server, profile: &str) -> Plan {
    let load = Load::Open(profile.parse().expect("a valid profile"));
    let mut plan = Plan::new(server.url().parse().expect("a valid URL"), load);
    plan.tick = Duration::from_millis(200);
    plan.threads = 2;
    plan.probe = false;
    plan.drain = Duration::from_secs(10);
    plan
}

fn is_balanced(summary: &loadtest::Summary) -> bool {
    let accounts = &summary.accounts;
    accounts.scheduled == accounts.sent + accounts.late + accounts.skipped + accounts.unsent
}

#[tokio::test]
async fn a_profile_is_delivered_stage_by_stage() {
    let server = Server::start(Behaviour::default());
    let run = Run::start(plan(&server, "500ms@100, 1s:100..300, 500ms@300, 200ms@0"))
        .await
        .expect("started");
    let mut progress = run.progress();
    let mut ticks = 0;
    while !progress.borrow().finished {
        progress.changed().await.expect("a tick");
        ticks += 1;
    }
    let summary = run.wait().await.expect("finished");
    assert!(ticks >= 5, "{ticks} ticks in 2.2 s of 200 ms");
    assert_eq!(summary.accounts.scheduled, 50 + 200 + 150);
    assert_eq!(
        (summary.ok, summary.failed(), server.requests()),
        (400, 0, 400)
    );
    assert!(is_balanced(&summary));
    let stages: Vec<_> = summary
        .stages
        .iter()
        .map(|stage| (stage.asked, stage.started))
        .collect();
    assert_eq!(stages, [(50, 50), (200, 200), (150, 150), (0, 0)]);
    assert_eq!(summary.histograms.response.len(), 400);
    assert!(
        summary.response.p50 >= summary.service.p50,
        "from the intended start is never less"
    );
    assert!(
        summary.elapsed >= 2.2,
        "a run lasts as long as its profile: {}",
        summary.elapsed
    );
    let started: u64 = summary.series.iter().map(|point| point.started).sum();
    assert_eq!(started, 400);
}

#[tokio::test]
async fn conditions_are_judged_while_it_runs_as_at_its_end() {
    let server = Server::start(Behaviour::default());
    let mut plan = plan(&server, "600ms@100");
    let conditions = ["p99>1h", "service.p99<1h", "errors>0%", "delivered<100%"];
    plan.thresholds = conditions
        .map(|text| text.parse().expect("a condition"))
        .into();
    let thresholds = plan.thresholds.clone();
    let run = Run::start(plan).await.expect("started");
    let mut progress = run.progress();
    let first = progress.wait_for(|tick| tick.total.ok > 0).await;
    let failed: Vec<bool> = first
        .expect("a tick")
        .verdicts
        .iter()
        .map(|verdict| verdict.failed)
        .collect();
    assert_eq!(failed, [false, true, false, false]);
    let summary = run.wait().await.expect("finished");
    let last = progress.borrow().verdicts.clone();
    let judged: Vec<_> = thresholds
        .iter()
        .map(|threshold| threshold.judge(&summary))
        .collect();
    assert_eq!(last, judged);
}

#[tokio::test]
async fn backends_are_seen_and_connections_follow_the_pool() {
    let instances = vec!["i-1".to_owned(), "i-2".to_owned(), "i-3".to_owned()];
    let server = Server::start(Behaviour {
        instances,
        ..Behaviour::default()
    });
    let mut plan = plan(&server, "2s@200");
    plan.connection_max_age = Some(Duration::from_millis(300));
    let summary = run(plan).await;
    let names: Vec<_> = summary
        .backends
        .iter()
        .map(|backend| &*backend.name)
        .collect();
    assert_eq!(names, ["i-1", "i-2", "i-3"]);
    assert_eq!(
        summary
            .backends
            .iter()
            .map(|backend| backend.answers)
            .sum::<u64>(),
        400
    );
    // Eight connections in rotation, each replaced after 150 to 300 ms.
    assert!(
        (30..400).contains(&summary.connected),
        "{} connections",
        summary.connected
    );
    assert_eq!(summary.failed(), 0);
}

#[tokio::test]
async fn after_a_burst_the_connections_become_few_again() {
    let server = Server::start(Behaviour {
        delay: Duration::from_millis(150),
        ..Behaviour::default()
    });
    let mut burst = plan(&server, "500ms@200, 3500ms@20");
    (burst.spread, burst.connection_max_age) = (2, Some(Duration::from_millis(400)));
    let summary = run(burst).await;
    assert_eq!((summary.ok, summary.failed()), (170, 0));
    let connections: Vec<u64> = summary
        .series
        .iter()
        .map(|point| point.gauges.connections)
        .collect();
    let most = *connections.iter().max().expect("ticks");
    assert!(most >= 20, "200 a second of 150 ms each: {connections:?}");
    // Three are needed. The last point is the end, when none may be left.
    let late = connections[..connections.len() - 1]
        .iter()
        .rev()
        .take(5)
        .min()
        .expect("ticks");
    assert!(*late <= most / 2, "{connections:?}");
}

#[tokio::test]
async fn an_idle_connection_that_the_server_drops_costs_no_request() {
    // The server reads the third request and closes: the client cannot know before it has sent it.
    let server = Server::start(Behaviour {
        drop_at: Some(3),
        ..Behaviour::default()
    });
    let summary = run(plan(&server, "1s@200")).await;
    assert_eq!((summary.ok, summary.failed()), (200, 0));
    assert!(summary.retried >= 60, "{} retries", summary.retried);
}

#[tokio::test]
async fn a_request_that_is_not_idempotent_is_not_sent_twice() {
    let server = Server::start(Behaviour {
        drop_at: Some(3),
        ..Behaviour::default()
    });
    let mut plan = plan(&server, "1s@100");
    plan.request = Request::new("POST").expect("a method");
    let summary = run(plan).await;
    assert_eq!(summary.retried, 0);
    assert!(
        summary.failures[&Failure::Closed] >= 20,
        "{:?}",
        summary.failures
    );
    assert_eq!(summary.ok + summary.failed(), 100);
}

#[tokio::test]
async fn a_connection_announced_to_close_is_not_used_again() {
    let server = Server::start(Behaviour {
        close_after: Some(1),
        ..Behaviour::default()
    });
    let summary = run(plan(&server, "1s@100")).await;
    assert_eq!((summary.ok, summary.retried, summary.failed()), (100, 0, 0));
    assert_eq!(server.connections(), 100);
}

#[tokio::test]
async fn failures_are_told_apart() {
    let server = Server::start(Behaviour {
        status: "503 Busy",
        ..Behaviour::default()
    });
    let summary = run(plan(&server, "500ms@100")).await;
    assert_eq!(
        (
            summary.ok,
            summary.failures[&Failure::Status5xx],
            summary.statuses[&503]
        ),
        (0, 50, 50)
    );
    assert_eq!(
        (
            summary.response.count,
            summary.classes[&Class::Server].count
        ),
        (0, 50)
    );

    let server = Server::start(Behaviour {
        truncate: true,
        ..Behaviour::default()
    });
    let summary = run(plan(&server, "500ms@100")).await;
    assert_eq!(summary.failures[&Failure::Closed], 50);

    let server = Server::start(Behaviour {
        delay: Duration::from_secs(60),
        ..Behaviour::default()
    });
    let mut slow = plan(&server, "500ms@20");
    slow.timeout = Duration::from_millis(300);
    let summary = run(slow).await;
    assert_eq!(summary.failures[&Failure::Timeout], 10);
    assert!(
        summary.response.p50 >= 299_000_000,
        "timeouts count with what they waited: {:?}",
        summary.response
    );
}

#[tokio::test]
async fn a_target_that_is_down_is_an_error_at_the_start() {
    let (_held, free) = support::refusing_address();
    let load = Load::Open("1s@10".parse().expect("valid"));
    let plan = Plan::new(format!("http://{free}/").parse().expect("valid"), load);
    let error = Run::start(plan).await.expect_err("nobody listens");
    assert!(matches!(error, RunError::Unreachable { .. }), "{error}");
    let cause = std::error::Error::source(&error)
        .expect("a cause")
        .to_string();
    assert!(cause.contains("refused"), "{cause}");
    assert!(
        !error.to_string().contains(&cause),
        "the cause is told once: {error}"
    );
}

#[tokio::test]
async fn stopping_ends_what_is_under_way_and_sends_no_more() {
    let server = Server::start(Behaviour {
        delay: Duration::from_millis(300),
        ..Behaviour::default()
    });
    let run = Run::start(plan(&server, "60s@50")).await.expect("started");
    let mut progress = run.progress();
    progress
        .wait_for(|progress| progress.accounts.started() >= 20)
        .await
        .expect("under way");
    run.stop();
    let summary = run.wait().await.expect("finished");
    assert!(summary.accounts.scheduled < 3_000, "{:?}", summary.accounts);
    assert_eq!(
        summary.ok,
        summary.accounts.started(),
        "every request that was sent has its answer"
    );
    assert!(is_balanced(&summary));
}

#[tokio::test]
async fn what_waits_for_a_connection_is_late_and_says_so() {
    // One connection and 100 ms each: 10 a second can be served of 40.
    let server = Server::start(Behaviour {
        delay: Duration::from_millis(100),
        ..Behaviour::default()
    });
    let mut busy = plan(&server, "1s@40");
    (busy.threads, busy.connections, busy.drain) = (1, 1, Duration::from_millis(500));
    let summary = run(busy.clone()).await;
    assert!(is_balanced(&summary));
    assert_eq!(summary.accounts.scheduled, 40);
    assert!(
        summary.accounts.unsent >= 20 && summary.accounts.late >= 5,
        "{:?}",
        summary.accounts
    );
    assert!(
        summary
            .warnings
            .iter()
            .any(|warning| warning.kind == "connections_exhausted"),
        "{:?}",
        summary.warnings
    );

    busy.catch_up = CatchUp::SkipAfter(Duration::from_millis(150));
    let summary = run(busy).await;
    assert!(is_balanced(&summary));
    assert!(summary.accounts.skipped >= 15, "{:?}", summary.accounts);
}

#[tokio::test]
async fn warm_up_and_poisson_and_closed_loop() {
    let server = Server::start(Behaviour::default());
    let mut warm = plan(&server, "1s@100");
    warm.warm_up = Duration::from_millis(500);
    let summary = run(warm).await;
    assert_eq!(
        (summary.warm_up, summary.accounts.scheduled, summary.ok),
        (50, 50, 50)
    );

    let mut poisson = plan(&server, "1s@300");
    poisson.arrivals = Arrivals::Poisson { seed: 1 };
    let (first, second) = (run(poisson.clone()).await, run(poisson).await);
    assert_eq!(first.accounts.scheduled, second.accounts.scheduled);
    assert!(is_balanced(&first) && first.ok == first.accounts.scheduled);

    let mut closed = plan(&server, "1s@1");
    closed.load = Load::Closed(Duration::from_millis(500));
    closed.connections = 4;
    let summary = run(closed).await;
    assert!(
        summary.ok > 100 && summary.failed() == 0 && is_balanced(&summary),
        "{}",
        summary.ok
    );
    assert_eq!(summary.connected, 4);
}

#[tokio::test]
async fn requests_due_within_the_slack_share_a_wake_up() {
    let server = Server::start(Behaviour::default());
    let mut plan = plan(&server, "1s@5000");
    plan.threads = 1;
    plan.connections = 32;
    plan.slack = Duration::from_millis(1);
    let summary = run(plan).await;
    assert!(is_balanced(&summary) && summary.ok == 5000);
    // Six at a time, the last of them on time: the median one waited for 0.4 ms, and its response
    // time says so.
    let (lag, response) = (summary.generator_lag.p50, summary.response.p50);
    assert!(lag >= 300_000 && response >= lag, "{lag} {response}");
}
