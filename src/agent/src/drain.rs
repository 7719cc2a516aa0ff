//! Empties members of requests before they are removed.
//!
//! Exoscale's load balancer has no drain of its own: the member is told to fail its health check,
//! the balancer notices and sends no new connections, and what is in flight ends. Each question
//! renews the member's drain, which ends by itself when nobody asks any more.

use std::{net::IpAddr, sync::Arc, time::Duration};

use exoscale::{
    Client,
    ids::LoadBalancerId,
    models::{HealthStatus, LoadBalancer},
    plain_http,
};
use futures_util::{StreamExt as _, future::join_all, stream};
use serde::Deserialize;
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::config::Drain;

/// Longest wait for a member's answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// How often a member that does not answer is told to serve on; its lease does the rest.
const GIVE_BACK_ATTEMPTS: u32 = 2;

/// Members that are told to serve on at the same time.
const AT_ONCE: usize = 32;

/// Asks members to drain and waits for them to be empty.
#[derive(Clone, Debug)]
pub(super) struct Drainer {
    settings: Drain,
    http: reqwest::Client,
    api: Client,
    load_balancer: Option<LoadBalancerId>,
    /// Whether the drains of an earlier run of the agent were taken back; held while they are.
    leftovers_taken_back: Arc<Mutex<bool>>,
}

/// Whom the load balancer sends connections to.
enum Balanced {
    /// At most these.
    Only(Vec<IpAddr>),
    /// It could not be read: perhaps everyone.
    Unknown,
}

impl Balanced {
    fn includes(&self, member: IpAddr) -> bool {
        match self {
            Self::Only(members) => members.contains(&member),
            Self::Unknown => true,
        }
    }
}

/// Answer of `POST /drain`.
#[derive(Deserialize)]
struct Answer {
    in_flight: u64,
}

impl Drainer {
    pub(super) fn new(
        settings: Drain,
        api: Client,
        load_balancer: Option<LoadBalancerId>,
    ) -> Result<Self, reqwest::Error> {
        let http = plain_http::restrict(reqwest::Client::builder())
            .timeout(ANSWER_WITHIN)
            .build()?;
        Ok(Self {
            settings,
            http,
            api,
            load_balancer,
            leftovers_taken_back: Arc::default(),
        })
    }

    /// Drains all of `members`; returns when every one is empty or time is up. After `given_up` it
    /// returns as soon as no question is on its way, so that a later "serve on" is the last word.
    pub(super) async fn drain(&self, members: &[IpAddr], given_up: &CancellationToken) {
        if !self.settings.enabled || members.is_empty() {
            return;
        }
        drop(self.leftovers_taken_back.lock().await);
        let emptied = timeout(self.settings.timeout, self.until_empty(members, given_up)).await;
        match emptied {
            _ if given_up.is_cancelled() => {}
            Ok(true) => tracing::info!(?members, "Members are drained."),
            Ok(false) => tracing::warn!(?members, "Some members cannot be drained."),
            Err(_) => tracing::warn!(?members, "Members are not empty in time."),
        }
    }

    /// Asks again and again until every member is empty or cannot be asked; says whether all are
    /// empty.
    async fn until_empty(&self, members: &[IpAddr], given_up: &CancellationToken) -> bool {
        let mut waiting = members.to_vec();
        let mut are_empty = true;
        loop {
            // In this order: a member that gets no connections and then has no requests is empty.
            let Some(balanced) = given_up.run_until_cancelled(self.balanced()).await else {
                return false;
            };
            let answers = join_all(waiting.iter().map(|member| self.ask(*member))).await;
            let mut left = Vec::new();
            for (member, answer) in waiting.into_iter().zip(answers) {
                match answer {
                    Ok(0) if !balanced.includes(member) => {}
                    Ok(_) => left.push(member),
                    Err(error) => {
                        tracing::warn!(%member, %error, "Member cannot be drained.");
                        are_empty = false;
                    }
                }
            }
            waiting = left;
            if waiting.is_empty() {
                return are_empty;
            }
            let pause = sleep(self.settings.poll);
            if given_up.run_until_cancelled(pause).await.is_none() {
                return false;
            }
        }
    }

    /// Tells members to serve on.
    pub(super) async fn give_back(&self, members: &[IpAddr]) {
        if !self.settings.enabled {
            return;
        }
        let told = members.iter().map(async |member| {
            for attempt in 1..=GIVE_BACK_ATTEMPTS {
                let request = self.request(reqwest::Method::DELETE, *member);
                match request.await {
                    Ok(_) => return,
                    Err(error) if attempt == GIVE_BACK_ATTEMPTS => {
                        tracing::warn!(%member, %error, "Member could not be told to serve on.");
                    }
                    Err(_) => {}
                }
            }
        });
        stream::iter(told)
            .buffer_unordered(AT_ONCE)
            .collect::<()>()
            .await;
    }

    /// Takes back what an earlier run of the agent left drained, once and in the background: a run
    /// that was killed could not. Members that know no drain, or do not answer, have none.
    pub(super) fn give_back_leftovers(&self, members: Vec<IpAddr>) {
        if !self.settings.enabled {
            return;
        }
        // A drain of this run waits for the lock, so it cannot be taken back by mistake.
        let Ok(mut is_done) = self.leftovers_taken_back.clone().try_lock_owned() else {
            return;
        };
        if std::mem::replace(&mut *is_done, true) {
            return;
        }
        let drainer = self.clone();
        tokio::spawn(async move {
            let told = members.into_iter().map(async |member| {
                let request = drainer.request(reqwest::Method::DELETE, member);
                if let Err(error) = request.await {
                    tracing::debug!(%member, %error, "Member has no drain to take back.");
                }
            });
            let told = stream::iter(told).buffer_unordered(AT_ONCE);
            told.collect::<()>().await;
            drop(is_done);
        });
    }

    /// The members that the load balancer still sends connections to.
    async fn balanced(&self) -> Balanced {
        let Some(id) = self.load_balancer else {
            return Balanced::Only(Vec::new());
        };
        match self.api.get_load_balancer(id).await {
            Ok(balancer) => Balanced::Only(healthy_members(&balancer)),
            Err(error) => {
                tracing::debug!(%error, "Load balancer cannot be read while draining.");
                Balanced::Unknown
            }
        }
    }

    async fn ask(&self, member: IpAddr) -> Result<u64, reqwest::Error> {
        let response = self.request(reqwest::Method::POST, member).await?;
        Ok(response.json::<Answer>().await?.in_flight)
    }

    async fn request(
        &self,
        method: reqwest::Method,
        member: IpAddr,
    ) -> Result<reqwest::Response, reqwest::Error> {
        let address = std::net::SocketAddr::new(member, self.settings.port);
        let mut request = self.http.request(method, format!("http://{address}/drain"));
        if let Some(token) = &self.settings.token {
            request = request.bearer_auth(token.expose());
        }
        request.send().await?.error_for_status()
    }
}

/// Members that some service of the balancer finds healthy.
fn healthy_members(balancer: &LoadBalancer) -> Vec<IpAddr> {
    let statuses = balancer.services.iter().flat_map(|s| &s.healthcheck_status);
    statuses
        .filter(|status| status.status == HealthStatus::Success)
        .filter_map(|status| status.public_ip.map(IpAddr::V4))
        .collect()
}
