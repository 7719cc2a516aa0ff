//! The rule evaluator over a real Prometheus server, where one is installed.

use std::{
    net::SocketAddr,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use alert_rules::Monitoring;
use rule_evaluator::{
    RuleSettings, http_client,
    observation::Observation,
    prometheus::{PrometheusError, PrometheusServer, PrometheusSettings, find_on_path},
    prometheus_source::PrometheusSource,
    scraper::ScrapeSource,
    source::Source,
};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

const WINDOW: Duration = Duration::from_secs(6);
const BUSY: f64 = 0.7;

async fn exporter() -> MockServer {
    let server = MockServer::start().await;
    let started = Instant::now();
    let answer = move |_: &Request| {
        let time = started.elapsed().as_secs_f64();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is after 1970")
            .as_secs_f64();
        ResponseTemplate::new(200).set_body_raw(
            format!(
                "node_cpu_seconds_total{{cpu=\"0\",mode=\"system\"}} {}\n\
                 node_cpu_seconds_total{{cpu=\"0\",mode=\"idle\"}} {}\n\
                 node_boot_time_seconds {}\n\
                 node_time_seconds {now}\n",
                time * BUSY,
                time * (1.0 - BUSY),
                now - 500.0
            ),
            "text/plain; version=0.0.4",
        )
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

async fn first_reading(source: &mut impl Source) -> Observation {
    let reading = async {
        loop {
            // Errors are of the first moments, when nothing is known yet.
            if let Ok(seen) = source.observe(WINDOW).await
                && seen.average().is_some()
            {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reading)
        .await
        .expect("the member is scraped")
}

#[tokio::test]
async fn prometheus_reads_the_discovery_file_and_answers_the_same_questions() {
    let Some(program) = find_on_path("prometheus") else {
        assert!(
            std::env::var_os("AUTOSCALER_REQUIRE_PROGRAMS").is_none(),
            "prometheus is not on PATH"
        );
        println!("skipped: prometheus is not on PATH");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let targets = folder.path().join("config.json");
    let member = exporter().await;
    let text = serde_json::json!([{ "targets": [member.address().to_string()], "labels": {} }]);
    std::fs::write(&targets, text.to_string()).expect("the folder is writable");

    let client = http_client().expect("a client");
    let rules = RuleSettings::of(Monitoring::image().divided_by(10));
    let settings = PrometheusSettings {
        program,
        launcher: Vec::new(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        folder: folder.path().to_owned(),
        targets: targets.clone(),
        scrape_interval: rules.scrape_interval,
        ready_within: Duration::from_secs(60),
        for_grafana: None,
    };
    let server = PrometheusServer::start(&settings, &client)
        .await
        .expect("it starts");
    let mut source = PrometheusSource::new(&server.url(), client.clone(), Duration::from_secs(5));

    let mut own = ScrapeSource::start(rules.scrapes(targets), client.clone());

    let seen = first_reading(&mut source).await;
    assert_eq!(seen.members.len(), 1);
    assert_eq!(seen.members[0].instance, member.address().to_string());
    let age = seen.members[0]
        .age
        .expect("the member says when it started");
    assert!((490..600).contains(&age.as_secs()), "{age:?}");
    let average = seen.average().expect("there is a reading");
    assert!((average - BUSY).abs() < 0.1, "{average}");
    let own = first_reading(&mut own).await;
    assert_eq!(own.members[0].instance, seen.members[0].instance);
    let own = own.average().expect("there is a reading");
    assert!(
        (average - own).abs() < 0.1,
        "Prometheus says {average}, the rule evaluator {own}"
    );

    let run_folder = folder.path().join("prometheus");
    assert!(run_folder.exists());
    server.stop().await.expect("it stops");
    assert!(!run_folder.exists(), "what it stored is removed");
    assert!(
        source.observe(WINDOW).await.is_err(),
        "a server that is gone is an error and no reading"
    );
}

#[tokio::test]
async fn a_server_that_ends_at_once_is_reported_with_its_last_words() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let settings = PrometheusSettings {
        program: "/bin/sh".into(),
        launcher: ["/bin/sh", "-c", "echo no such luck >&2; exit 3"]
            .map(Into::into)
            .to_vec(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        folder: folder.path().to_owned(),
        targets: folder.path().join("config.json"),
        scrape_interval: Duration::from_secs(1),
        ready_within: Duration::from_secs(30),
        for_grafana: None,
    };
    let client = http_client().expect("a client");
    let error = PrometheusServer::start(&settings, &client)
        .await
        .expect_err("there is no server");
    assert!(matches!(error, PrometheusError::Ended { .. }), "{error:?}");
    assert!(error.to_string().contains("no such luck"), "{error}");
}
