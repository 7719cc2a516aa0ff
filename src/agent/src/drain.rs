//! Empties members of requests before they are removed.
//!
//! Exoscale's load balancer has no drain of its own: the member is told to fail its health check,
//! the balancer notices and sends no new connections, and what is in flight ends. Each question
//! renews the member's drain, which ends by itself when nobody asks any more.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt as _, future::join_all, stream};
use policy::{Member, MemberId};
use program::error_chain::with_causes;
use reqwest::{Method, StatusCode, redirect};
use serde::Deserialize;
use thiserror::Error;
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    config::{Drain, DrainMode},
    member_address::{Reach, Unfit},
    read_model::ReadModel,
    target::Target,
};

/// Longest wait for a member's answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// An answer is one short JSON object.
const MAX_ANSWER: usize = 4 << 10;

/// How often a member that does not answer is told to serve on; its lease does the rest.
const GIVE_BACK_ATTEMPTS: u32 = 2;

/// Members that are told to serve on at the same time.
const AT_ONCE: usize = 32;

/// Asks members to drain and waits for them to be empty.
#[derive(Clone, Debug)]
pub(crate) struct Drainer {
    settings: Drain,
    http: reqwest::Client,
    target: Target,
    reach: Reach,
    read_model: Arc<ReadModel>,
    /// Whether the drains of an earlier run of the agent were taken back; held while they are.
    leftovers_taken_back: Arc<Mutex<bool>>,
}

/// Answer of `POST /drain`.
#[derive(Deserialize)]
struct Answer {
    in_flight: u64,
}

/// Why a member cannot be asked or told.
#[derive(Debug, Error)]
enum AskError {
    #[error("nothing is sent to this address")]
    Address(#[source] Unfit),
    #[error("no answer")]
    Http(#[from] reqwest::Error),
    #[error("the member answered {0}")]
    Status(StatusCode),
    #[error("the answer is longer than {MAX_ANSWER} bytes")]
    TooLong,
    #[error("the answer does not say how many requests are in flight")]
    Form(#[from] serde_json::Error),
}

impl Drainer {
    pub(crate) fn new(
        settings: Drain,
        target: Target,
        reach: Reach,
        read_model: Arc<ReadModel>,
    ) -> Result<Self, reqwest::Error> {
        // Members speak plain HTTP close by: no certificate and no proxy has a part in it. Nor has
        // a redirect, by which a member under foreign control could have others asked.
        let http = reqwest::Client::builder()
            .tls_certs_only([])
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(ANSWER_WITHIN)
            .build()?;
        Ok(Self {
            settings,
            http,
            target,
            reach,
            read_model,
            leftovers_taken_back: Arc::default(),
        })
    }

    /// Drains all of `members`; returns when every one is empty or time is up. After `given_up` it
    /// returns as soon as no question is on its way, so that a later "serve on" is the last word.
    pub(crate) async fn drain(&self, members: &[Member], given_up: &CancellationToken) {
        let mode = self.settings.mode;
        if let DrainMode::Wait(time) = mode {
            // Whether they are empty then, nobody knows.
            let _ = given_up.run_until_cancelled(sleep(time)).await;
            return;
        }
        let members = addresses(members);
        if mode != DrainMode::Http || members.is_empty() {
            return;
        }
        drop(self.leftovers_taken_back.lock().await);
        let until_empty = self.until_empty(members.clone(), given_up);
        let emptied = timeout(self.settings.timeout, until_empty).await;
        let members: Vec<IpAddr> = members.into_iter().map(|(_, address)| address).collect();
        match emptied {
            _ if given_up.is_cancelled() => {}
            Ok(true) => tracing::info!(?members, "Members are drained."),
            Ok(false) => tracing::warn!(?members, "Some members cannot be drained."),
            Err(_) => tracing::warn!(?members, "Members are not empty in time."),
        }
    }

    /// Asks again and again until every member is empty or cannot be asked; says whether all are
    /// empty.
    async fn until_empty(
        &self,
        mut waiting: Vec<(MemberId, IpAddr)>,
        given_up: &CancellationToken,
    ) -> bool {
        let mut are_empty = true;
        loop {
            // In this order: a member that gets no connections and then has no requests is empty.
            let Some(served) = given_up.run_until_cancelled(self.target.served()).await else {
                return false;
            };
            if let Err(error) = &served {
                tracing::debug!(%error, "Load balancer cannot be read while draining.");
            }
            // Where it cannot be read, perhaps everyone gets connections.
            let is_served =
                |id: &MemberId| served.as_ref().map_or(true, |served| served.contains(id));
            let answers = join_all(waiting.iter().map(|(_, address)| self.ask(*address))).await;
            let mut left = Vec::new();
            for ((id, address), answer) in waiting.into_iter().zip(answers) {
                match answer {
                    Ok(0) if !is_served(&id) => {}
                    Ok(_) => left.push((id, address)),
                    Err(error) => {
                        let error = with_causes(&error);
                        tracing::warn!(member = %address, error, "Member cannot be drained.");
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
    pub(crate) async fn give_back(&self, members: &[Member]) {
        if self.settings.mode == DrainMode::Http {
            let members = addresses(members);
            for (member, error) in self.tell_to_serve_on(members, GIVE_BACK_ATTEMPTS).await {
                let error = with_causes(&error);
                tracing::warn!(%member, error, "Member could not be told to serve on.");
            }
        }
    }

    /// Takes back what an earlier run of the agent left drained, once and in the background: a run
    /// that was killed could not. Members that know no drain, or do not answer, have none.
    pub(crate) fn give_back_leftovers(&self, members: &[Member]) {
        if self.settings.mode != DrainMode::Http {
            return;
        }
        // A drain of this run waits for the lock, so it cannot be taken back by mistake.
        let Ok(mut is_done) = self.leftovers_taken_back.clone().try_lock_owned() else {
            return;
        };
        if *is_done {
            return;
        }
        let members = addresses(members);
        if members.is_empty() {
            return;
        }
        *is_done = true;
        let drainer = self.clone();
        tokio::spawn(async move {
            for (member, error) in drainer.tell_to_serve_on(members, 1).await {
                let error = with_causes(&error);
                tracing::debug!(%member, error, "Member has no drain to take back.");
            }
            drop(is_done);
        });
    }

    /// Returns those that could not be told in so many attempts.
    async fn tell_to_serve_on(
        &self,
        members: Vec<(MemberId, IpAddr)>,
        attempts: u32,
    ) -> Vec<(IpAddr, AskError)> {
        let told = members.into_iter().map(async |(_, address)| {
            let mut told = self.request(Method::DELETE, address).await;
            for _ in 1..attempts {
                if told.is_err() {
                    told = self.request(Method::DELETE, address).await;
                }
            }
            told.err().map(|error| (address, error))
        });
        let failures = stream::iter(told).buffer_unordered(AT_ONCE);
        failures.filter_map(std::future::ready).collect().await
    }

    async fn ask(&self, member: IpAddr) -> Result<u64, AskError> {
        let mut response = self.request(Method::POST, member).await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER {
                return Err(AskError::TooLong);
            }
        }
        Ok(serde_json::from_slice::<Answer>(&body)?.in_flight)
    }

    async fn request(&self, method: Method, member: IpAddr) -> Result<reqwest::Response, AskError> {
        self.reach.check(member).map_err(|unfit| {
            self.read_model.counters().address_refused("drain", unfit);
            AskError::Address(unfit)
        })?;
        let address = SocketAddr::new(member, self.settings.port);
        let mut request = self.http.request(method, format!("http://{address}/drain"));
        if let Some(token) = &self.settings.token {
            request = request.bearer_auth(token.expose());
        }
        let response = request.send().await?;
        let status = response.status();
        if status.is_success() {
            Ok(response)
        } else {
            Err(AskError::Status(status))
        }
    }
}

/// Members that run, and where to ask them; the others have nobody to ask.
fn addresses(members: &[Member]) -> Vec<(MemberId, IpAddr)> {
    let running = members.iter().filter(|member| member.running);
    running
        .filter_map(|member| Some((member.id, member.address?)))
        .collect()
}
