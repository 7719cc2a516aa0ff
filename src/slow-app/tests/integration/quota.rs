//! A CPU quota makes the process a machine with one slow CPU.

use std::time::{Duration, Instant};

use crate::instance::{Instance, PATIENCE};

const BURNT: &str = "slow_app_cpu_burnt_seconds_total";

#[tokio::test]
async fn work_takes_its_time_over_the_quota() {
    let instance = Instance::start(&["--cpu-quota", "0.25"]).await;
    let begin = Instant::now();
    instance.get("/?ms=100").await;
    let took = begin.elapsed();
    // 400 ms, less what a late timer may catch up; on a busy machine longer.
    assert!(took >= Duration::from_millis(380), "{took:?}");
}

#[tokio::test]
async fn full_load_burns_the_quota_and_never_more() {
    for workers in ["1", "3"] {
        let instance = Instance::start(&["--cpu-quota", "0.3", "--workers", workers]).await;
        let requests: Vec<_> = (0..8).map(|_| instance.get_later("/?ms=10000")).collect();
        instance.until_in_flight(requests.len() as f64).await;
        let begin = Instant::now();
        let before = instance.metric(BURNT).await;
        let mut burnt = 0.0;
        // A second of the quota, or longer where others have most of this machine.
        while burnt < 0.3 {
            burnt = instance.metric(BURNT).await - before;
            let wall = begin.elapsed().as_secs_f64();
            // One slice of 5 ms for each worker is burnt before it is paid, and a late one catches
            // up 3 ms: 24 ms for three, twice that on a machine that is late with everything.
            assert!(begin.elapsed() < 4 * PATIENCE, "only {burnt} s in {wall} s");
            assert!(
                burnt <= 0.3 * wall + 0.05,
                "{burnt} s in {wall} s with {workers} workers"
            );
        }
    }
}
