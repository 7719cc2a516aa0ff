//! Starts that fail, and ends that lose nothing.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use reqwest::StatusCode;
use rustix::process::Signal;
use tokio::time;

use crate::instance::{Instance, PATIENCE, command};

#[tokio::test]
async fn sigterm_finishes_what_is_in_flight_and_what_still_comes() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut instance = Instance::start(&["--workers", "1", "--quiet", "500ms"]).await;
        let request = instance.get_later("/?ms=1000");
        instance.until_in_flight(1.0).await;
        instance.signal(signal);
        until_unhealthy(&instance).await;
        let late = instance.get_later("/?ms=1");
        for request in [request, late] {
            let answer = request.await.expect("no panic").expect("an answer");
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(answer.headers()["connection"], "close");
            assert!(
                answer
                    .text()
                    .await
                    .expect("a whole body")
                    .contains("burnt_ms")
            );
        }
        assert_eq!(instance.exit_status().await.code(), Some(0));
    }
}

#[tokio::test]
async fn the_grace_time_is_the_most_it_takes() {
    let mut instance = Instance::start(&["--grace", "300ms", "--cpu-quota", "0.1"]).await;
    let request = instance.get_later("/?ms=10000");
    instance.until_in_flight(1.0).await;
    let begin = Instant::now();
    instance.signal(Signal::TERM);
    assert_eq!(instance.exit_status().await.code(), Some(0));
    assert!(begin.elapsed() >= Duration::from_millis(300));
    let answer = request.await.expect("no panic");
    assert!(
        answer.is_err()
            || answer.is_ok_and(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE)
    );
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut instance = Instance::start(&["--grace", "10m", "--cpu-quota", "0.1"]).await;
    let _request = instance.get_later("/?ms=10000");
    instance.until_in_flight(1.0).await;
    instance.signal(Signal::TERM);
    until_unhealthy(&instance).await;
    instance.signal(Signal::TERM);
    assert_eq!(instance.exit_status().await.code(), Some(1));
}

#[tokio::test]
async fn with_exit_with_parent_it_ends_with_its_standard_input() {
    let mut instance = Instance::start(&["--exit-with-parent"]).await;
    let _request = instance.get_later("/?ms=10000");
    instance.until_in_flight(1.0).await;
    drop(instance.child.stdin.take());
    assert_eq!(instance.exit_status().await.code(), Some(0));
}

#[tokio::test]
async fn without_it_standard_input_means_nothing() {
    let mut instance = Instance::start(&[]).await;
    drop(instance.child.stdin.take());
    assert_eq!(instance.get("/?ms=50").await.status(), StatusCode::OK);
    assert!(instance.child.try_wait().expect("its status").is_none());
}

#[tokio::test]
async fn an_address_that_cannot_be_had_is_named_with_the_flag_and_the_fix() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken
        .local_addr()
        .map(|address| (taken, address.to_string()))
        .expect("an address");
    // 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
    let cases = [
        (
            ["--listen", &taken.1, "--node-metrics", "127.0.0.1:0"],
            "--listen",
            "another port",
        ),
        (
            ["--listen", "127.0.0.1:0", "--node-metrics", &taken.1],
            "--node-metrics",
            "another port",
        ),
        (
            ["--listen", "192.0.2.1:0", "--node-metrics", "127.0.0.1:0"],
            "--listen",
            "0.0.0.0",
        ),
    ];
    for (flags, flag, fix) in cases {
        let output = time::timeout(PATIENCE, command(&flags).output())
            .await
            .expect("it ends")
            .expect("its output");
        assert!(!output.status.success());
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(message.contains(flag) && message.contains(fix), "{message}");
    }
}

async fn until_unhealthy(instance: &Instance) {
    let unhealthy = async {
        while instance.get("/health").await.status() != StatusCode::SERVICE_UNAVAILABLE {}
    };
    time::timeout(PATIENCE, unhealthy)
        .await
        .expect("a signal makes it unhealthy");
}
