//! What is known after a day of `recommend`: the agent's own decisions, and the measured load.

use std::fs;

use serde_json::{Value, json};
use tokio::process::Command;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::path};

use super::{Ended, run};
use crate::agent_support::{Environment, Settings, program, until};

async fn report(environment: &Environment, further: &[&str]) -> Ended {
    let mut command = program();
    command
        .arg("report")
        .arg("--journal")
        .arg(environment.folder.path().join("journal"))
        .args(further);
    run(&mut command).await
}

#[tokio::test]
async fn a_report_adds_up_what_would_have_been_done() {
    let environment = Environment::with_pool(2).await;
    let none = report(&environment, &[]).await;
    assert_eq!(none.code, Some(1), "{}", none.text);
    assert!(
        none.errors.contains("holds no decisions"),
        "{}",
        none.errors
    );

    let settings = Settings::default().set("scaling.mode", "recommend");
    let agent = environment.start(settings).await;
    agent.alert("up").await;
    agent.until_decided("recommended", "high_load").await;
    let file = environment.folder.path().join("journal/decisions.jsonl");
    until("the decision is kept", || {
        let text = fs::read_to_string(&file).ok()?;
        text.contains("recommended").then_some(())
    })
    .await;
    // It reads a folder: no key is needed.
    let folder = environment.folder.path().join("journal");
    let config = environment.folder.path().join("without-key.toml");
    let pool = uuid::Uuid::nil();
    let lines =
        format!("[exoscale]\ninstance_pool = \"{pool}\"\n[journal]\ndirectory = {folder:?}\n");
    fs::write(&config, lines).unwrap();
    let mut without_key = program();
    let without_key = run(without_key.arg("report").arg("--config").arg(&config)).await;
    assert_eq!(without_key.code, Some(0), "{}", without_key.errors);

    let text = report(&environment, &[]).await;
    assert_eq!(text.code, Some(0), "{}", text.errors);
    for part in [
        "mode recommend",
        "what ran",
        "would have changed      1   2 -> 3 (1)",
    ] {
        assert!(text.text.contains(part), "{part}: {}", text.text);
    }
    let document: Value =
        serde_json::from_str(&report(&environment, &["--json"]).await.text).expect("a document");
    assert_eq!(
        document["changes"]["recommended"]["2 -> 3"], 1,
        "{document}"
    );
    assert_eq!(document["modes"], json!(["recommend"]));
    let log = agent.log();
    assert!(!log.contains("Others may look into the journal"), "{log}");
}

fn simulate(arguments: &[&str]) -> Command {
    let mut command = program();
    let few = [
        "simulate",
        "--policies",
        "ours,static-max",
        "--seed",
        "1",
        "--max",
        "4",
    ];
    command.args(few).args(arguments);
    command
}

#[tokio::test]
async fn an_exported_load_is_played_as_it_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("monday.csv");
    let rows = (0..120).map(|minute| {
        let load = if (40..80).contains(&minute) { 2.0 } else { 0.3 };
        format!("{},{load}\n", 1_764_547_200 + 60 * minute)
    });
    fs::write(
        &file,
        "\"Time\",\"busy\"\n".to_owned() + &rows.collect::<String>(),
    )
    .unwrap();
    let ended = run(&mut simulate(&["--from", file.to_str().unwrap()])).await;
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    for part in ["monday", "Instance-hours:", "ours ", "static-max"] {
        assert!(ended.text.contains(part), "{part}: {}", ended.text);
    }
    assert!(
        ended.errors.contains("0.87 members busy on average, 2.00"),
        "{}",
        ended.errors
    );
    // Two hours of four members.
    let hours = ended.text.split("Instance-hours:").nth(1).unwrap();
    let largest = hours
        .lines()
        .find(|line| line.starts_with("static-max"))
        .unwrap();
    assert!(
        largest.trim_end().ends_with("8.0") || largest.contains(" 8."),
        "{hours}"
    );

    fs::write(&file, "when,what\nmonday,1\n").unwrap();
    for (from, says) in [
        (file.to_str().unwrap(), "no time"),
        ("/nowhere.csv", "there is no file"),
    ] {
        let ended = run(&mut simulate(&["--from", from])).await;
        assert_eq!(ended.code, Some(2), "{}", ended.text);
        assert!(ended.errors.contains(says), "{from}: {}", ended.errors);
    }
}

/// Prometheus answers at most 11,000 points of a series at once.
fn range(request: &Request) -> ResponseTemplate {
    let query: std::collections::HashMap<_, _> = request.url.query_pairs().collect();
    let number = |name: &str| query[name].parse::<i64>().unwrap();
    let (start, end) = (number("start"), number("end"));
    if (end - start) / number("step") + 1 > 11_000 {
        let error = json!({ "status": "error", "errorType": "bad_data", "error": "exceeded maximum resolution of 11,000 points" });
        return ResponseTemplate::new(400).set_body_json(error);
    }
    let value = if query["query"].starts_with("count") {
        "3"
    } else {
        "0.9"
    };
    let values: Vec<Value> = (start..=end)
        .step_by(60)
        .map(|at| json!([at, value]))
        .collect();
    ResponseTemplate::new(200).set_body_json(json!({
        "status": "success",
        "data": { "resultType": "matrix", "result": [{ "metric": {}, "values": values }] },
    }))
}

#[tokio::test]
async fn a_load_is_read_from_prometheus_in_parts_and_compared_with_what_ran() {
    let server = MockServer::start().await;
    Mock::given(path("/api/v1/query_range"))
        .respond_with(range)
        .mount(&server)
        .await;
    let arguments = ["--from", &server.uri(), "--last", "9d"];
    let ended = run(&mut simulate(&arguments)).await;
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    // Nine days of three members.
    let ran = ended
        .text
        .lines()
        .find(|line| line.starts_with("what ran"))
        .unwrap();
    assert!(
        ran.contains("648.") && ran.ends_with("100 %"),
        "{}",
        ended.text
    );
    assert!(server.received_requests().await.unwrap().len() >= 4);

    server.reset().await;
    let ended = run(&mut simulate(&arguments)).await;
    assert_eq!(ended.code, Some(1), "{}", ended.text);
    assert!(
        ended.errors.contains("(--from): HTTP 404"),
        "{}",
        ended.errors
    );
}
