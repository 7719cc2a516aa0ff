//! G16: no secret in a log, a metric, a page, or an error, even where everything is logged and
//! everything goes wrong.

use std::process::Output;

use local_cloud::{Fault, FaultKind, LocalCloudConfig};
use serde_json::json;
use wiremock::{Mock, ResponseTemplate, matchers::any};

use crate::agent_support::{Environment, Settings, program, until};

const API: &str = "S3CR3T-api-0123456789";
const TOKEN: &str = "S3CR3T-alert-token";
const PASSWORD: &str = "S3CR3T-password";
const HMAC: &str = "S3CR3T-hmac";
const CONTROL: &str = "S3CR3T-control-token";
const DRAIN: &str = "S3CR3T-drain-token";
/// Every secret, and what a sender showed in vain, begins with this.
const MARK: &str = "S3CR3T";
/// `grafana:S3CR3T-password` as it goes over the wire.
const BASIC: &str = "Z3JhZmFuYTpTM0NSM1QtcGFzc3dvcmQ=";

#[track_caller]
fn assert_clean(what: &str, text: &str) {
    for secret in [MARK, BASIC] {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{what} shows a secret");
    }
}

async fn environment() -> Environment {
    let config = LocalCloudConfig {
        operation_time: std::time::Duration::from_millis(50),
        boot_time: std::time::Duration::from_millis(50),
        secret: Some(API.parse().unwrap()),
        ..LocalCloudConfig::without_processes()
    };
    Environment::of(config, 2).await
}

fn secrets() -> Settings {
    Settings::default()
        .variable("AUTOSCALER_ALERTS__TOKEN", TOKEN)
        .variable("AUTOSCALER_ALERTS__USER", "grafana")
        .variable("AUTOSCALER_ALERTS__PASSWORD", PASSWORD)
        .variable("AUTOSCALER_ALERTS__HMAC_SECRET", HMAC)
        .variable("AUTOSCALER_CONTROL__TOKEN", CONTROL)
        .variable("AUTOSCALER_DRAIN__TOKEN", DRAIN)
}

#[tokio::test]
async fn not_in_the_log_nor_on_a_page() {
    let environment = environment().await;
    let (port, members) = environment.serve_members().await;
    for member in &members {
        let empty = ResponseTemplate::new(200).set_body_json(json!({ "in_flight": 0 }));
        Mock::given(any()).respond_with(empty).mount(member).await;
    }
    let settings = secrets()
        .variable("AUTOSCALER_LOG", "trace")
        .set("drain.mode", "http")
        .set("drain.timeout", "1s")
        .set("drain.port", port);
    let mut agent = environment.start(settings).await;
    environment.until_targets(2).await;

    let alert = |path: &str| agent.http.post(agent.url(path)).body("{");
    let order = || agent.http.put(agent.url("/control")).body("{");
    let refused = [
        (401, alert("/up")),
        (
            401,
            alert("/webhook").bearer_auth(format!("{MARK}-guessed")),
        ),
        (
            401,
            alert("/webhook").basic_auth("grafana", Some(format!("{MARK}-guessed"))),
        ),
        (
            401,
            alert("/webhook").header("X-Grafana-Alerting-Signature", MARK),
        ),
        (401, order().bearer_auth(format!("{MARK}-guessed"))),
        (401, order().bearer_auth(TOKEN)),
        (400, order().bearer_auth(CONTROL)),
        (200, order().bearer_auth(CONTROL).body("{\"resume\":true}")),
        (400, alert("/webhook").bearer_auth(TOKEN)),
        (
            400,
            alert("/webhook").header("authorization", format!("Basic {BASIC}")),
        ),
    ];
    for (status, request) in refused {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert_clean("an answer", &answer.text().await.unwrap());
    }
    // A scale-in, so that the members are asked with the token; then an API that refuses the key.
    let down = agent
        .http
        .get(agent.url("/down"))
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap();
    assert_eq!(down.status(), 200);
    environment.until_size(1).await;
    let mut asked = 0;
    for member in &members {
        for request in member.received_requests().await.unwrap() {
            assert_eq!(request.headers["authorization"], format!("Bearer {DRAIN}"));
            asked += 1;
        }
    }
    assert!(asked > 0, "the drain token was used");
    for status in [401, 500] {
        let fault = Fault::new("*", 3, FaultKind::Fail);
        environment.cloud.faults().add(Fault {
            status: Some(status),
            ..fault
        });
    }
    until("the API fails", || {
        environment.cloud.faults().left().is_empty().then_some(())
    })
    .await;

    for path in [
        "/",
        "/metrics",
        "/status",
        "/decisions",
        "/healthz",
        "/sd",
        "/nowhere",
    ] {
        let answer = agent.get(path).await;
        let headers = format!("{:?}", answer.headers());
        assert_clean(path, &(headers + &answer.text().await.unwrap()));
    }
    agent.end(rustix::process::Signal::TERM).await;
    let log = agent.into_log().await;
    assert!(
        log.contains(r#""level":"TRACE""#) || log.contains(r#""level":"DEBUG""#),
        "all is logged"
    );
    assert!(log.contains("not authorised"), "the errors came:\n{log}");
    assert_clean("the log", &log);
    for file in [environment.journal(), environment.discovery_file()] {
        assert_clean("a file", &std::fs::read_to_string(file).unwrap());
    }
}

fn shown(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test]
async fn not_by_check_config() {
    let environment = environment().await;
    let output = environment
        .command("check-config", &secrets())
        .output()
        .await
        .unwrap();
    let text = shown(&output);
    assert!(output.status.success(), "{text}");
    assert_eq!(text.matches("(redacted)").count(), 6, "{text}");
    assert!(text.contains("alerts.hmac_secret"), "{text}");
    assert_clean("check-config", &text);
}

#[tokio::test]
async fn not_in_an_error_about_it() {
    let environment = environment().await;
    let wrong = [
        ("EXOSCALE_SECRET", "S3CR3T, with a comma"),
        // The secret in the key's place.
        ("EXOSCALE_KEY", "S3CR3T, with a comma"),
        ("AUTOSCALER_ALERTS__TOKEN", "S3CR3T with spaces"),
        ("AUTOSCALER_ALERTS__PASSWORD", "S3CR3T\u{e9}"),
        ("AUTOSCALER_ALERTS__HMAC_SECRET", "S3CR3T\tx"),
        ("AUTOSCALER_DRAIN__TOKEN", "S3CR3T \u{1f600}"),
        ("AUTOSCALER_CONTROL__TOKEN", "S3CR3T with spaces"),
        ("EXOSCALE_API_ENDPOINT", "https://me:S3CR3T@api.example/v2"),
        ("AUTOSCALER_ALERTS__TOKN", "S3CR3T-misspelt-key"),
    ];
    for subcommand in ["check-config", "agent"] {
        for (name, value) in wrong {
            let settings = secrets().variable(name, value);
            let mut command = environment.command(subcommand, &settings);
            if name == "EXOSCALE_API_ENDPOINT" {
                command.args(["--set", &format!("exoscale.endpoint={value}")]);
            }
            let output = command.output().await.unwrap();
            let text = shown(&output);
            assert!(!output.status.success(), "{name}: {text}");
            assert!(text.contains("problem"), "{name}: {text}");
            assert_clean(name, &text);
        }
    }
}

#[tokio::test]
async fn not_in_an_error_about_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    let broken = [
        "[exoscale]\nsecret = \"S3CR3T\nzone = \"at-vie-1\"\n",
        "[exoscale]\nsecret = S3CR3T\n",
        "[exoscale]\nsecret = [\"S3CR3T\"]\n",
        "[exoscale]\nsecret = { value = \"S3CR3T\" }\n",
        "secret = \"S3CR3T\"\n[exoscale\n",
        "[alerts]\ntoken = \"a\"\ntoken = \"S3CR3T\"\n",
    ];
    for text in broken {
        std::fs::write(&file, text).unwrap();
        let mut command = program();
        let output = command
            .args(["check-config", "--config"])
            .arg(&file)
            .output()
            .await
            .unwrap();
        let said = shown(&output);
        assert!(!output.status.success(), "{text}: {said}");
        assert_clean(text, &said);
    }
}
