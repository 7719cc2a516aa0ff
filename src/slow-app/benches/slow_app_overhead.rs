//! How much of the slow application's CPU time is the work that was asked for, at full load, and
//! how soon `/health` answers meanwhile: `cargo bench --bench slow_app_overhead`.

#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../tests/integration/instance.rs"]
mod instance;

use std::time::{Duration, Instant};

use reqwest::Client;

use instance::{Instance, value};

const MEASURED: Duration = Duration::from_secs(6);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!(
        "work    requests/s   CPU burnt for requests / CPU of the process    /health median, longest"
    );
    for (work_ms, quota) in [
        (100, None),
        (20, None),
        (5, None),
        (1, None),
        (100, Some("0.25")),
        (20, Some("0.25")),
    ] {
        measure(work_ms, quota).await;
    }
    println!("The aim is at least 98 % at the default of 100 ms.");
}

async fn measure(work_ms: u32, quota: Option<&str>) {
    let flags = quota.map_or(vec![], |quota| vec!["--cpu-quota", quota]);
    let instance = Instance::start(&flags).await;
    let workers = std::thread::available_parallelism()
        .expect("it is known")
        .get();
    let url = instance.url(&format!("/?ms={work_ms}"));
    let clients: Vec<_> = (0..2 * workers + 2)
        .map(|_| tokio::spawn(request_forever(url.clone())))
        .collect();
    instance.until_in_flight(clients.len() as f64).await;

    let before = instance.get("/metrics").await.text().await.expect("text");
    let begin = Instant::now();
    let mut latencies = Vec::new();
    while begin.elapsed() < MEASURED {
        let asked = Instant::now();
        assert_eq!(instance.get("/health").await.status(), 200);
        latencies.push(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let after = instance.get("/metrics").await.text().await.expect("text");
    let grown = |name| value(&after, name) - value(&before, name);
    let burnt = grown("slow_app_cpu_burnt_seconds_total");
    let process = grown("process_cpu_seconds_total");
    let answered = grown("slow_app_queue_wait_seconds_count");
    latencies.sort();
    println!(
        "{work_ms:>3} ms {:>10.1}     {burnt:.3} s / {process:.3} s = {:.2} %    {:?}, {:?}{}",
        answered / MEASURED.as_secs_f64(),
        100.0 * burnt / process,
        latencies[latencies.len() / 2],
        latencies[latencies.len() - 1],
        quota.map_or(String::new(), |quota| format!("   (--cpu-quota {quota})")),
    );
    for client in clients {
        client.abort();
    }
}

async fn request_forever(url: String) {
    let client = Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .build()
        .expect("a client");
    loop {
        let answer = client.get(&url).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.bytes().await.expect("a whole body");
    }
}
