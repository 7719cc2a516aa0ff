//! Empties members of requests before they are removed.
//!
//! Exoscale's load balancer has no drain of its own: the member is told to fail its health check,
//! the balancer notices and sends no new connections, and what is in flight ends.

use std::{net::Ipv4Addr, time::Duration};

use futures_util::future::join_all;
use serde::Deserialize;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::config::Drain;
use crate::{
    exoscale::{
        Client,
        ids::LoadBalancerId,
        models::{HealthStatus, LoadBalancer},
    },
    plain_http,
};

/// Asks members to drain and waits for them to be empty.
#[derive(Clone, Debug)]
pub(super) struct Drainer {
    settings: Drain,
    http: reqwest::Client,
    api: Client,
    load_balancer: Option<LoadBalancerId>,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drained {
    /// No request is left, and the balancer sends none.
    Empty,
    /// Time was up, or the member does not know how to drain; removing it may cut requests.
    Unsure,
    /// The agent stops: the members were told to serve on.
    Cancelled,
}

/// Whom the load balancer sends connections to.
enum Balanced {
    /// At most these.
    Only(Vec<Ipv4Addr>),
    /// It could not be read: perhaps everyone.
    Unknown,
}

impl Balanced {
    fn includes(&self, member: Ipv4Addr) -> bool {
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
            .timeout(Duration::from_secs(2))
            .build()?;
        Ok(Self {
            settings,
            http,
            api,
            load_balancer,
        })
    }

    /// Drains all of `members`; returns when every one is empty, when time is up, or on `cancel`.
    pub(super) async fn drain(&self, members: &[Ipv4Addr], cancel: &CancellationToken) -> Drained {
        if !self.settings.enabled {
            return Drained::Unsure;
        }
        // However long the API or a member takes to answer, a stop and the time limit are heeded.
        tokio::select! {
            biased;
            () = cancel.cancelled() => {
                self.undo(members).await;
                Drained::Cancelled
            }
            drained = timeout(self.settings.timeout, self.until_empty(members)) => {
                drained.unwrap_or_else(|_| {
                    tracing::warn!(?members, "Members are not empty in time.");
                    Drained::Unsure
                })
            }
        }
    }

    /// Asks again and again until every member is empty or cannot be asked.
    async fn until_empty(&self, members: &[Ipv4Addr]) -> Drained {
        let mut waiting = members.to_vec();
        let mut drained = Drained::Empty;
        while !waiting.is_empty() {
            // In this order: a member that gets no connections and then has no requests is empty.
            let balanced = self.balanced().await;
            let answers = join_all(waiting.iter().map(|member| self.ask(*member))).await;
            let mut left = Vec::new();
            for (member, answer) in waiting.into_iter().zip(answers) {
                match answer {
                    Ok(0) if !balanced.includes(member) => {}
                    Ok(_) => left.push(member),
                    Err(error) => {
                        tracing::warn!(%member, %error, "Member cannot be drained.");
                        drained = Drained::Unsure;
                    }
                }
            }
            waiting = left;
            if !waiting.is_empty() {
                sleep(self.settings.poll).await;
            }
        }
        drained
    }

    /// Tells members to serve on.
    pub(super) async fn undo(&self, members: &[Ipv4Addr]) {
        if !self.settings.enabled {
            return;
        }
        let told = members.iter().map(async |member| {
            if let Err(error) = self.request(reqwest::Method::DELETE, *member).await {
                tracing::warn!(%member, %error, "Member could not be told to serve on.");
            }
        });
        join_all(told).await;
    }

    /// The members that the load balancer still sends connections to.
    async fn balanced(&self) -> Balanced {
        let Some(id) = self.load_balancer else {
            return Balanced::Only(Vec::new());
        };
        match self.api.get_load_balancer(id).await {
            Ok(balancer) => Balanced::Only(healthy_members(&balancer)),
            Err(error) => {
                tracing::warn!(%error, "Load balancer cannot be read while draining.");
                Balanced::Unknown
            }
        }
    }

    async fn ask(&self, member: Ipv4Addr) -> Result<u64, reqwest::Error> {
        let response = self.request(reqwest::Method::POST, member).await?;
        Ok(response.json::<Answer>().await?.in_flight)
    }

    async fn request(
        &self,
        method: reqwest::Method,
        member: Ipv4Addr,
    ) -> Result<reqwest::Response, reqwest::Error> {
        let url = format!("http://{member}:{}/drain", self.settings.port);
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.settings.token {
            request = request.bearer_auth(token.expose());
        }
        request.send().await?.error_for_status()
    }
}

/// Members that some service of the balancer finds healthy.
fn healthy_members(balancer: &LoadBalancer) -> Vec<Ipv4Addr> {
    let statuses = balancer.services.iter().flat_map(|s| &s.healthcheck_status);
    statuses
        .filter(|status| status.status == HealthStatus::Success)
        .filter_map(|status| status.public_ip)
        .collect()
}
