//! Scale-in on the wire: the right member is asked to drain, is removed only when it is empty and
//! gets no connections, and serves on when it is not removed after all.

mod unusual_members;

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use exoscale::{Client, ClientConfig};
use local_cloud::{Fault, FaultKind};
use rustix::process::Signal;
use serde_json::json;
use tokio::net::TcpListener;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{header, method, path},
};

use crate::agent_support::{Agent, Environment, Settings, until};

const TOKEN: &str = "drain-token";

/// Applications of members, as far as draining goes.
struct Members {
    servers: BTreeMap<Ipv4Addr, MockServer>,
    /// Requests that each says are in flight.
    in_flight: Arc<AtomicU64>,
    port: u16,
}

impl Members {
    async fn of(environment: &Environment) -> Self {
        let in_flight = Arc::new(AtomicU64::new(0));
        let mut servers = BTreeMap::new();
        let mut port = 0;
        for member in environment.pool().members {
            let listener = TcpListener::bind((member.ip, port)).await.unwrap();
            port = listener.local_addr().unwrap().port();
            let listener = listener.into_std().unwrap();
            let server = MockServer::builder().listener(listener).start().await;
            let left = in_flight.clone();
            let bearer = format!("Bearer {TOKEN}");
            Mock::given(method("POST"))
                .and(path("/drain"))
                .and(header("authorization", bearer.as_str()))
                .respond_with(move |_: &Request| {
                    let left = left.load(Ordering::SeqCst);
                    ResponseTemplate::new(200).set_body_json(json!({ "in_flight": left }))
                })
                .mount(&server)
                .await;
            Mock::given(method("DELETE"))
                .and(path("/drain"))
                .and(header("authorization", bearer.as_str()))
                .respond_with(ResponseTemplate::new(200))
                .mount(&server)
                .await;
            servers.insert(member.ip, server);
        }
        Self {
            servers,
            in_flight,
            port,
        }
    }

    fn settings(&self) -> Settings {
        Settings::default()
            .set("drain.mode", "http")
            .set("drain.port", self.port)
            .set("drain.token", TOKEN)
    }

    /// The methods that each member was called with that was asked to drain, from that question on.
    /// At its start the agent tells every member to serve on.
    async fn calls(&self) -> BTreeMap<Ipv4Addr, Vec<String>> {
        let mut calls = BTreeMap::new();
        for (ip, server) in &self.servers {
            let seen = server.received_requests().await.unwrap();
            let methods = seen.iter().map(|request| request.method.to_string());
            let asked = methods.skip_while(|method| method != "POST");
            calls.insert(*ip, asked.collect::<Vec<_>>());
        }
        calls.retain(|_, methods| !methods.is_empty());
        calls
    }

    /// Waits until just one member was asked to drain, at least `times` times.
    async fn until_asked(&self, times: usize) -> Ipv4Addr {
        for _ in 0..1500 {
            let calls = self.calls().await;
            if let Some((ip, methods)) = calls.first_key_value()
                && methods.len() >= times
            {
                assert_eq!(calls.len(), 1, "one victim: {calls:?}");
                return *ip;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no member was asked to drain");
    }
}

/// An operator at the same API, by another client.
async fn operator_sets(environment: &Environment, size: u32) {
    let endpoint = environment.cloud.endpoint().parse().unwrap();
    let (key, secret) = (
        environment.cloud.key().clone(),
        environment.cloud.secret().clone(),
    );
    let config = ClientConfig::for_endpoint(endpoint, key, secret);
    let operator = Client::new(config).unwrap();
    let pool = environment.stack.pool;
    operator.scale_instance_pool(pool, size).await.unwrap();
    environment.until_size(size).await;
}

/// An agent whose victim is asked to drain and never empty, unless the test says so.
async fn busy_victim(size: u32) -> (Environment, Members, Agent) {
    let environment = Environment::with_pool(size).await;
    let members = Members::of(&environment).await;
    members.in_flight.store(1, Ordering::SeqCst);
    let agent = start(&environment, members.settings()).await;
    agent.alert("down").await;
    members.until_asked(2).await;
    (environment, members, agent)
}

/// Waits until the member that was asked to drain is told to serve on.
async fn until_given_back(members: &Members) {
    let deadline = tokio::time::Instant::now() + crate::agent_support::PATIENCE;
    loop {
        let calls = members.calls().await;
        if calls
            .values()
            .any(|methods| methods.last().unwrap() == "DELETE")
        {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "in vain: {calls:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// While it is being resized the pool is busy; after that it is another pool.
async fn assert_given_back_for_a_change(agent: &Agent) {
    let decisions = agent.json("/decisions").await;
    let mut given_back = decisions
        .as_array()
        .unwrap()
        .iter()
        .filter(|d| d["verdict"] == "given_back");
    let reason = given_back.next().expect("it is on record")["reason"]
        .as_str()
        .unwrap();
    assert!(
        ["pool_busy", "pool_changed", "members_unknown"].contains(&reason),
        "{reason}"
    );
}

/// The local cloud's balancer counts each member that runs as healthy, so the agent is not told of
/// it.
async fn start(environment: &Environment, settings: Settings) -> Agent {
    environment
        .start(settings.set("exoscale.load_balancer", ""))
        .await
}

#[tokio::test]
async fn the_victim_leaves_when_it_is_empty() {
    let environment = Environment::with_pool(3).await;
    let members = Members::of(&environment).await;
    members.in_flight.store(2, Ordering::SeqCst);
    let agent = start(&environment, members.settings()).await;
    agent.alert("down").await;
    let victim = members.until_asked(3).await;
    assert_eq!(environment.writes(), 0, "it has requests in flight");
    members.in_flight.store(0, Ordering::SeqCst);
    environment.until_size(2).await;
    until("it is gone", || {
        let pool = environment.pool();
        pool.members
            .iter()
            .all(|member| member.ip != victim)
            .then_some(())
    })
    .await;
    assert!(agent.line("Members are drained.").is_some());
    let calls = members.calls().await;
    assert!(
        calls[&victim].iter().all(|method| method == "POST"),
        "{calls:?}"
    );
    assert_eq!(environment.calls("evict-instance-pool-members"), 1);
    assert_eq!(
        environment.calls("scale-instance-pool"),
        0,
        "that would choose another member"
    );
}

#[tokio::test]
async fn a_member_that_the_balancer_still_serves_is_waited_for() {
    let environment = Environment::with_pool(2).await;
    let members = Members::of(&environment).await;
    let settings = members.settings().set("drain.timeout", "1s");
    let agent = environment.start(settings).await;
    agent.alert("down").await;
    members.until_asked(3).await;
    assert_eq!(environment.writes(), 0, "it gets connections");
    // It never stops, so time decides.
    environment.until_size(1).await;
    assert!(agent.line("Members are not empty in time.").is_some());
}

#[tokio::test]
async fn a_balancer_that_cannot_be_read_is_no_balancer_that_sends_nothing() {
    let environment = Environment::with_pool(2).await;
    let members = Members::of(&environment).await;
    let agent = environment.start(members.settings()).await;
    members.in_flight.store(1, Ordering::SeqCst);
    agent.alert("down").await;
    members.until_asked(1).await;
    environment.fault("get-load-balancer", 1_000_000, FaultKind::RateLimit);
    members.in_flight.store(0, Ordering::SeqCst);
    let asked = members
        .calls()
        .await
        .into_values()
        .map(|calls| calls.len())
        .sum::<usize>();
    members.until_asked(asked + 1).await;
    assert_eq!(environment.writes(), 0);
}

#[tokio::test]
async fn a_member_that_stays_serves_on() {
    for (kind, status) in [(FaultKind::Fail, Some(403)), (FaultKind::Hang, None)] {
        let environment = Environment::with_pool(2).await;
        let members = Members::of(&environment).await;
        let settings = members.settings().set("exoscale.request_timeout", "300ms");
        let agent = start(&environment, settings).await;
        let fault = Fault::new("evict-instance-pool-members", 1, kind);
        environment.cloud.faults().add(Fault { status, ..fault });
        agent.alert("down").await;
        if kind == FaultKind::Hang {
            until("the order is sent", || {
                (environment.calls("evict-instance-pool-members") == 1).then_some(())
            })
            .await;
            // Nor can the outcome be read back.
            environment.fault("get-instance-pool", 1_000_000, FaultKind::Fail);
        }
        until("the action ends", || {
            agent.line("Pool could not be changed.")
        })
        .await;
        until_given_back(&members).await;
        assert_eq!(environment.pool().size, 2);
    }
}

#[tokio::test]
async fn a_pool_that_an_operator_shrank_in_a_drain_is_not_shrunk_again() {
    let (environment, members, agent) = busy_victim(2).await;
    operator_sets(&environment, 1).await;
    until_given_back(&members).await;
    members.in_flight.store(0, Ordering::SeqCst);
    assert_given_back_for_a_change(&agent).await;
    agent.until_decided("refused", "at_min").await;
    assert_eq!(environment.pool().size, 1, "{}", agent.log());
    assert_eq!(environment.calls("evict-instance-pool-members"), 0);
}

#[tokio::test]
async fn a_pool_that_an_operator_grew_in_a_drain_keeps_its_size() {
    let (environment, members, agent) = busy_victim(2).await;
    operator_sets(&environment, 6).await;
    until_given_back(&members).await;
    assert_given_back_for_a_change(&agent).await;
    assert_eq!(environment.calls("evict-instance-pool-members"), 0);
    assert_eq!(environment.pool().size, 6);
}

#[tokio::test]
async fn an_up_in_a_drain_gives_the_member_back_and_grows_the_pool_at_once() {
    let (environment, members, agent) = busy_victim(2).await;
    agent.alert("up").await;
    environment.until_size(3).await;
    until_given_back(&members).await;
    agent.until_decided("given_back", "up_wins").await;
    assert_eq!(environment.calls("evict-instance-pool-members"), 0);
}

#[tokio::test]
async fn what_a_killed_agent_left_drained_serves_on_when_the_next_one_starts() {
    let (environment, members, mut agent) = busy_victim(3).await;
    agent.end(Signal::KILL).await;
    let _next = environment
        .restart(members.settings().set("exoscale.load_balancer", ""))
        .await;
    until_given_back(&members).await;
    assert_eq!(environment.writes(), 0);
}

#[tokio::test]
async fn a_down_that_resolves_in_a_drain_gives_the_member_back() {
    let alert = |status: &str| {
        json!({
            "status": status, "version": "1", "receiver": "autoscaler",
            "alerts": [{ "status": status, "labels": { "alertname": "idle", "scale": "down" } }],
        })
    };
    let (environment, members, agent) = busy_victim(2).await;
    for (status, given_back) in [("firing", false), ("resolved", true)] {
        let post = agent.http.post(agent.url("/webhook"));
        let answer = post.json(&alert(status)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        if given_back {
            until_given_back(&members).await;
        }
    }
    agent.until_decided("given_back", "withdrawn").await;
    members.in_flight.store(0, Ordering::SeqCst);
    agent.until_decided("refused", "withdrawn").await;
    assert_eq!(environment.writes(), 0);
}
