//! Two agents on one pool, with a lease: never both change it (guarantee G19).

use std::time::Duration;

use local_cloud::{Fault, FaultKind, LocalCloudConfig};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use test_support::{Api, quick};
use tokio::time::{Instant, sleep};

use crate::{
    agent_among_others::operator,
    agent_rights::operations,
    agent_support::{Agent, Environment, PATIENCE, Settings, long_ago},
};

const BUCKET: &str = "leases";

/// A stack, a bucket, and for each of two agents its settings and the key by which the bucket knows
/// it.
struct Pair {
    environment: Environment,
    settings: [Settings; 2],
    keys: [String; 2],
}

/// A key that may do in the bucket what the agent does there.
async fn key(api: &Api, name: &str) -> (String, String) {
    let names = operations("lease_operations");
    let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    let names = names.join(", ");
    let expression = format!("parameters.bucket == '{BUCKET}' && operation in [{names}]");
    let rules = json!([{ "action": "allow", "expression": expression }]);
    let role = json!({ "name": name, "policy": {
        "default-service-strategy": "deny",
        "services": { "sos": { "type": "rules", "rules": rules } },
    } });
    let role = api.done(api.post("/iam-role", role).await).await;
    let key = json!({ "name": name, "role-id": role });
    let key = api.post("/api-key", key).await.body;
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    (text("key"), text("secret"))
}

impl Pair {
    async fn with_pool(size: u32, further: &[(&str, &str)]) -> Self {
        let api = Api::start(quick(LocalCloudConfig::without_processes())).await;
        let stack = api.cloud.create_stack(size).await.unwrap();
        api.cloud.create_bucket(BUCKET).unwrap();
        let keys = [key(&api, "first").await, key(&api, "second").await];
        let environment = Environment {
            cloud: api.cloud,
            stack,
            folder: tempfile::tempdir().unwrap(),
        };
        let folder = |name: &str| environment.folder.path().join(name);
        let settings = keys.clone().map(|(key, secret)| {
            let journal = folder(&key);
            std::fs::create_dir_all(&journal).unwrap();
            std::fs::write(journal.join("journal.json"), long_ago().to_string()).unwrap();
            let settings = Settings::default()
                .set("lease.bucket", BUCKET)
                .set("lease.duration", "4s")
                .set("lease.key", &key)
                .variable("AUTOSCALER_LEASE__SECRET", &secret)
                .set("journal.directory", journal.display())
                .set("discovery.file", folder(&format!("{key}.json")).display());
            further
                .iter()
                .fold(settings, |settings, (key, value)| settings.set(key, value))
        });
        Self {
            environment,
            settings,
            keys: keys.map(|(key, _)| key),
        }
    }

    async fn start(&self, which: usize) -> Agent {
        self.environment.restart(self.settings[which].clone()).await
    }

    /// From now on no request of this agent's for the lease is answered.
    fn part(&self, which: usize) {
        let fault = Fault {
            key: Some(self.keys[which].clone()),
            ..Fault::new("*", u32::MAX, FaultKind::Hang)
        };
        self.environment.cloud.faults().add(fault);
    }
}

async fn lease(agent: &Agent) -> Value {
    agent.json("/status").await["lease"].clone()
}

async fn until_leads(agent: &Agent, leads: bool) {
    let deadline = Instant::now() + PATIENCE;
    while lease(agent).await["held"] != leads {
        assert!(Instant::now() < deadline, "held: {leads}\n{}", agent.log());
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn g19_a_standby_takes_over_from_a_leader_that_was_killed() {
    let pair = Pair::with_pool(2, &[("scaling.cooldown", "1s")]).await;
    let mut first = pair.start(0).await;
    until_leads(&first, true).await;
    let second = pair.start(1).await;
    first.alert("up").await;
    pair.environment.until_size(3).await;
    // The standby hears of the same load, and waits.
    second.alert("up").await;
    second.until_decided("held", "standby").await;
    assert_eq!(lease(&second).await["held"], false);
    first.end(Signal::KILL).await;
    until_leads(&second, true).await;
    pair.environment.until_size(4).await;
    let number = lease(&second).await["number"].as_u64().unwrap();
    assert!(number >= 2, "{number}");
    assert_eq!(pair.environment.writes(), 2);
    let metrics = second.get("/metrics").await.text().await.unwrap();
    for name in ["autoscaler_lease_held ", "autoscaler_lease_number "] {
        assert!(metrics.contains(name), "{name}");
    }
    second.until_healthy().await;
}

#[tokio::test]
async fn g19_a_leader_cut_off_from_the_store_stops_before_another_starts() {
    let pair = Pair::with_pool(2, &[("scaling.cooldown", "1s")]).await;
    let (first, second) = (pair.start(0).await, pair.start(1).await);
    let (leader, standby, which) = loop {
        if lease(&first).await["held"] == true {
            break (&first, &second, 0);
        }
        if lease(&second).await["held"] == true {
            break (&second, &first, 1);
        }
        sleep(Duration::from_millis(20)).await;
    };
    pair.part(which);
    // At no moment do both believe to lead; the one that is asked first may only have lost it.
    let deadline = Instant::now() + PATIENCE;
    while lease(standby).await["held"] != true {
        assert!(Instant::now() < deadline, "{}", standby.log());
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(lease(leader).await["held"], false, "{}", leader.log());
    leader
        .until_unhealthy("without the lease this agent changes nothing")
        .await;
    leader.alert("up").await;
    leader.until_decided("held", "standby").await;
    assert_eq!(pair.environment.writes(), 0);
    standby.alert("up").await;
    pair.environment.until_size(3).await;

    // Back again, it is the standby.
    pair.environment.cloud.faults().clear();
    leader.until_healthy().await;
    assert_eq!(lease(leader).await["held"], false);
    assert!(lease(leader).await["number"].as_u64() >= Some(2));
}

#[tokio::test]
async fn g19_of_two_agents_that_hear_all_alerts_one_changes_the_pool() {
    let further = [
        ("scaling.cooldown", "1s"),
        ("exoscale.calls_per_minute", "6000"),
    ];
    let pair = Pair::with_pool(2, &further).await;
    let (first, second) = (pair.start(0).await, pair.start(1).await);
    let size = async |size| {
        let what = format!("{size} members");
        let deadline = Instant::now() + PATIENCE;
        while pair.environment.pool().size != size {
            assert!(Instant::now() < deadline, "{what}");
            let direction = if pair.environment.pool().size < size {
                "up"
            } else {
                "down"
            };
            first.alert(direction).await;
            second.alert(direction).await;
            sleep(Duration::from_millis(100)).await;
        }
    };
    size(6).await;
    size(3).await;
    for agent in [&first, &second] {
        let decisions = agent.json("/decisions").await;
        let mut decisions = decisions.as_array().unwrap().iter();
        let has_acted = decisions.any(|decision| decision["verdict"] == "acted");
        // On a machine that stalls for seconds the lease may go from one to the other.
        let has_led = agent.line("This agent holds the lease").is_some();
        assert!(has_led || !has_acted, "{}", agent.log());
    }
    let leads = [lease(&first).await, lease(&second).await];
    let leaders = leads.iter().filter(|lease| lease["held"] == true).count();
    assert!(leaders <= 1, "{leads:?}");
    assert!(pair.environment.writes() >= 7);
}

#[tokio::test]
async fn g19_a_stop_gives_the_lease_up_at_once() {
    let pair = Pair::with_pool(2, &[("scaling.cooldown", "1s")]).await;
    let mut first = pair.start(0).await;
    until_leads(&first, true).await;
    first.end(Signal::TERM).await;
    assert!(first.into_log().await.contains("no action is left open"));
    // This one would wait for twenty minutes if the lease were held.
    let settings = pair.settings[1].clone().set("lease.duration", "20m");
    let second = pair.environment.restart(settings).await;
    until_leads(&second, true).await;
    second.alert("up").await;
    pair.environment.until_size(3).await;
}

#[tokio::test]
async fn g19_a_leader_that_was_frozen_does_not_act_on_what_it_believed() {
    let pair = Pair::with_pool(2, &[("scaling.cooldown", "1s")]).await;
    let first = pair.start(0).await;
    until_leads(&first, true).await;
    let second = pair.start(1).await;
    kill_process(first.pid(), Signal::STOP).unwrap();
    until_leads(&second, true).await;
    // The alert waits in the frozen process, beside the belief that it leads.
    let thaw = async { kill_process(first.pid(), Signal::CONT).unwrap() };
    tokio::join!(first.alert("up"), thaw);
    first.until_decided("held", "standby").await;
    assert_eq!(pair.environment.writes(), 0, "{}", first.log());
    second.alert("up").await;
    pair.environment.until_size(3).await;
}

#[tokio::test]
async fn a_store_that_hangs_does_not_hinder_a_stop() {
    let pair = Pair::with_pool(2, &[]).await;
    let mut agent = pair.start(0).await;
    until_leads(&agent, true).await;
    pair.part(0);
    let (status, _) = agent.end(Signal::TERM).await;
    assert!(status.success(), "{status}");
    assert!(agent.into_log().await.contains("no action is left open"));
}

#[tokio::test]
async fn without_a_lease_another_autoscaler_is_noticed() {
    let environment = Environment::with_pool(2).await;
    let agent = environment.start(Settings::default()).await;
    let rival = operator(&environment);
    agent.alert("up").await;
    environment.until_size(3).await;
    // The cooldown holds this agent, and not the other, which hears the same load.
    agent.alert("up").await;
    agent.until_decided("held", "window").await;
    let deadline = Instant::now() + PATIENCE;
    for size in 4..=6 {
        let health = agent.get("/healthz").await.text().await.unwrap();
        assert!(!health.contains("another autoscaler"), "{health}");
        while let Err(error) = rival
            .scale_instance_pool(environment.stack.pool, size)
            .await
        {
            assert!(Instant::now() < deadline, "{error}");
            sleep(Duration::from_millis(20)).await;
        }
        while agent.json("/status").await["pool"]["size"] != size {
            assert!(Instant::now() < deadline, "{size} is not seen");
            sleep(Duration::from_millis(20)).await;
        }
    }
    agent
        .until_unhealthy("another autoscaler seems to scale this pool")
        .await;
    assert!(agent.line("another autoscaler seems").is_some());
    let metrics = agent.get("/metrics").await.text().await.unwrap();
    let mut lines = metrics.lines();
    let count = lines.find_map(|line| line.strip_prefix("autoscaler_foreign_size_changes_total "));
    assert_eq!(count, Some("3"), "{metrics}");
}

#[tokio::test]
async fn a_store_that_ignores_conditions_is_not_believed() {
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};
    let store = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).insert_header("etag", "\"1\""))
        .mount(&store)
        .await;
    let pair = Pair::with_pool(2, &[("lease.endpoint", &store.uri())]).await;
    let agent = pair.start(0).await;
    agent.until_unhealthy("ignores conditional writes").await;
    agent.alert("up").await;
    agent.until_decided("held", "standby").await;
    assert_eq!(pair.environment.writes(), 0);
}
