//! The imitated machine's CPU use, as node-exporter would give it and the usual query would read
//! it.

use std::time::{Duration, Instant};

use crate::instance::Instance;

const MODES: [&str; 8] = [
    "idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user",
];

#[tokio::test]
async fn use_is_the_share_of_the_quota_from_idle_to_full() {
    let instance = Instance::start(&["--cpu-quota", "0.25"]).await;
    let mut last = scrape(&instance).await;

    let idle = use_over(&instance, Duration::from_secs(1), &mut last).await;
    assert!(idle < 0.05, "{idle} with no request");

    let request = instance.get_later("/?ms=10000");
    instance.until_in_flight(1.0).await;
    last = scrape(&instance).await;
    let full = use_over(&instance, Duration::from_secs(2), &mut last).await;
    assert!((0.9..=1.1).contains(&full), "{full} at full load");

    request.abort();
    instance.until_in_flight(0.0).await;
    // What is being paid for still counts as use.
    instance.get("/?ms=1").await;
    last = scrape(&instance).await;
    let idle = use_over(&instance, Duration::from_secs(1), &mut last).await;
    assert!(idle < 0.05, "{idle} when the work is done");
}

#[tokio::test]
async fn without_a_quota_each_worker_is_a_cpu() {
    let instance = Instance::start(&["--workers", "2"]).await;
    let response = instance.node_metrics().await;
    let content_type = response.headers()["content-type"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(
        content_type.starts_with("application/openmetrics-text; version=1.0.0"),
        "{content_type}"
    );
    let text = response.text().await.expect("text");
    for cpu in ["0", "1"] {
        for mode in MODES {
            let name = format!("node_cpu_seconds_total{{cpu=\"{cpu}\",mode=\"{mode}\"}}");
            assert!(crate::instance::value(&text, &name) >= 0.0);
        }
    }
    let booted = crate::instance::value(&text, "node_boot_time_seconds");
    let now = crate::instance::value(&text, "node_time_seconds");
    assert!((0.0..30.0).contains(&(now - booted)), "{booted} to {now}");
}

/// `rate(mode!="idle") / rate(all)` between the scrapes at the beginning and end, with every
/// counter checked in between.
async fn use_over(instance: &Instance, time: Duration, last: &mut [f64; 8]) -> f64 {
    let first = *last;
    let begin = Instant::now();
    while begin.elapsed() < time {
        let next = scrape(instance).await;
        for ((before, after), mode) in last.iter().zip(&next).zip(MODES) {
            assert!(after >= before, "{mode} went from {before} to {after}");
        }
        *last = next;
    }
    let grown: Vec<f64> = last
        .iter()
        .zip(first)
        .map(|(end, begin)| end - begin)
        .collect();
    grown[1..].iter().sum::<f64>() / grown.iter().sum::<f64>()
}

async fn scrape(instance: &Instance) -> [f64; 8] {
    let text = instance.node_metrics().await.text().await.expect("text");
    MODES.map(|mode| {
        crate::instance::value(
            &text,
            &format!("node_cpu_seconds_total{{cpu=\"0\",mode=\"{mode}\"}}"),
        )
    })
}
