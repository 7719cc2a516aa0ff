//! G13: SIGTERM and Ctrl-C end the agent in order within 10 s, with exit code 0 and nothing left
//! half done.

use std::time::Duration;

use exoscale::plain_http;
use local_cloud::{Fault, FaultKind, LocalCloudConfig};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use wiremock::{Mock, ResponseTemplate, matchers::method};

use crate::agent_support::{Environment, Settings, until};

const LIMIT: Duration = Duration::from_secs(10);

fn journal(environment: &Environment) -> Value {
    serde_json::from_str(&std::fs::read_to_string(environment.journal()).unwrap()).unwrap()
}

#[tokio::test]
async fn idle_it_ends_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let environment = Environment::with_pool(1).await;
        let mut agent = environment.start(Settings::default()).await;
        environment.until_targets(1).await;
        let (status, took) = agent.end(signal).await;
        assert!(
            status.success() && took < LIMIT,
            "{signal:?}: {status} after {took:?}"
        );
        let log = agent.into_log().await;
        assert!(log.contains("no action is left open"), "{log}");
    }
}

#[tokio::test]
async fn with_a_cloud_that_hangs_it_ends_too() {
    let environment = Environment::with_pool(1).await;
    environment.fault("*", u32::MAX, FaultKind::Hang);
    let mut agent = environment.start(Settings::default()).await;
    agent.alert("up").await;
    let (status, took) = agent.end(Signal::TERM).await;
    assert!(status.success() && took < LIMIT, "{status} after {took:?}");
    // The alert was answered, so the next start must know of it.
    assert_eq!(journal(&environment)["up"]["count"], 1);
    environment.cloud.faults().clear();
    let _again = environment.restart(Settings::default()).await;
    environment.until_size(2).await;
}

#[tokio::test]
async fn a_write_under_way_is_awaited() {
    let environment = Environment::with_pool(1).await;
    let mut agent = environment.start(Settings::default()).await;
    let slow = Fault {
        delay_ms: Some(1500),
        ..Fault::new("scale-instance-pool", 1, FaultKind::Slow)
    };
    environment.cloud.faults().add(slow);
    agent.alert("up").await;
    until("the order is sent", || {
        (environment.writes() == 1).then_some(())
    })
    .await;
    assert_eq!(environment.pool().size, 1, "the order is under way");
    let (status, took) = agent.end(Signal::TERM).await;
    assert!(status.success() && took < LIMIT, "{status} after {took:?}");
    assert_eq!(environment.pool().size, 2, "the order was awaited");
    assert_eq!(journal(&environment)["acting"], false);
    let log = agent.into_log().await;
    assert!(
        log.contains("Pool resized: ") && log.contains("no action is left open"),
        "{log}"
    );
}

#[tokio::test]
async fn a_write_that_takes_for_ever_is_recorded_as_open() {
    let config = LocalCloudConfig {
        operation_time: Duration::from_secs(1),
        boot_time: Duration::from_millis(50),
        ..LocalCloudConfig::without_processes()
    };
    let environment = Environment::of(config, 1).await;
    let mut agent = environment
        .start(Settings::default().set("exoscale.request_timeout", "60s"))
        .await;
    environment.fault("scale-instance-pool", 1, FaultKind::Hang);
    agent.alert("up").await;
    until("the order is sent", || {
        (environment.writes() == 1).then_some(())
    })
    .await;
    let (status, took) = agent.end(Signal::TERM).await;
    assert!(status.success() && took < LIMIT, "{status} after {took:?}");
    assert_eq!(
        journal(&environment)["acting"],
        true,
        "the next start waits a whole window"
    );
}

#[tokio::test]
async fn while_an_order_is_awaited_no_alert_is_taken_any_more() {
    let environment = Environment::with_pool(1).await;
    let settings = Settings::default().set("exoscale.request_timeout", "60s");
    let mut agent = environment.start(settings).await;
    let slow = Fault {
        delay_ms: Some(4000),
        ..Fault::new("scale-instance-pool", 1, FaultKind::Slow)
    };
    environment.cloud.faults().add(slow);
    agent.alert("up").await;
    until("the order is sent", || {
        (environment.writes() == 1).then_some(())
    })
    .await;
    let url = agent.url("/up");
    let refused = async {
        let http = plain_http::client().unwrap();
        // On a connection of its own: those that are open are served to their end.
        while http.get(&url).send().await.is_ok() {}
        environment.pool().size
    };
    let ((status, took), size_then) = tokio::join!(agent.end(Signal::TERM), refused);
    assert!(status.success() && took < LIMIT, "{status} after {took:?}");
    assert_eq!(
        (size_then, environment.pool().size),
        (1, 2),
        "first it stops to listen"
    );
    let journal = journal(&environment);
    assert_eq!(
        (&journal["acting"], &journal["running"]),
        (&json!(false), &json!(false))
    );
}

#[tokio::test]
async fn a_second_ctrl_c_ends_it_at_once_and_without_a_panic() {
    for _ in 0..3 {
        let environment = Environment::with_pool(1).await;
        let settings = Settings::default().set("exoscale.request_timeout", "60s");
        let mut agent = environment.start(settings).await;
        environment.until_targets(1).await;
        environment.fault("scale-instance-pool", 1, FaultKind::Hang);
        agent.alert("up").await;
        until("the order is sent", || {
            (environment.writes() == 1).then_some(())
        })
        .await;
        kill_process(agent.pid(), Signal::INT).unwrap();
        let line = || agent.line("Stopping.");
        until("it stops", line).await;
        let (status, _) = agent.end(Signal::INT).await;
        let log = agent.into_log().await;
        assert!(
            status.success() && log.contains("second Ctrl-C"),
            "{status}: {log}"
        );
        assert!(!log.contains("panicked"), "{log}");
        assert_eq!(
            journal(&environment)["running"],
            true,
            "it was no orderly end"
        );
    }
}

#[tokio::test]
async fn what_a_kill_leaves_says_that_it_was_no_stop() {
    let environment = Environment::with_pool(1).await;
    let mut agent = environment.start(Settings::default()).await;
    agent.until_healthy().await;
    agent.end(Signal::KILL).await;
    assert_eq!(journal(&environment)["running"], true);
    let mut agent = environment.restart(Settings::default()).await;
    agent.end(Signal::TERM).await;
    assert_eq!(journal(&environment)["running"], false);
}

#[tokio::test]
async fn a_drain_is_undone() {
    let environment = Environment::with_pool(2).await;
    // Both members say that a request is left, for ever.
    let (port, members) = environment.serve_members().await;
    for member in &members {
        let busy = ResponseTemplate::new(200).set_body_json(json!({ "in_flight": 1 }));
        Mock::given(method("POST"))
            .respond_with(busy)
            .mount(member)
            .await;
        let undone = ResponseTemplate::new(200);
        Mock::given(method("DELETE"))
            .respond_with(undone)
            .mount(member)
            .await;
    }
    let settings = Settings::default()
        .set("drain.mode", "http")
        .set("drain.port", port)
        .set("exoscale.request_timeout", "20s");
    let mut agent = environment.start(settings).await;
    agent.alert("down").await;
    let asked = async {
        loop {
            for server in &members {
                let seen = server.received_requests().await.unwrap();
                if !seen.is_empty() {
                    return server;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let victim = tokio::time::timeout(crate::agent_support::PATIENCE, asked)
        .await
        .expect("a drain");
    // Not even an API that hangs in the middle of it hinders the stop.
    environment.fault("*", u32::MAX, FaultKind::Hang);
    let (status, took) = agent.end(Signal::TERM).await;
    assert!(status.success() && took < LIMIT, "{status} after {took:?}");
    let last = victim.received_requests().await.unwrap().pop().unwrap();
    assert_eq!(
        last.method.as_str(),
        "DELETE",
        "the member was told to serve on"
    );
    assert_eq!((environment.writes(), environment.pool().size), (0, 2));
}
