//! Everything that `doctor` looks at, whole: a local cloud, members, the real agent, and servers
//! that answer as Prometheus and Grafana do.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use local_cloud::LocalCloudConfig;
use serde_json::{Value, json};
use test_support::{Api, quick};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{bearer_token, method, path},
};

use crate::agent_support::{Agent, Environment, Settings, until};

pub(super) const TOKEN: &str = "hush-alerts";
pub(super) const GRAFANA_TOKEN: &str = "glsa_hush";

/// What the agent may do, as `terraform/modules/monitoring/iam.tf` has it.
pub(super) const OPERATIONS: [&str; 6] = [
    "get-instance-pool",
    "list-instances",
    "get-operation",
    "get-load-balancer",
    "scale-instance-pool",
    "evict-instance-pool-members",
];

const WRITES: [&str; 2] = ["scale-instance-pool", "evict-instance-pool-members"];

/// How a run of `doctor` ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) text: String,
    pub(super) errors: String,
}

impl Ended {
    /// The ids of the checks that ended so.
    pub(super) fn ids(&self, status: &str) -> BTreeSet<String> {
        let document: Value = serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.text, self.errors));
        let checks = document["checks"].as_array().expect("checks");
        let ids = checks.iter().filter(|check| check["status"] == status);
        ids.map(|check| check["id"].as_str().expect("an id").to_owned())
            .collect()
    }
}

pub(super) struct World {
    pub(super) environment: Environment,
    pub(super) members: Vec<MockServer>,
    pub(super) agent: Agent,
    pub(super) prometheus: MockServer,
    pub(super) grafana: MockServer,
    pub(super) settings: Settings,
    /// The same without the token for alerts.
    pub(super) open: Settings,
    pub(super) port: u16,
}

/// A key that may do these, of this pool alone or of all.
pub(super) async fn key(api: &Api, operations: &[&str], pool: Option<&str>) -> (String, String) {
    let quoted = |list: &[&str]| {
        let names: Vec<String> = list.iter().map(|name| format!("'{name}'")).collect();
        format!("operation in [{}]", names.join(", "))
    };
    let is_write = |name: &&str| WRITES.contains(name);
    let (writes, reads): (Vec<&str>, Vec<&str>) = operations.iter().copied().partition(is_write);
    let mut rules = vec![json!({ "action": "allow", "expression": quoted(&reads) })];
    if !writes.is_empty() {
        let ours = pool.map(|pool| format!(" && resources.instance_pool.id == '{pool}'"));
        let expression = quoted(&writes) + &ours.unwrap_or_default();
        rules.push(json!({ "action": "allow", "expression": expression }));
    }
    let role = json!({
        "name": format!("{}-{}", operations.join(" "), pool.is_some()),
        "policy": {
            "default-service-strategy": "deny",
            "services": { "compute": { "type": "rules", "rules": rules } },
        },
    });
    let role = api.done(api.post("/iam-role", role).await).await;
    let key = json!({ "name": "agent", "role-id": role });
    let key = api.post("/api-key", key).await.body;
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    (text("key"), text("secret"))
}

impl World {
    /// Keys are made before the cloud moves in: `more` makes those that a test needs.
    pub(super) async fn with<T>(more: impl AsyncFnOnce(&Api, &str) -> T) -> (Self, T) {
        let api = Api::start(quick(LocalCloudConfig::without_processes())).await;
        let stack = api.cloud.create_stack(2).await.unwrap();
        let pool = stack.pool.to_string();
        let (id, secret) = key(&api, &OPERATIONS, Some(&pool)).await;
        let more = more(&api, &pool).await;
        let environment = Environment {
            cloud: api.cloud,
            stack,
            folder: tempfile::tempdir().unwrap(),
        };
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(environment.folder.path(), open).unwrap();
        until("members run", || {
            let members = environment.pool().members;
            let running = members
                .iter()
                .filter(|m| m.state == exoscale::models::InstanceState::Running);
            (running.count() == 2).then_some(())
        })
        .await;
        let (port, members) = environment.serve_members().await;
        for member in &members {
            serve_member(member).await;
        }
        let open = Settings::default()
            .variable("EXOSCALE_KEY", &id)
            .variable("EXOSCALE_SECRET", &secret)
            .set("drain.mode", "http")
            .set("drain.port", port)
            .set("discovery.target_port", port);
        let settings = open.clone().variable("AUTOSCALER_ALERTS__TOKEN", TOKEN);
        let agent = environment.start(settings.clone()).await;
        environment.until_targets(2).await;
        agent.until_healthy().await;
        let world = Self {
            members,
            prometheus: MockServer::start().await,
            grafana: MockServer::start().await,
            settings,
            open,
            port,
            agent,
            environment,
        };
        world.serve_prometheus(|_| {}).await;
        world.serve_grafana(|_, _, _| {}).await;
        (world, more)
    }

    pub(super) async fn start() -> Self {
        Self::with(async |_, _| ()).await.0
    }

    /// Runs `doctor` with further settings and arguments.
    pub(super) async fn doctor(&self, settings: Settings, arguments: &[&str]) -> Ended {
        let settings = settings.variable("GRAFANA_TOKEN", GRAFANA_TOKEN);
        self.doctor_with(settings, arguments).await
    }

    pub(super) async fn doctor_with(&self, settings: Settings, arguments: &[&str]) -> Ended {
        let mut command = self.environment.command("doctor", &settings);
        let urls = [
            ("--agent", self.agent.url("")),
            ("--prometheus", self.prometheus.uri()),
            ("--grafana", self.grafana.uri()),
        ];
        for (flag, url) in urls {
            if !arguments.contains(&flag) {
                command.args([flag, &url]);
            }
        }
        // Long enough for a busy machine: no check here waits for it.
        let output = command.args(["--timeout", "30s"]).args(arguments).output();
        let output = output.await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended {
            code: output.status.code().unwrap_or(-1),
            text: text(&output.stdout),
            errors: text(&output.stderr),
        }
    }

    /// Fails unless exactly these checks failed, and exactly these warned.
    #[track_caller]
    pub(super) fn expect(ended: &Ended, case: &str, failed: &[&str], warned: &[&str]) {
        let set = |list: &[&str]| list.iter().map(|id| (*id).to_owned()).collect();
        let found = (ended.ids("failed"), ended.ids("warning"));
        assert_eq!(found, (set(failed), set(warned)), "{case}: {}", ended.text);
        assert_eq!(ended.code, i32::from(!failed.is_empty()), "{case}");
        let document: Value = serde_json::from_str(&ended.text).unwrap();
        for check in document["checks"].as_array().unwrap() {
            let needs_fix = ["failed", "warning"].contains(&check["status"].as_str().unwrap());
            assert_eq!(check["fix"].is_string(), needs_fix, "{case}: {check}");
        }
        for secret in [TOKEN, GRAFANA_TOKEN] {
            assert!(!ended.text.contains(secret), "{case} shows {secret}");
            assert!(!ended.errors.contains(secret), "{case} shows {secret}");
        }
    }

    /// One run as JSON with these settings in place of the agent's.
    pub(super) async fn case(
        &self,
        case: &str,
        settings: impl FnOnce(Settings) -> Settings,
        arguments: &[&str],
        failed: &[&str],
        warned: &[&str],
    ) {
        let mut all = vec!["--json"];
        all.extend(arguments);
        let ended = self.doctor(settings(self.settings.clone()), &all).await;
        Self::expect(&ended, case, failed, warned);
    }

    pub(super) fn targets(&self) -> Vec<String> {
        let members = self.environment.pool().members;
        members
            .iter()
            .map(|member| format!("{}:{}", member.ip, self.port))
            .collect()
    }

    /// Answers as Prometheus 2 and 3 do, with the members as targets.
    pub(super) async fn serve_prometheus(&self, change: impl FnOnce(&mut Value)) {
        let targets = self.targets();
        let target = |instance: &String| {
            json!({
                "discoveredLabels": { "__address__": instance, "job": "exoscale" },
                "labels": { "instance": instance, "job": "exoscale" },
                "scrapePool": "exoscale", "health": "up", "lastError": "",
                "scrapeUrl": format!("http://{instance}/metrics"),
            })
        };
        let active: Vec<Value> = targets.iter().map(target).collect();
        let series =
            |instance: &String| json!({ "metric": { "instance": instance }, "value": [0, "0.5"] });
        let result: Vec<Value> = targets.iter().map(series).collect();
        let mut answers = json!({
            "targets": { "activeTargets": active, "droppedTargets": [] },
            "query": { "resultType": "vector", "result": result },
            "rules": { "groups": [] },
            "alertmanagers": { "activeAlertmanagers": [], "droppedAlertmanagers": [] },
        });
        change(&mut answers);
        self.prometheus.reset().await;
        for (name, data) in answers.as_object().unwrap() {
            Mock::given(path(format!("/api/v1/{name}")))
                .respond_with(
                    ResponseTemplate::new(200)
                        .set_body_json(json!({ "status": "success", "data": data })),
                )
                .mount(&self.prometheus)
                .await;
        }
    }

    /// Answers as Grafana's provisioning API does, with the project's own files in it.
    pub(super) async fn serve_grafana(
        &self,
        change: impl FnOnce(&mut Value, &mut Value, &mut Value),
    ) {
        let mut rules = provisioned("rules.yml", |file| {
            let groups = file["groups"].as_array().unwrap();
            let rules = groups
                .iter()
                .flat_map(|group| group["rules"].as_array().unwrap());
            Value::Array(rules.cloned().collect())
        });
        for rule in rules.as_array_mut().unwrap() {
            rule["isPaused"] = json!(false);
            rule["provenance"] = json!("file");
        }
        let mut points = provisioned("contact-points.yml", |file| {
            let point = &file["contactPoints"][0];
            let mut receiver = point["receivers"][0].clone();
            receiver["name"] = point["name"].clone();
            json!([receiver])
        });
        let settings = &mut points[0]["settings"];
        settings["url"] = json!(self.agent.url("/webhook"));
        settings["authorization_credentials"] = json!("[REDACTED]");
        let mut policies = provisioned("policies.yml", |file| file["policies"][0].clone());
        change(&mut rules, &mut points, &mut policies);
        self.grafana.reset().await;
        let health = ResponseTemplate::new(200)
            .set_body_json(json!({ "database": "ok", "version": "12.4.0" }));
        let documents = [
            ("alert-rules", rules),
            ("contact-points", points),
            ("policies", policies),
        ];
        Mock::given(path("/api/health"))
            .respond_with(health)
            .mount(&self.grafana)
            .await;
        for (name, document) in documents {
            Mock::given(path(format!("/api/v1/provisioning/{name}")))
                .and(bearer_token(GRAFANA_TOKEN))
                .respond_with(ResponseTemplate::new(200).set_body_json(document))
                .mount(&self.grafana)
                .await;
        }
        Mock::given(wiremock::matchers::any())
            .respond_with(
                ResponseTemplate::new(401).set_body_json(json!({ "message": "Invalid API key" })),
            )
            .with_priority(10)
            .mount(&self.grafana)
            .await;
    }

    /// A file beside the agent's own.
    pub(super) fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.environment.folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

fn provisioned(name: &str, part: impl FnOnce(Value) -> Value) -> Value {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../nixos/grafana/provisioning/alerting/"
    );
    let text = fs::read_to_string(format!("{folder}{name}")).unwrap();
    part(serde_yaml_ng::from_str(&text).unwrap())
}

pub(super) const METRICS: &str = "# TYPE node_cpu_seconds_total counter\n\
    node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 1\n\
    node_boot_time_seconds 1\nnode_time_seconds 2\n";

/// A node exporter, and an application that drains.
pub(super) async fn serve_member(member: &MockServer) {
    member.reset().await;
    serve_metrics(member, METRICS).await;
    Mock::given(method("OPTIONS"))
        .and(path("/drain"))
        .respond_with(ResponseTemplate::new(405).insert_header("allow", "DELETE, POST"))
        .mount(member)
        .await;
    Mock::given(method("DELETE"))
        .and(path("/drain"))
        .respond_with(ResponseTemplate::new(200))
        .mount(member)
        .await;
}

pub(super) async fn serve_metrics(member: &MockServer, page: &str) {
    Mock::given(path("/metrics"))
        .respond_with(ResponseTemplate::new(200).set_body_string(page))
        .mount(member)
        .await;
}
