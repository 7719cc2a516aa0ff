//! How fast the agent answers alerts, what it weighs, and how many calls it makes for a large pool.
//!
//! `cargo bench --bench agent_webhooks` starts a local cloud with a pool of 1,000 members that
//! exist in its answers only, the agent as a process, and 5,000 alerts a second from one client for
//! 10 s. It prints figures and judges nothing: a machine that does other work at the same time
//! gives other figures.

use std::{
    net::SocketAddr,
    process::Stdio,
    time::{Duration, Instant},
};

use loadtest::{Load, Plan, Profile, Request, Run};
use local_cloud::{LocalCloud, LocalCloudConfig};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

const MEMBERS: u32 = 1_000;
const RATE: f64 = 5_000.0;
const LASTS: Duration = Duration::from_secs(10);
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(1);

/// An alert as Grafana sends it, without what the agent does not look at.
const ALERT: &str = r#"{"receiver":"autoscaler","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"CPU high","scale":"up"},"annotations":{},"startsAt":"2026-01-01T00:00:00Z","fingerprint":"c6eadffa33fcdf37"}],"version":"1","groupKey":"{}:{}","truncatedAlerts":0}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    actix_rt::System::new().block_on(measure())
}

async fn measure() -> Result<(), Box<dyn std::error::Error>> {
    let config = LocalCloudConfig {
        speed: 100.0,
        instance_quota: MEMBERS,
        secret: Some("bench-secret".parse()?),
        ..LocalCloudConfig::without_processes()
    };
    let cloud = LocalCloud::start(config).await?;
    let stack = cloud.create_stack(MEMBERS).await?;
    let folder = tempfile::tempdir()?;
    let settings = [
        format!("exoscale.endpoint={}", cloud.endpoint()),
        format!("exoscale.key={}", cloud.key()),
        format!("exoscale.instance_pool={}", stack.pool),
        "exoscale.calls_per_minute=1000".to_owned(),
        format!("scaling.max_size={MEMBERS}"),
        format!("discovery.interval={}ms", DISCOVERY_INTERVAL.as_millis()),
        format!("discovery.file={}", folder.path().join("sd.json").display()),
        format!("journal.directory={}", folder.path().display()),
        "alerts.address=127.0.0.1".to_owned(),
        "alerts.port=0".to_owned(),
        "log.format=json".to_owned(),
    ];
    let mut agent = Command::new(env!("CARGO_BIN_EXE_autoscaler"));
    agent
        .arg("agent")
        .env("EXOSCALE_SECRET", "bench-secret")
        .stderr(Stdio::piped());
    for setting in settings {
        agent.args(["--set", &setting]);
    }
    let mut agent = agent.kill_on_drop(true).spawn()?;
    let address = ready(&mut agent).await?;

    let mut plan = Plan::new(
        format!("http://{address}/webhook").parse()?,
        Load::Open(Profile::hold(RATE, LASTS)),
    );
    plan.threads = 1;
    plan.connections = 16;
    plan.request = Request::new("POST")?
        .header("content-type", "application/json")?
        .with_body(ALERT);
    let began = Instant::now();
    let rounds = |cloud: &LocalCloud| {
        cloud
            .status()
            .calls
            .get("list-instances")
            .copied()
            .unwrap_or(0)
    };
    let before = rounds(&cloud);
    let summary = Run::start(plan).await?.wait().await?;
    let listed = rounds(&cloud) - before;

    let millis = |nanos: u64| nanos as f64 / 1e6;
    println!(
        "alerts sent          {} at {RATE}/s, {} answered 200",
        summary.accounts.scheduled, summary.ok
    );
    println!(
        "answered within      p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms",
        millis(summary.response.p50),
        millis(summary.response.p99),
        millis(summary.response.max)
    );
    println!(
        "agent resident       {:.1} MB",
        resident(&agent)? as f64 / 1e6
    );
    println!(
        "list-instances calls {listed} in {:.1} s for {MEMBERS} members (one a round of {DISCOVERY_INTERVAL:?}, and one for each decision)",
        began.elapsed().as_secs_f64()
    );
    for warning in &summary.warnings {
        println!("note                 {}", warning.text);
    }
    agent.kill().await?;
    cloud.stop().await;
    Ok(())
}

async fn ready(agent: &mut Child) -> Result<SocketAddr, Box<dyn std::error::Error>> {
    let stderr = agent.stderr.take().ok_or("the log is not piped")?;
    let mut lines = BufReader::new(stderr).lines();
    while let Some(line) = lines.next_line().await? {
        let line: serde_json::Value = serde_json::from_str(&line)?;
        if let Some(address) = line["fields"]["address"].as_str() {
            let address = address.parse()?;
            actix_rt::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(address);
        }
    }
    Err("the agent ended before it was ready".into())
}

fn resident(agent: &Child) -> Result<u64, Box<dyn std::error::Error>> {
    let pid = agent.id().ok_or("the agent has ended")?;
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages: u64 = statm
        .split_whitespace()
        .nth(1)
        .ok_or("no resident size")?
        .parse()?;
    Ok(pages * rustix::param::page_size() as u64)
}
