//! What requests cost, what they answer, and what happens when there are too many.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::instance::{Instance, PATIENCE, value};

#[tokio::test]
async fn a_request_burns_the_cpu_time_it_asks_for_and_says_so() {
    let instance = Instance::start(&["--instance-id", "web-1", "--work-ms", "7"]).await;
    for (path, asked) in [("/?ms=20", 20.0), ("/", 7.0), ("/?ms=0", 0.0)] {
        let response = instance.get(path).await;
        let instance_header = loadtest::Plan::BACKEND_HEADERS[0];
        assert_eq!(response.headers()[instance_header], "web-1");
        let report: Value = response.json().await.expect("JSON");
        assert_eq!(report["instance"], "web-1");
        assert_eq!(report["asked_ms"], asked);
        let burnt = report["burnt_ms"].as_f64().expect("a number");
        assert!(burnt >= asked && burnt < asked + 5.0, "{report}");
        assert!(
            report["queue_wait_ms"]
                .as_f64()
                .is_some_and(|wait| wait >= 0.0),
            "{report}"
        );
    }
}

#[tokio::test]
async fn too_much_or_nonsense_is_refused_with_the_limit() {
    let instance = Instance::start(&["--max-ms", "500"]).await;
    for path in ["/?ms=501", "/?ms=-1", "/?ms=x", "/?ms=1.5"] {
        let response = instance.get(path).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
        assert!(response.headers().contains_key("x-instance"));
        let message = response.text().await.expect("text");
        assert!(
            message.contains("500") && message.contains("--max-ms"),
            "{message}"
        );
    }
    let response = instance.get("/nowhere").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(response.headers().contains_key("x-instance"));
}

#[tokio::test]
async fn each_path_is_served_with_a_slash_at_its_end_and_for_head() {
    let instance = Instance::start(&["--work-ms", "1", "--load-seconds", "0.01"]).await;
    for path in ["/", "/load", "/health", "/metrics"] {
        let slashed = instance.get(&format!("{path}/")).await;
        assert_eq!(slashed.status(), StatusCode::OK, "{path}/");
        for path in [path.to_owned(), format!("{path}/")] {
            let head = instance.request(Method::HEAD, &path).await;
            assert_eq!(head.status(), StatusCode::OK, "HEAD {path}");
            assert!(head.headers().contains_key("content-length"), "HEAD {path}");
            assert_eq!(head.bytes().await.expect("an end"), "", "HEAD {path}");
        }
    }
    let drained = instance.request(Method::POST, "/drain/").await;
    assert_eq!(drained.status(), StatusCode::OK);
    let unknown = instance.get("/nowhere").await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    let message = unknown.text().await.expect("text");
    assert!(message.contains("/load"), "{message}");
    let wrong = instance.request(Method::POST, "/health").await;
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(
        wrong.headers()["allow"]
            .to_str()
            .expect("text")
            .contains("GET")
    );
}

#[tokio::test]
async fn load_keeps_every_cpu_busy_for_its_time() {
    let instance = Instance::start(&["--load-seconds", "0.5", "--workers", "2"]).await;
    let begin = Instant::now();
    let response = instance.get("/load").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        response.text().await.expect("text"),
        "Load generation done."
    );
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(500));
    // Others may have most of this machine.
    let burnt = instance.metric("slow_app_cpu_burnt_seconds_total").await;
    let most = 2.0 * took.as_secs_f64();
    assert!(burnt > 0.0 && burnt <= most, "{burnt} s in {took:?}");
}

#[tokio::test]
async fn load_has_a_thread_for_every_cpu() {
    let instance = Instance::start(&["--load-seconds", "600", "--workers", "2"]).await;
    let _load = instance.get_later("/load");
    let busy = async {
        while instance.thread_times().iter().filter(|t| **t >= 10).count() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let busy = tokio::time::timeout(PATIENCE, busy).await;
    busy.unwrap_or_else(|_| panic!("{:?} hundredths of a second", instance.thread_times()));
}

#[tokio::test]
async fn health_answers_at_once_at_full_load() {
    let instance = Instance::start(&[]).await;
    let workers = std::thread::available_parallelism()
        .expect("it is known")
        .get();
    let requests: Vec<_> = (0..workers + 4)
        .map(|_| instance.get_later("/?ms=10000"))
        .collect();
    instance.until_in_flight(requests.len() as f64).await;
    for _ in 0..20 {
        let response = instance.get("/health").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.bytes().await.expect("a body"), "OK");
    }
    // It did not wait for any of them.
    let in_flight = instance.metric("slow_app_requests_in_flight").await;
    assert_eq!(in_flight.round() as usize, requests.len());
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    let instance = Instance::start(&["--workers", "1", "--queue-limit", "1"]).await;
    let waiting = [
        instance.get_later("/?ms=10000"),
        instance.get_later("/?ms=10000"),
    ];
    instance.until_in_flight(2.0).await;
    let response = instance.get("/").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    assert!(
        waiting.iter().all(|request| !request.is_finished()),
        "those within the limit are not refused"
    );
}

#[tokio::test]
async fn the_work_of_a_client_that_has_gone_is_given_up() {
    let instance = Instance::start(&["--workers", "1"]).await;
    let requests: Vec<_> = (0..8).map(|_| instance.get_later("/?ms=10000")).collect();
    instance.until_in_flight(8.0).await;
    for request in requests {
        request.abort();
    }
    // All of it would take 80 seconds.
    let answer = tokio::time::timeout(PATIENCE, instance.get("/?ms=1"))
        .await
        .expect("its turn comes soon");
    assert_eq!(answer.status(), StatusCode::OK);
    instance.until_in_flight(0.0).await;
}

/// What a full queue refuses and what waits in it is load, too; questions about the application are
/// none.
#[tokio::test]
async fn requests_count_as_received_before_they_wait() {
    let arguments = ["--workers", "1", "--queue-limit", "1", "--max-ms", "600000"];
    let instance = Instance::start(&arguments).await;
    let metrics = async || instance.get("/metrics").await.text().await.expect("text");
    instance.get("/health").await;
    instance.request(Method::POST, "/drain").await;
    instance.get("/nowhere").await;
    let name = "slow_app_requests_received_total";
    assert!(value(&metrics().await, name).abs() < 0.1);
    // Ten minutes of work each: one is worked on, at most one waits, the others are refused.
    let get = || instance.get("/?ms=600000");
    let all = async { tokio::join!(get(), get(), get(), get()) };
    let answers = "slow_app_http_request_duration_seconds_count{path=\"/\",status=\"";
    let refused = format!("{answers}503\"}}");
    let counted = async {
        loop {
            let text = metrics().await;
            assert!(!text.contains(&format!("{answers}200")), "{text}");
            if text.contains(&refused) && value(&text, &refused) > 1.9 {
                return value(&text, name);
            }
        }
    };
    let count = tokio::select! {
        _ = all => panic!("nobody has ten minutes"),
        count = counted => count,
    };
    assert!(
        count > 2.9,
        "{count}: those that are refused and one that is not"
    );
}

#[tokio::test]
async fn metrics_count_requests_by_path_and_status() {
    let instance = Instance::start(&["--max-ms", "100"]).await;
    instance.get("/?ms=5").await;
    instance.get("/?ms=101").await;
    instance.get("/a").await;
    instance.get("/b").await;
    let response = instance.get("/metrics").await;
    let content_type = response.headers()["content-type"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(
        content_type.starts_with("application/openmetrics-text; version=1.0.0"),
        "{content_type}"
    );
    let text = response.text().await.expect("text");
    for (labels, count) in [
        ("/\",status=\"200", 1.0),
        ("/\",status=\"400", 1.0),
        ("other\",status=\"404", 2.0),
    ] {
        let name = format!("slow_app_http_request_duration_seconds_count{{path=\"{labels}\"}}");
        assert!(
            (value(&text, &name) - count).abs() < 0.1,
            "{name} in\n{text}"
        );
    }
    assert!((value(&text, "slow_app_queue_wait_seconds_count") - 1.0).abs() < 0.1);
    assert!((value(&text, "slow_app_cpu_asked_seconds_total") - 0.005).abs() < 1e-9);
    assert!(value(&text, "slow_app_cpu_burnt_seconds_total") >= 0.005);
    assert!(value(&text, "process_cpu_seconds_total") >= 0.005);
}
