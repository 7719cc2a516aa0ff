//! The rule evaluator on the wire: real exporters, a real webhook, and the discovery file between
//! them.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use alert_rules::Monitoring;
use policy::Direction;
use rule_evaluator::{
    AlertChange, Evaluation, Readings, RuleEvaluator, RuleSettings, http_client,
    scraper::ScrapeSource,
    webhook::{BearerToken, WebhookSettings},
};
use serde_json::Value;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

/// An instance's exporter: its counters grow with time, split between busy and idle as last set.
#[derive(Clone)]
struct Exporter(Arc<Mutex<Counters>>);

struct Counters {
    since: Instant,
    busy_share: f64,
    busy: f64,
    idle: f64,
}

impl Exporter {
    fn new(busy_share: f64) -> Self {
        Self(Arc::new(Mutex::new(Counters {
            since: Instant::now(),
            busy_share,
            busy: 5.0,
            idle: 5.0,
        })))
    }

    fn counters(&self) -> (f64, f64) {
        let mut counters = self
            .0
            .lock()
            .expect("no test panicked while it held the lock");
        let time = counters.since.elapsed().as_secs_f64();
        counters.since = Instant::now();
        counters.busy += time * counters.busy_share;
        counters.idle += time * (1.0 - counters.busy_share);
        (counters.busy, counters.idle)
    }

    fn set_busy(&self, share: f64) {
        self.counters();
        self.0
            .lock()
            .expect("no test panicked while it held the lock")
            .busy_share = share;
    }

    /// Serves on a loopback port of its own; the second value is the target.
    async fn serve(&self) -> (MockServer, String) {
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(self.clone())
            .mount(&server)
            .await;
        let target = server.address().to_string();
        (server, target)
    }
}

impl Respond for Exporter {
    fn respond(&self, _request: &Request) -> ResponseTemplate {
        let (busy, idle) = self.counters();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("it is after 1970");
        ResponseTemplate::new(200).set_body_string(format!(
            "node_cpu_seconds_total{{cpu=\"0\",mode=\"user\"}} {busy}\n\
             node_cpu_seconds_total{{cpu=\"0\",mode=\"idle\"}} {idle}\n\
             node_boot_time_seconds {}\n\
             node_time_seconds {}\n",
            now.as_secs_f64() - 1000.0,
            now.as_secs_f64()
        ))
    }
}

fn fast() -> RuleSettings {
    let milliseconds = Duration::from_millis;
    let mut service = RuleSettings::of(Monitoring::image());
    for rule in &mut service.rules {
        // Long, so that a stall of the machine does not leave the window empty.
        rule.query.window = milliseconds(4000);
        rule.query.young_for = Duration::from_secs(100);
        rule.pending = milliseconds(150);
    }
    // One of each direction.
    service.rules.dedup_by_key(|rule| rule.direction);
    RuleSettings {
        scrape_interval: milliseconds(50),
        evaluation_interval: milliseconds(50),
        repeat: milliseconds(200),
        ..service
    }
}

fn write_targets(file: &Path, targets: &[&str]) {
    let text = serde_json::json!([{ "targets": targets, "labels": {} }]).to_string();
    let next = file.with_extension("new");
    std::fs::write(&next, text).expect("the folder is writable");
    std::fs::rename(&next, file).expect("the folder is writable");
}

struct Setup {
    folder: tempfile::TempDir,
    webhook: MockServer,
}

impl Setup {
    async fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            webhook: MockServer::start().await,
        }
    }

    fn targets(&self) -> PathBuf {
        self.folder.path().join("config.json")
    }

    fn start(&self) -> RuleEvaluator {
        let settings = fast();
        let client = http_client().expect("a client");
        let scrape = settings.scrapes(self.targets());
        let webhook = WebhookSettings {
            url: format!("{}/webhook", self.webhook.uri()),
            token: Some(BearerToken::new("t0ken")),
            timeout: Duration::from_secs(5),
        };
        Evaluation::start(
            settings,
            ScrapeSource::start(scrape, client.clone()),
            webhook,
            client,
        )
    }

    async fn answer(&self, status: u16, times: Option<u64>) {
        let mock = Mock::given(any()).respond_with(ResponseTemplate::new(status));
        let mock = match times {
            Some(times) => mock.up_to_n_times(times),
            None => mock,
        };
        mock.mount(&self.webhook).await;
    }

    async fn messages(&self) -> Vec<Request> {
        self.webhook
            .received_requests()
            .await
            .expect("requests are recorded")
    }
}

async fn until(
    evaluator: &mut RuleEvaluator,
    what: &str,
    holds: impl FnMut(&Readings) -> bool,
) -> Readings {
    let wait = evaluator.readings.wait_for(holds);
    match tokio::time::timeout(Duration::from_secs(30), wait).await {
        Ok(readings) => readings.expect("the rule evaluator runs").clone(),
        Err(error) => panic!("waited in vain for: {what} ({error})"),
    }
}

async fn evaluations(evaluator: &mut RuleEvaluator, count: usize) {
    for _ in 0..count {
        let changed =
            tokio::time::timeout(Duration::from_secs(30), evaluator.readings.changed()).await;
        changed
            .expect("the rule evaluator evaluates")
            .expect("the rule evaluator runs");
    }
}

fn label(request: &Request) -> String {
    let body: Value = serde_json::from_slice(&request.body).expect("a message is JSON");
    assert_eq!(body["status"], "firing", "there is no message about an end");
    body["alerts"][0]["labels"]["scale"]
        .as_str()
        .expect("the label scale")
        .to_owned()
}

#[tokio::test]
async fn a_load_that_rises_and_falls_is_told_up_then_down_with_reminders() {
    let setup = Setup::new().await;
    setup.answer(200, None).await;
    let exporter = Exporter::new(0.95);
    let (_server, target) = exporter.serve().await;
    write_targets(&setup.targets(), &[&target]);
    let mut evaluator = setup.start();

    let high = until(&mut evaluator, "two messages up", |readings| {
        readings.messages_delivered >= 2 && readings.firing == [Direction::Up]
    })
    .await;
    assert!(
        high.average
            .is_some_and(|average| (0.85..=1.0).contains(&average)),
        "{:?}",
        high.average
    );

    exporter.set_busy(0.02);
    let low = until(&mut evaluator, "the rule down fires", |readings| {
        readings.firing == [Direction::Down]
    })
    .await;
    let changes: Vec<_> = low
        .changes
        .iter()
        .map(|change| (change.rule, change.change))
        .collect();
    // On a busy machine scrapes come late, and the rule may rest for a while.
    let (last, before) = changes.split_last().expect("there are changes");
    assert_eq!(*last, (Direction::Down, AlertChange::Firing));
    let up = [AlertChange::Firing, AlertChange::Resolved].map(|change| (Direction::Up, change));
    assert!(
        !before.is_empty() && before.chunks(2).all(|pair| *pair == up),
        "{changes:?}"
    );

    let told = async {
        while setup.messages().await.last().map(label).as_deref() != Some("down") {
            evaluations(&mut evaluator, 1).await;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(30), told).await;
    told.expect("it is told");
    let messages = setup.messages().await;
    assert!(
        messages
            .iter()
            .all(|request| request.headers["authorization"] == "Bearer t0ken")
    );
    let mut labels: Vec<String> = messages.iter().map(label).collect();
    labels.dedup();
    assert_eq!(labels, ["up", "down"]);
}

#[tokio::test]
async fn a_message_that_was_refused_is_sent_again_at_the_next_evaluation() {
    let setup = Setup::new().await;
    setup.answer(503, Some(2)).await;
    setup.answer(200, None).await;
    let (_server, target) = Exporter::new(1.0).serve().await;
    write_targets(&setup.targets(), &[&target]);
    let mut evaluator = setup.start();
    let refused = until(&mut evaluator, "a refusal", |readings| {
        readings.problem.is_some() && !readings.firing.is_empty()
    });
    assert!(
        refused
            .await
            .problem
            .is_some_and(|problem| problem.contains("503"))
    );
    until(&mut evaluator, "a delivered message", |readings| {
        readings.messages_delivered >= 1
    })
    .await;
    assert!(setup.messages().await.len() >= 3);
}

#[tokio::test]
async fn idle_members_do_not_let_the_pool_shrink_while_another_is_silent() {
    let setup = Setup::new().await;
    setup.answer(200, None).await;
    let (_server, idle) = Exporter::new(0.01).serve().await;
    let silent = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(500))
        .mount(&silent)
        .await;
    write_targets(&setup.targets(), &[&idle, &silent.address().to_string()]);
    let mut evaluator = setup.start();

    until(&mut evaluator, "an average", |readings| {
        readings.average.is_some()
    })
    .await;
    evaluations(&mut evaluator, 12).await;
    let readings = evaluator.readings.borrow_and_update().clone();
    assert_eq!(readings.observation.members.len(), 2);
    assert!(
        readings.changes.is_empty() && readings.pending.is_empty(),
        "{readings:?}"
    );
    assert!(setup.messages().await.is_empty());

    // With the silent one gone from the file the rest is the whole pool.
    write_targets(&setup.targets(), &[&idle]);
    until(&mut evaluator, "the rule down fires", |readings| {
        readings.firing == [Direction::Down]
    })
    .await;
}

#[tokio::test]
async fn a_broken_file_is_no_reason_to_forget_the_members() {
    let setup = Setup::new().await;
    setup.answer(200, None).await;
    let mut evaluator = setup.start();
    let blind = until(&mut evaluator, "a problem", |readings| {
        readings.problem.is_some()
    })
    .await;
    assert!(blind.observation.members.is_empty() && blind.firing.is_empty());

    let (_server, target) = Exporter::new(0.5).serve().await;
    write_targets(&setup.targets(), &[&target]);
    until(&mut evaluator, "a reading", |readings| {
        readings.average.is_some()
    })
    .await;
    std::fs::write(setup.targets(), "[{\"targets\": [").expect("the file is writable");
    evaluations(&mut evaluator, 5).await;
    let readings = evaluator.readings.borrow_and_update().clone();
    assert_eq!(readings.observation.members.len(), 1);
    // A scrape may be late on a busy machine; of a member that is forgotten none comes.
    until(&mut evaluator, "a reading still", |readings| {
        readings.average.is_some()
    })
    .await;
}
