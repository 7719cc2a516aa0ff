//! Every metric that rules and panels name is one that something serves: the real agent and the
//! real application are asked for theirs.

use std::{collections::BTreeSet, net::SocketAddr, process::Stdio, time::Duration};

use local_cloud::{LocalCloud, LocalCloudConfig};
use rule_evaluator::http_client;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::{dashboards, files};

/// Only a hang takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Words of the query language that may stand where a metric's name may, without being one.
const KEYWORDS: [&str; 9] = [
    "by", "and", "on", "or", "unless", "offset", "le", "sum", "avg",
];

/// The names of metrics in an expression: words outside strings, label lists and ranges that are
/// not called.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut plain = String::new();
    let (mut in_string, mut depth) = (false, 0_u32);
    for letter in expression.chars() {
        match letter {
            '"' => in_string = !in_string,
            _ if in_string => {}
            '{' | '[' => depth += 1,
            '}' | ']' => {
                depth -= 1;
                plain.push(' ');
            }
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    // What stands in brackets after `by` and `on` are labels.
    let mut rest = plain.as_str();
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_') {
        let word = &rest[start..];
        let end = word
            .find(|c: char| !(c.is_ascii_alphanumeric() || "_:".contains(c)))
            .unwrap_or(word.len());
        let (name, after) = word.split_at(end);
        let is_digit_suffix = start > 0 && rest.as_bytes()[start - 1].is_ascii_digit();
        let is_called = after.trim_start().starts_with('(');
        rest = after;
        if is_called && ["by", "on"].contains(&name) {
            rest = after.split_once(')').map_or("", |(_, rest)| rest);
        } else if !is_called && !is_digit_suffix && !KEYWORDS.contains(&name) {
            names.insert(name.to_owned());
        }
    }
    names
}

#[test]
fn names_are_found_in_promql() {
    let text = r#"sum by (instance, mode) (rate(a_total{job="b",c!="d"}[1m])) / on (instance) x offset 15s >= 0 or on () vector(0)"#;
    assert_eq!(metrics_in(text), ["a_total", "x"].map(str::to_owned).into());
}

/// The series' names that a scrape of this exposition can have.
fn served(exposition: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in exposition.lines() {
        let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        let suffixes: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        names.extend(suffixes.iter().map(|suffix| format!("{name}{suffix}")));
    }
    names
}

/// Waits for the line that says where a program listens.
async fn address(output: impl AsyncRead + Unpin + Send + 'static, field: &str) -> SocketAddr {
    let mut lines = BufReader::new(output).lines();
    let found = timeout(PATIENCE, async {
        loop {
            let line = lines.next_line().await.expect("text");
            let line = line.expect("it listens before it ends");
            if let Some((_, rest)) = line.split_once(field) {
                let end = rest.find(' ').unwrap_or(rest.len());
                return rest[..end].parse().expect("an address");
            }
        }
    });
    let found = found.await.expect("it listens soon");
    // Its further lines must go somewhere, or it would stop at a full pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    found
}

fn program(path: &str) -> Command {
    let mut command = Command::new(path);
    command
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn client() -> reqwest::Client {
    http_client().expect("a client")
}

async fn scrape(address: SocketAddr) -> String {
    let answer = client()
        .get(format!("http://{address}/metrics"))
        .send()
        .await;
    let answer = answer
        .and_then(reqwest::Response::error_for_status)
        .expect("metrics");
    answer.text().await.expect("text")
}

async fn send(request: reqwest::RequestBuilder) {
    let answer = request.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{}", answer.status());
}

/// The agent's metrics once it has answered an alert with an action. Metrics with labels are there
/// from the first time on.
async fn agents_metrics() -> String {
    let config = LocalCloudConfig {
        speed: 100.0,
        ..LocalCloudConfig::without_processes()
    };
    let cloud = LocalCloud::start(config).await.expect("it starts");
    let stack = cloud.create_stack(1).await.expect("a pool");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let secret = String::from_utf8_lossy(cloud.secret().expose()).into_owned();
    let mut agent: Child = program(env!("CARGO_BIN_EXE_autoscaler"))
        .args(["agent", "--set", "alerts.address=127.0.0.1", "--port", "0"])
        .env("EXOSCALE_API_ENDPOINT", cloud.endpoint())
        .env("EXOSCALE_KEY", cloud.key().as_str())
        .env("EXOSCALE_SECRET", secret)
        .env("EXOSCALE_INSTANCEPOOL_ID", stack.pool.to_string())
        .env("AUTOSCALER_SCALING__COOLDOWN", "1s")
        .env(
            "AUTOSCALER_DISCOVERY__FILE",
            folder.path().join("config.json"),
        )
        .env(
            "AUTOSCALER_JOURNAL__DIRECTORY",
            folder.path().join("journal"),
        )
        .spawn()
        .expect("the agent starts");
    let address = address(agent.stderr.take().expect("a pipe"), " address=").await;
    send(client().post(format!("http://{address}/up"))).await;
    let has_acted = async {
        loop {
            let text = scrape(address).await;
            if text.contains("autoscaler_actions_total{")
                && text.contains("autoscaler_discovery_age_seconds ")
            {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let text = timeout(PATIENCE, has_acted).await.expect("it acts soon");
    agent.kill().await.expect("it ends");
    cloud.stop().await;
    text
}

/// The application's own metrics after a request.
async fn applications_metrics() -> String {
    let mut app = program(env!("CARGO_BIN_EXE_autoscaler"))
        .args(["slow-app", "--listen", "127.0.0.1:0"])
        .spawn()
        .expect("the application starts");
    let address = address(app.stderr.take().expect("a pipe"), " address=").await;
    send(client().get(format!("http://{address}/?ms=1"))).await;
    let text = scrape(address).await;
    app.kill().await.expect("it ends");
    text
}

#[tokio::test]
async fn every_metric_that_is_named_is_served() {
    let mut known = served(&agents_metrics().await);
    known.extend(served(&applications_metrics().await));
    // Of node exporter itself, and of Prometheus.
    known.extend(
        [
            "node_cpu_seconds_total",
            "node_time_seconds",
            "node_boot_time_seconds",
            "up",
        ]
        .map(str::to_owned),
    );

    let recorded = files::recording_rules();
    let text = |rule: &Value, key: &str| rule[key].as_str().expect("a text").to_owned();
    known.extend(recorded.iter().map(|rule| text(rule, "record")));

    let mut expressions = dashboards::expressions();
    expressions.extend(recorded.iter().map(|rule| text(rule, "expr")));
    expressions.extend(files::rules().iter().map(|rule| rule.promql().to_owned()));
    expressions.push(files::request_rule("10").promql().to_owned());
    let named: BTreeSet<String> = expressions
        .iter()
        .flat_map(|text| metrics_in(text))
        .collect();
    assert!(named.len() > 10, "{named:?}");
    let unknown: Vec<&String> = named.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?} are none of {known:?}");
}
