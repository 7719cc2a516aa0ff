//! Scale-in on the wire: the right member is asked to drain, is removed only when it is empty and
//! gets no connections, and serves on when it is not removed after all.

mod agent_support;

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use agent_support::{Agent, Stage, Wishes, until};
use autoscaler::local_cloud::{Fault, FaultKind};
use serde_json::json;
use tokio::net::TcpListener;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{header, method, path},
};

const TOKEN: &str = "drain-token";

/// Applications of members, as far as draining goes.
struct Members {
    servers: BTreeMap<Ipv4Addr, MockServer>,
    /// Requests that each says are in flight.
    in_flight: Arc<AtomicU64>,
    port: u16,
}

impl Members {
    async fn of(stage: &Stage) -> Self {
        let in_flight = Arc::new(AtomicU64::new(0));
        let mut servers = BTreeMap::new();
        let mut port = 0;
        for member in stage.pool().members {
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

    fn wishes(&self) -> Wishes {
        Wishes::default()
            .set("drain.enabled", "true")
            .set("drain.port", self.port)
            .set("drain.token", TOKEN)
    }

    /// The methods that each member was called with.
    async fn calls(&self) -> BTreeMap<Ipv4Addr, Vec<String>> {
        let mut calls = BTreeMap::new();
        for (ip, server) in &self.servers {
            let seen = server.received_requests().await.unwrap();
            let methods = seen.iter().map(|request| request.method.to_string());
            calls.insert(*ip, methods.collect::<Vec<_>>());
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

/// The local cloud's balancer counts each member that runs as healthy, so the agent is not told of it.
async fn start(stage: &Stage, wishes: Wishes) -> Agent {
    stage.start(wishes.set("exoscale.load_balancer", "")).await
}

#[tokio::test]
async fn the_victim_leaves_when_it_is_empty() {
    let stage = Stage::with_pool(3).await;
    let members = Members::of(&stage).await;
    members.in_flight.store(2, Ordering::SeqCst);
    let agent = start(&stage, members.wishes()).await;
    agent.alert("down").await;
    let victim = members.until_asked(3).await;
    assert_eq!(stage.writes(), 0, "it has requests in flight");
    members.in_flight.store(0, Ordering::SeqCst);
    stage.until_size(2).await;
    until("it is gone", || {
        let pool = stage.pool();
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
    assert_eq!(stage.calls("evict-instance-pool-members"), 1);
    assert_eq!(
        stage.calls("scale-instance-pool"),
        0,
        "that would choose another member"
    );
}

#[tokio::test]
async fn a_member_that_the_balancer_still_serves_is_waited_for() {
    let stage = Stage::with_pool(2).await;
    let members = Members::of(&stage).await;
    let wishes = members.wishes().set("drain.timeout", "1s");
    let agent = stage.start(wishes).await;
    agent.alert("down").await;
    members.until_asked(3).await;
    assert_eq!(stage.writes(), 0, "it gets connections");
    // It never stops, so time decides.
    stage.until_size(1).await;
    assert!(agent.line("Members are not empty in time.").is_some());
}

#[tokio::test]
async fn a_balancer_that_cannot_be_read_is_no_balancer_that_sends_nothing() {
    let stage = Stage::with_pool(2).await;
    let members = Members::of(&stage).await;
    let agent = stage.start(members.wishes()).await;
    members.in_flight.store(1, Ordering::SeqCst);
    agent.alert("down").await;
    members.until_asked(1).await;
    stage.fault("get-load-balancer", 1_000_000, FaultKind::RateLimit);
    members.in_flight.store(0, Ordering::SeqCst);
    let asked = members
        .calls()
        .await
        .into_values()
        .map(|calls| calls.len())
        .sum::<usize>();
    members.until_asked(asked + 1).await;
    assert_eq!(stage.writes(), 0);
}

#[tokio::test]
async fn a_member_that_stays_serves_on() {
    for (kind, status) in [(FaultKind::Fail, Some(403)), (FaultKind::Hang, None)] {
        let stage = Stage::with_pool(2).await;
        let members = Members::of(&stage).await;
        let wishes = members.wishes().set("exoscale.request_timeout", "300ms");
        let agent = start(&stage, wishes).await;
        let fault = Fault::new("evict-instance-pool-members", 1, kind);
        stage.cloud.faults().add(Fault { status, ..fault });
        if kind == FaultKind::Hang {
            // Nor can the outcome be read back.
            members.in_flight.store(1, Ordering::SeqCst);
            agent.alert("down").await;
            members.until_asked(1).await;
            stage.fault("get-instance-pool", 1_000_000, FaultKind::Fail);
            members.in_flight.store(0, Ordering::SeqCst);
        } else {
            agent.alert("down").await;
        }
        until("the action ends", || {
            agent.line("Pool could not be changed.")
        })
        .await;
        let calls = members.calls().await;
        let (_, methods) = calls.first_key_value().expect("a victim was asked");
        assert_eq!(methods.last().unwrap(), "DELETE", "{kind:?}: {calls:?}");
        assert_eq!(stage.pool().size, 2);
    }
}
