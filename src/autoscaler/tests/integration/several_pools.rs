//! One agent, several pools: each alert scales the pool that it is meant for, and what one pool
//! suffers touches no other.

mod twenty;

use std::{fs, time::Duration};

use exoscale::ids::PoolId;
use local_cloud::{LocalCloud, PoolStatus, Stack};
use reqwest::StatusCode;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::agent_support::{Agent, Environment, PATIENCE, Settings, long_ago, program, until};

/// The pools of the tests, by name: `web` is the environment's own.
pub(crate) struct Pools {
    environment: Environment,
    stacks: Vec<(String, Stack)>,
}

impl Pools {
    /// Pools of one member each.
    pub(crate) async fn new(names: &[&str]) -> Self {
        let environment = Environment::with_pool(1).await;
        let mut stacks = vec![(names[0].to_owned(), environment.stack)];
        for name in &names[1..] {
            let stack = environment.cloud.create_stack(1).await.unwrap();
            stacks.push(((*name).to_owned(), stack));
        }
        Self {
            environment,
            stacks,
        }
    }

    /// A pool that the cloud does not know.
    pub(crate) fn add_missing(&mut self, name: &str) {
        let pool = PoolId(Uuid::new_v4());
        let balancer = self.environment.stack.balancer;
        self.stacks
            .push((name.to_owned(), Stack { pool, balancer }));
    }

    /// The tables, with further lines in each.
    pub(crate) fn settings(&self, further: &str) -> Settings {
        let table = |(name, stack): &(String, Stack)| {
            let Stack { pool, balancer } = stack;
            format!(
                "[[pool]]\nname = \"{name}\"\nexoscale.instance_pool = \"{pool}\"\n\
                 exoscale.load_balancer = \"{balancer}\"\n{further}\n"
            )
        };
        let tables: Vec<String> = self.stacks.iter().map(table).collect();
        Settings::default().file(&tables.concat())
    }

    /// An agent of all pools whose cooldowns are over.
    pub(crate) async fn start(&self, settings: Settings) -> Agent {
        for (name, _) in &self.stacks {
            let folder = self
                .environment
                .folder
                .path()
                .join("journal/pools")
                .join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("journal.json"), long_ago().to_string()).unwrap();
        }
        self.environment.restart(settings).await
    }

    fn cloud(&self) -> &LocalCloud {
        &self.environment.cloud
    }

    fn pool(&self, name: &str) -> PoolStatus {
        let (_, stack) = self.stacks.iter().find(|(known, _)| known == name).unwrap();
        let pools = self.cloud().status().pools;
        pools
            .into_iter()
            .find(|pool| pool.id == stack.pool)
            .unwrap()
    }

    fn sizes(&self) -> Vec<u32> {
        let names = self.stacks.iter();
        names.map(|(name, _)| self.pool(name).size).collect()
    }

    async fn until_sizes(&self, sizes: &[u32]) {
        let what = format!("sizes are {sizes:?}");
        until(&what, || (self.sizes() == sizes).then_some(())).await;
    }
}

/// Firing alerts with these labels in one message.
fn message(alerts: &[Value]) -> Value {
    let alert = |labels: &Value| json!({ "status": "firing", "labels": labels });
    let alerts: Vec<Value> = alerts.iter().map(alert).collect();
    json!({ "status": "firing", "alerts": alerts })
}

async fn post(agent: &Agent, alerts: &[Value]) -> Value {
    let request = agent.http.post(agent.url("/webhook"));
    let answer = request.json(&message(alerts)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.unwrap()
}

/// Waits for the metrics to have all these lines.
async fn until_metrics(agent: &Agent, lines: &[&str]) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = agent.get("/metrics").await.text().await.unwrap();
        let missing = lines
            .iter()
            .find(|line| !text.lines().any(|found| found == **line));
        let Some(line) = missing else {
            return text;
        };
        assert!(Instant::now() < deadline, "in vain: {line}\n{text}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_alert_scales_the_pool_that_its_label_names_and_no_other() {
    let pools = Pools::new(&["web", "api", "jobs"]).await;
    let agent = pools.start(pools.settings("")).await;
    let up = |pool: &str| json!({ "scale": "up", "pool": pool });
    let answer = post(&agent, &[up("api")]).await;
    assert_eq!(answer["accepted"], json!(["up"]));
    pools.until_sizes(&[1, 2, 1]).await;
    // One message, several pools; and alerts that are nobody's.
    let nobodys = json!({ "scale": "up" });
    let answer = post(&agent, &[up("jobs"), nobodys, up("db"), up("web")]).await;
    assert_eq!(answer["accepted"], json!(["up", "up"]));
    assert_eq!(answer["ignored"], json!(["no_pool", "unknown_pool"]));
    pools.until_sizes(&[2, 2, 2]).await;
    let counts = until_metrics(
        &agent,
        &[
            r#"autoscaler_alerts_total{pool="api",direction="up",outcome="accepted",reason="firing"} 1"#,
            r#"autoscaler_alerts_total{direction="none",outcome="ignored",reason="no_pool"} 1"#,
            r#"autoscaler_pool_size_wanted{pool="jobs"} 2.0"#,
            r#"autoscaler_actions_total{pool="web",outcome="applied"} 1"#,
            r#"autoscaler_health_check{pool="web",check="pool"} 1.0"#,
        ],
    )
    .await;
    let types = counts
        .lines()
        .filter(|line| line.starts_with("# TYPE autoscaler_pool_size_wanted"));
    assert_eq!(types.count(), 1, "one family for all pools");
}

#[tokio::test]
async fn the_bare_paths_name_the_pool_in_the_query() {
    let pools = Pools::new(&["web", "api"]).await;
    let agent = pools.start(pools.settings("")).await;
    let answer = agent.json("/up?pool=api").await;
    assert_eq!(answer["accepted"], json!(["up"]));
    pools.until_sizes(&[1, 2]).await;
    let answer = agent.json("/up").await;
    assert_eq!(answer["ignored"], json!(["no_pool"]));
    let answer = agent.get("/up?pool=db").await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let said = answer.text().await.unwrap();
    assert!(said.contains("`web`, `api`"), "{said}");
    assert_eq!(pools.sizes(), [1, 2]);
}

#[tokio::test]
async fn each_pool_is_shown_by_itself() {
    let pools = Pools::new(&["web", "api"]).await;
    let agent = pools.start(pools.settings("")).await;
    agent.until_healthy().await;
    let api = pools.pool("api").id.to_string();
    assert_eq!(
        agent.json("/status?pool=api").await["about"]["pool_id"],
        api
    );
    for path in ["/status", "/decisions", "/history", "/events"] {
        let answer = agent.get(path).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}");
        assert!(
            answer.text().await.unwrap().contains("?pool=NAME"),
            "{path}"
        );
        let unknown = agent.get(&format!("{path}?pool=db")).await;
        assert_eq!(unknown.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let overview = agent.json("/pools").await;
    let names = overview["pools"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|pool| pool["pool"].as_str().unwrap()).collect();
    assert_eq!(names, ["web", "api"]);
    until_metrics(&agent, &[r#"autoscaler_pool_size_wanted{pool="api"} 1.0"#]).await;
    assert_eq!(agent.json("/pools").await["pools"][1]["size"], 1);
    let groups = |found: Value| found.as_array().unwrap().len();
    assert_eq!(groups(agent.json("/sd").await), 2);
    let one = agent.json("/sd?pool=api").await;
    assert_eq!(
        (one[0]["labels"]["pool"].as_str(), groups(one.clone())),
        (Some("api"), 1)
    );
    let file = pools.environment.folder.path().join("discovery/api.json");
    let written = || serde_json::from_slice::<Value>(&fs::read(&file).ok()?).ok();
    let what = "the file is what /sd says";
    until(what, || (written()? == one).then_some(())).await;
    let checks = agent.json("/healthz").await["checks"]
        .as_array()
        .unwrap()
        .clone();
    let of = |pool: &str| checks.iter().filter(|check| check["pool"] == pool).count();
    assert!(of("web") > 0 && of("web") == of("api"), "{checks:?}");
}

#[tokio::test]
async fn a_pool_that_is_missing_touches_no_other() {
    let mut pools = Pools::new(&["web"]).await;
    pools.add_missing("api");
    let agent = pools.start(pools.settings("")).await;
    post(&agent, &[json!({ "scale": "up", "pool": "api" })]).await;
    agent.until_unhealthy("get-instance-pool").await;
    post(&agent, &[json!({ "scale": "up", "pool": "web" })]).await;
    let what = "the other pool is scaled";
    until(what, || (pools.pool("web").size == 2).then_some(())).await;
    let overview = agent.json("/pools").await;
    assert_eq!(overview["pools"][0]["problems"], 0, "{overview}");
    assert!(
        overview["pools"][1]["problems"].as_u64() > Some(0),
        "{overview}"
    );
    let log = agent.log();
    let line = log
        .lines()
        .find(|line| line.contains("API operation fails"));
    let line: Value = serde_json::from_str(line.expect("it is told")).unwrap();
    assert_eq!(
        line["span"]["pool"], "api",
        "the log says of which pool: {line}"
    );
}

#[tokio::test]
async fn orders_are_for_one_pool_and_outlive_a_restart() {
    let pools = Pools::new(&["web", "api"]).await;
    let settings = pools.settings("").set("control.token", "hush");
    let mut agent = pools.start(settings.clone()).await;
    let url = agent.url("");
    let ctl = async |arguments: &[&str]| {
        let mut command = program();
        command.args(["ctl", "--url", &url]).args(arguments);
        let output = command
            .env("AUTOSCALER_CONTROL_TOKEN", "hush")
            .output()
            .await
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let (code, said) = ctl(&["--pool", "api", "pause"]).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = ctl(&["pause"]).await;
    assert!(code == Some(2) && said.contains("`web`, `api`"), "{said}");
    let (code, said) = ctl(&["--pool", "api", "status"]).await;
    assert!(code == Some(0) && said.contains("paused"), "{said}");
    for direction in ["web", "api"] {
        post(&agent, &[json!({ "scale": "up", "pool": direction })]).await;
    }
    pools.until_sizes(&[2, 1]).await;
    agent.end(Signal::TERM).await;
    let agent = pools.environment.restart(settings).await;
    let paused = async |pool: &str| {
        let status = agent.json(&format!("/status?pool={pool}")).await;
        status["control"]["paused"].as_bool().unwrap()
    };
    assert_eq!((paused("web").await, paused("api").await), (false, true));
}

#[tokio::test]
async fn one_table_is_one_pool_that_needs_no_name_in_a_request() {
    let pools = Pools::new(&["web"]).await;
    let agent = pools.start(pools.settings("")).await;
    agent.until_healthy().await;
    assert_eq!(agent.json("/status").await["about"]["pool"], "web");
    let answer = post(&agent, &[json!({ "scale": "up", "pool": "api" })]).await;
    assert_eq!(answer["ignored"], json!(["unknown_pool"]));
    agent.alert("up").await;
    pools.until_sizes(&[2]).await;
}
