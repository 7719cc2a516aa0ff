//! A pool whose owner has an application, a Prometheus and a Grafana of their own: from nothing to
//! an agent that scales it, by `init` and `doctor` alone. `docs/own-pool.md` has this very run.

mod after_a_day;
mod drain;
mod init;
mod page;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use local_cloud::{LocalCloudConfig, Stack, runner::InstanceCommand};
use rule_evaluator::prometheus::find_on_path;
use rustix::process::Signal;
use serde_json::{Value, json};
use test_support::Api;
use tokio::process::{Child, Command};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{bearer_token, path},
};

use crate::agent_support::{Agent, program, tool, until};

const GRAFANA_TOKEN: &str = "glsa_hush";

/// A cloud with a pool of Python applications, and a folder.
struct Own {
    api: Api,
    stack: Stack,
    folder: tempfile::TempDir,
    /// Of this test alone, so that the usual ports are free on it.
    address: Ipv4Addr,
}

/// How a command ended.
struct Ended {
    code: Option<i32>,
    text: String,
    errors: String,
}

/// A loopback address that no other test has: by the process and a count.
fn address() -> Ipv4Addr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 100 + COUNT.fetch_add(1, Ordering::Relaxed), high, low)
}

async fn run(command: &mut Command) -> Ended {
    let output = command.output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended {
        code: output.status.code(),
        text: text(&output.stdout),
        errors: text(&output.stderr),
    }
}

impl Own {
    /// A pool of two that knows no drain; `None` where Python is not installed.
    async fn start() -> Option<Self> {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/integration/own_pool/shop.py"
        );
        Self::start_with(file).await
    }

    /// A pool of two that run this file.
    async fn start_with(file: &str) -> Option<Self> {
        let python = tool("python3")?;
        let command = InstanceCommand {
            program: python,
            arguments: vec![file.to_owned(), "{ip}".to_owned()],
            ports: vec![8080, 9100],
        };
        let config = LocalCloudConfig {
            operation_time: Duration::from_millis(100),
            boot_time: Duration::from_millis(100),
            ..LocalCloudConfig::with_processes(command)
        };
        let api = Api::start(config).await;
        let stack = api.cloud.create_stack(2).await.unwrap();
        api.until("both members are well", |status| {
            let servers = status.balancers.iter().flat_map(|b| &b.services);
            let mut servers = servers.flat_map(|service| &service.servers);
            let well = servers.clone().count();
            well == 2 && servers.all(|s| s.status == exoscale::models::HealthStatus::Success)
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), open).unwrap();
        Some(Self {
            api,
            stack,
            folder,
            address: address(),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn written(&self, name: &str) -> String {
        fs::read_to_string(self.path("autoscaler").join(name)).unwrap()
    }

    fn endpoint(&self) -> String {
        self.api.cloud.endpoint()
    }

    /// The program with the key of the account's owner.
    fn owner(&self) -> Command {
        let secret = self.api.cloud.secret().expose();
        self.with_key(
            self.api.cloud.key().as_str(),
            std::str::from_utf8(secret).unwrap(),
        )
    }

    fn with_key(&self, key: &str, secret: &str) -> Command {
        let mut command = program();
        command
            .env("EXOSCALE_API_KEY", key)
            .env("EXOSCALE_API_SECRET", secret)
            .current_dir(self.folder.path());
        command
    }

    fn init(&self, further: &[&str]) -> Command {
        let mut command = self.owner();
        command
            .args(["init", "--pool", &self.stack.pool.to_string()])
            .args(["--endpoint", &self.endpoint()])
            .arg("--discovery-file")
            .arg(self.path("sd/config.json"))
            .arg("--journal")
            .arg(self.path("journal"))
            .args(further);
        if !further.contains(&"--listen") {
            command.args(["--listen", &self.address.to_string()]);
        }
        command
    }

    /// What `exo iam role create` and `exo iam api-key create` do with the file of the policy.
    async fn own_key(&self) -> (String, String) {
        let policy: Value = serde_json::from_str(&self.written("iam-policy.json")).unwrap();
        let role = json!({ "name": "autoscaler-agent", "policy": policy });
        let role = self.api.done(self.api.post("/iam-role", role).await).await;
        let key = json!({ "name": "autoscaler-agent", "role-id": role });
        let key = self.api.post("/api-key", key).await.body;
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        (text("key"), text("secret"))
    }

    fn agent(&self, key: &(String, String)) -> Command {
        let mut command = self.with_key(&key.0, &key.1);
        command
            .args(["agent", "--config", "autoscaler/agent.toml"])
            .args(["--set", "log.format=json"]);
        command
    }

    async fn doctor(&self, key: &(String, String), further: &[&str]) -> Ended {
        let mut command = self.with_key(&key.0, &key.1);
        let file = [
            "doctor",
            "--config",
            "autoscaler/agent.toml",
            "--timeout",
            "20s",
        ];
        command.args(file).args(further);
        run(command.env("GRAFANA_TOKEN", GRAFANA_TOKEN)).await
    }

    /// A Prometheus that its owner has, with the files that were written; `None` where it is not
    /// installed.
    fn prometheus(&self) -> Option<(Child, String)> {
        let program = find_on_path("prometheus")?;
        let config = format!(
            "global:\n  scrape_interval: 1s\nrule_files: [autoscaler/prometheus-rules.yml]\n{}",
            // Debian's is older than `scrape_config_files`; and who waits for 15 s, tests long.
            self.written("prometheus-job.yml")
                .replace("scrape_interval: 5s", "scrape_interval: 1s")
                .replace("scrape_timeout: 4s", "scrape_timeout: 1s")
                .replace("refresh_interval: 10s", "refresh_interval: 1s"),
        );
        fs::write(self.path("prometheus.yml"), config).unwrap();
        let address = SocketAddr::from((self.address, 9090));
        let child = Command::new(program)
            .current_dir(self.folder.path())
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address={address}"))
            .kill_on_drop(true)
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        Some((child, format!("http://{address}")))
    }

    /// A Grafana that has been given the files that were written.
    async fn grafana(&self) -> MockServer {
        let folder = "grafana/provisioning/alerting";
        let read = |name: &str| -> Value {
            serde_yaml_ng::from_str(&self.written(&format!("{folder}/{name}"))).unwrap()
        };
        let rules = &read("autoscaler-rules.yml")["groups"][0]["rules"];
        let point = &read("autoscaler-contact-point.yml")["contactPoints"][0];
        let mut receiver = point["receivers"][0].clone();
        receiver["name"] = point["name"].clone();
        receiver["settings"]["authorization_credentials"] = json!("[REDACTED]");
        // The owner's own policies, which know nothing of the autoscaler.
        let policies = json!({ "receiver": "mail", "group_by": ["alertname"] });
        let server = MockServer::start().await;
        let health = json!({ "database": "ok" });
        Mock::given(path("/api/health"))
            .respond_with(ResponseTemplate::new(200).set_body_json(health))
            .mount(&server)
            .await;
        let documents = [
            ("alert-rules", rules.clone()),
            ("contact-points", json!([receiver])),
            ("policies", policies),
        ];
        for (name, document) in documents {
            Mock::given(path(format!("/api/v1/provisioning/{name}")))
                .and(bearer_token(GRAFANA_TOKEN))
                .respond_with(ResponseTemplate::new(200).set_body_json(document))
                .mount(&server)
                .await;
        }
        server
    }

    fn size(&self) -> u32 {
        let pools = self.api.cloud.status().pools;
        let ours = pools.iter().find(|pool| pool.id == self.stack.pool);
        ours.unwrap().size
    }
}

/// Waits until Prometheus has recorded the CPU use of both members.
async fn until_recorded(prometheus: &str) {
    let http = exoscale::plain_http::client().unwrap();
    let url = format!("{prometheus}/api/v1/query?query=instance:node_cpu_utilisation:rate1m");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
    loop {
        let answer = http.get(&url).send().await.ok();
        let found = match answer {
            Some(answer) => answer.json::<Value>().await.ok(),
            None => None,
        };
        let found = found.and_then(|found| found["data"]["result"].as_array().map(Vec::len));
        if found == Some(2) {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "nothing is recorded: {found:?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn from_nothing_to_recommend_to_on_by_init_and_doctor_alone() {
    let Some(own) = Own::start().await else {
        return;
    };
    let init = run(&mut own.init(&[])).await;
    assert_eq!(init.code, Some(0), "{}", init.errors);
    let key = own.own_key().await;
    let pre = own.doctor(&key, &["--pre"]).await;
    assert_eq!(pre.code, Some(0), "{}{}", pre.text, pre.errors);
    assert!(!pre.text.contains("[warn]"), "{}", pre.text);

    let mut agent = Agent::spawn(own.agent(&key)).await;
    agent.until_healthy().await;
    let grafana = own.grafana().await;
    let grafana_url = grafana.uri();
    let mut arguments = vec!["--grafana", grafana_url.as_str()];
    let prometheus = own.prometheus();
    if let Some((_, url)) = &prometheus {
        until_recorded(url).await;
        arguments.extend(["--prometheus", url.as_str()]);
    }
    let whole = own.doctor(&key, &arguments).await;
    assert_eq!(whole.code, Some(0), "{}{}", whole.text, whole.errors);
    assert!(!whole.text.contains("[warn]"), "{}", whole.text);

    // A day of `recommend`: it says what it would do, and does nothing.
    let token = own.written("agent.toml");
    let token = token.lines().find_map(|line| line.strip_prefix("token = "));
    let token = token.unwrap().trim_matches('"').to_owned();
    let alert = async |agent: &Agent| {
        let request = agent.http.post(agent.url("/up")).bearer_auth(&token);
        assert_eq!(request.send().await.unwrap().status(), 200);
    };
    alert(&agent).await;
    agent.until_decided("held", "window").await;
    assert_eq!(own.size(), 2);
    let (status, _) = agent.end(Signal::TERM).await;
    assert!(status.success());

    let on = own.written("agent.toml").replace("\"recommend\"", "\"on\"");
    fs::write(own.path("autoscaler/agent.toml"), on).unwrap();
    let mut command = own.agent(&key);
    command.args(["--set", "scaling.cooldown=1s"]);
    let agent = Agent::spawn(command).await;
    alert(&agent).await;
    until("the pool has grown", || (own.size() == 3).then_some(())).await;

    if let Some((_, url)) = &prometheus {
        let mut simulate = own.owner();
        simulate.args([
            "simulate",
            "--from",
            url,
            "--last",
            "1h",
            "--policies",
            "ours",
        ]);
        let simulated = run(&mut simulate).await;
        assert_eq!(simulated.code, Some(0), "{}", simulated.errors);
        assert!(simulated.text.contains("what ran"), "{}", simulated.text);
        page::holds(
            &own,
            &[
                ("init", &init.text),
                ("pre", &pre.text),
                ("doctor", &whole.text),
            ],
        );
    }
    drop(agent);
    own.api.cloud.stop().await;
}
