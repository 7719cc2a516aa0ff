//! Empties members of requests before they are removed.
//!
//! Exoscale's load balancer has no drain of its own: the member is told to fail its health check,
//! the balancer notices and sends no new connections, and what is in flight ends.

use std::{net::Ipv4Addr, time::Duration};

use serde::Deserialize;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::config::Drain;
use crate::exoscale::{
    Client,
    ids::LoadBalancerId,
    models::{HealthStatus, LoadBalancer},
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
        let http = reqwest::Client::builder()
            .no_proxy()
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
        let deadline = Instant::now() + self.settings.timeout;
        let mut waiting = members.to_vec();
        let mut unsure = false;
        while !waiting.is_empty() {
            let mut left = Vec::new();
            let balanced = self.still_balanced().await;
            for member in waiting {
                match self.ask(member).await {
                    Ok(0) if !balanced.contains(&member) => {}
                    Ok(_) => left.push(member),
                    Err(error) => {
                        tracing::warn!(%member, %error, "Member cannot be drained.");
                        unsure = true;
                    }
                }
            }
            waiting = left;
            if waiting.is_empty() {
                break;
            }
            if Instant::now() >= deadline {
                tracing::warn!(?waiting, "Members are not empty in time.");
                return Drained::Unsure;
            }
            tokio::select! {
                () = cancel.cancelled() => {
                    self.undo(members).await;
                    return Drained::Cancelled;
                }
                () = sleep(self.settings.poll) => {}
            }
        }
        if unsure {
            Drained::Unsure
        } else {
            Drained::Empty
        }
    }

    /// Tells members to serve on.
    pub(super) async fn undo(&self, members: &[Ipv4Addr]) {
        for member in members {
            if let Err(error) = self.request(reqwest::Method::DELETE, *member).await {
                tracing::warn!(%member, %error, "Member could not be told to serve on.");
            }
        }
    }

    /// The members that the load balancer still sends connections to.
    async fn still_balanced(&self) -> Vec<Ipv4Addr> {
        let Some(id) = self.load_balancer else {
            return Vec::new();
        };
        match self.api.get_load_balancer(id).await {
            Ok(balancer) => healthy_members(&balancer),
            Err(error) => {
                tracing::warn!(%error, "Load balancer cannot be read while draining.");
                Vec::new()
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
