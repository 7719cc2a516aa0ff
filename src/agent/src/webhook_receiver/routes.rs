//! The webhook receiver's HTTP side.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, StatusCode, header},
    web::{self, Payload as BodyStream},
};
use jiff::Timestamp;
use parking_lot::RwLock;
use policy::Direction;
use program::error_chain::with_causes;
use serde_json::json;

use super::{
    Alert, Ask, Authentication, Classified, Conventions, Ignored, PayloadError, Way,
    body::{Bodies, Body, Unread},
    browser::{self, HostNames},
    classify_body,
};
use crate::{
    metrics::{AlertLabels, Counters},
    pool_actors::PoolActors,
    pool_query::{self, WrongPool},
    site::Site,
    throttled_log::{Peer, ThrottledLog},
};

/// Alerts that an answer lists; a body may hold a million.
const LISTED: usize = 64;

/// What the handlers need.
#[derive(Clone, Debug)]
pub(crate) struct ReceiverState {
    /// Where accepted alerts go.
    pub(crate) pools: Arc<[PoolActors]>,
    /// Where those are counted that are meant for no pool.
    pub(crate) counters: Counters,
    /// Who may send.
    pub(crate) authentication: Arc<Authentication>,
    /// By which names this machine may be asked.
    pub(crate) hosts: Arc<HostNames>,
    pub(crate) conventions: Arc<RwLock<Arc<Conventions>>>,
    /// How long a body may take.
    pub(crate) body_timeout: Duration,
}

/// Takes alerts in for the web server.
#[derive(Debug)]
pub(crate) struct Receiver {
    state: ReceiverState,
    bodies: Bodies,
    log: Arc<ThrottledLog>,
}

/// Adds `/up`, `/down` and `/webhook`.
pub(crate) fn configure(site: &mut Site<'_>, receiver: Arc<Receiver>) {
    site.data(receiver);
    bare(site, "/up", Direction::Up);
    bare(site, "/down", Direction::Down);
    site.add("/webhook", |resource| {
        resource
            .route(web::post().to(webhook))
            .route(web::put().to(webhook))
    });
}

/// The bare interface: with or without a body, and always 200 for a sender that may send.
fn bare(site: &mut Site<'_>, path: &'static str, direction: Direction) {
    let take = move |receiver: web::Data<Receiver>, request: HttpRequest, body: BodyStream| async move {
        receiver.take(Some(direction), &request, body).await
    };
    site.add(path, |resource| {
        resource
            .route(web::get().to(take))
            .route(web::head().to(take))
            .route(web::post().to(take))
            .route(web::put().to(take))
    });
}

async fn webhook(
    receiver: web::Data<Receiver>,
    request: HttpRequest,
    body: BodyStream,
) -> HttpResponse {
    let began = Instant::now();
    let answer = receiver.take(None, &request, body).await;
    receiver.state.counters.webhook_answered(began.elapsed());
    answer
}

impl Receiver {
    /// Takes alerts in for this agent.
    pub(crate) fn new(state: ReceiverState, log: Arc<ThrottledLog>) -> Self {
        Self {
            state,
            bodies: Bodies::new(),
            log,
        }
    }

    /// Answers a request by the path of a direction, or by `/webhook`.
    async fn take(
        &self,
        path: Option<Direction>,
        request: &HttpRequest,
        body: BodyStream,
    ) -> HttpResponse {
        let peer = Peer(request.peer_addr());
        let found = match self.read_admitted(request, body).await {
            // Who asks for the head alone looks whether somebody is there.
            Ok(_) if request.method() == Method::HEAD => return HttpResponse::Ok().finish(),
            Ok(body) => self.classify(path, request.query_string(), body).await,
            Err(refusal) => Err(refusal),
        };
        let refusal = match found {
            Ok(found) => return self.accept(&found, peer, None),
            Err(refusal) => refusal,
        };
        // Of a body that was not read, nobody knows who signed it.
        let is_known = matches!(refusal, Refusal::Malformed(_)) || self.admits(request, b"");
        match refusal.ignored() {
            Some(why) if path.is_some() && is_known => {
                let found = Classified {
                    alerts: vec![Alert::Ignored(why)],
                    pool: (self.state.pools.len() == 1).then_some(0),
                    ..Classified::default()
                };
                self.accept(&[found], peer, Some(&refusal))
            }
            _ => self.refuse(&refusal, peer),
        }
    }

    /// Checks the sender, before the body is read where that can be told from the headers alone.
    async fn read_admitted(
        &self,
        request: &HttpRequest,
        stream: BodyStream,
    ) -> Result<Body, Refusal> {
        self.check_origin(request)?;
        let needs_body = self.state.authentication.needs_body();
        if !needs_body && !self.admits(request, b"") {
            return Err(Refusal::Unauthorised);
        }
        let declared = request.headers().get(header::CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.parse().ok());
        let timeout = self.state.body_timeout;
        let body = self.bodies.read(stream, declared, timeout).await?;
        if needs_body && !self.admits(request, body.bytes()) {
            return Err(Refusal::Unauthorised);
        }
        Ok(body)
    }

    /// A browser sends requests in the name of whatever page it shows, also a password that it has
    /// kept. A name that somebody made to lead here makes their page one of ours; then only a
    /// sender who shows something is known not to be a browser.
    fn check_origin(&self, request: &HttpRequest) -> Result<(), Refusal> {
        let (headers, uri) = (request.headers(), request.uri());
        if browser::is_cross_site(headers, uri) {
            return Err(Refusal::CrossSite);
        }
        if self.state.authentication.is_open() && !self.state.hosts.are_named(headers, uri) {
            return Err(Refusal::ForeignHost);
        }
        Ok(())
    }

    fn admits(&self, request: &HttpRequest, body: &[u8]) -> bool {
        let authentication = &self.state.authentication;
        authentication.admits(request.headers(), body, Timestamp::now())
    }

    async fn classify(
        &self,
        path: Option<Direction>,
        query: &str,
        body: Body,
    ) -> Result<Vec<Classified>, Refusal> {
        let pool = pool_query::named(&self.state.pools, query)?;
        let way = Way { path, pool };
        let conventions = self.state.conventions.read().clone();
        let is_large = body.is_large();
        let classify = move || classify_body(way, body.bytes(), &conventions);
        if !is_large {
            return Ok(classify()?);
        }
        // Other alerts are answered meanwhile. The body keeps its turn even if the sender leaves.
        match web::block(classify).await {
            Ok(alerts) => Ok(alerts?),
            Err(_) => Err(Refusal::Unread(Unread::NoRoom)),
        }
    }

    fn accept(&self, found: &[Classified], peer: Peer, detail: Option<&Refusal>) -> HttpResponse {
        let mut counts = Vec::new();
        for found in found {
            counts.extend(self.take_in(found));
        }
        self.log_ignored(&counts, peer, detail);

        let alerts = || found.iter().flat_map(|found| &found.alerts);
        let (mut accepted, mut ignored) = (Vec::new(), Vec::new());
        for alert in alerts().take(LISTED) {
            match alert {
                Alert::Firing(ask) => accepted.push(ask.as_str()),
                Alert::Ignored(why) => ignored.push(why.code()),
            }
        }
        let mut answer = json!({ "accepted": accepted, "ignored": ignored });
        let all = alerts().count();
        if all > LISTED {
            answer["more"] = json!(all - LISTED);
        }
        HttpResponse::Ok().json(answer)
    }

    /// Gives the alerts for one pool to it; returns how many of each kind there were.
    fn take_in(&self, found: &Classified) -> Vec<(Alert, u32)> {
        let mut counts: Vec<(Alert, u32)> = Vec::new();
        for alert in &found.alerts {
            match counts.iter_mut().find(|(known, _)| known == alert) {
                Some((_, count)) => *count = count.saturating_add(1),
                None => counts.push((*alert, 1)),
            }
        }
        let Some(pool) = found.pool.map(|at| &self.state.pools[at]) else {
            for &(alert, count) in &counts {
                self.state.counters.alerts(&labels(alert), count.into());
            }
            return counts;
        };
        for &(alert, count) in &counts {
            match alert {
                Alert::Firing(Ask::Change(direction)) => {
                    pool.inbox.put_many(direction, count, found.steps);
                }
                Alert::Firing(Ask::AtLeast) => {
                    if let Some(members) = found.at_least {
                        pool.inbox.put_at_least(members);
                    }
                }
                Alert::Ignored(_) => {}
            }
            let heard = pool.read_model.alerts();
            heard.note(alert, found.cpu, Timestamp::now());
            let counters = pool.read_model.counters();
            counters.alerts(&labels(alert), count.into());
        }
        let is_among = |alert| counts.iter().any(|(known, _)| *known == alert);
        let fires_down = is_among(Alert::Firing(Ask::Change(Direction::Down)));
        if is_among(Alert::Ignored(Ignored::DownResolved)) && !fires_down {
            pool.inbox.withdraw_down();
        }
        counts
    }

    fn refuse(&self, refusal: &Refusal, peer: Peer) -> HttpResponse {
        let (status, reason) = (refusal.status(), refusal.code());
        let labels = AlertLabels {
            direction: "none",
            outcome: "refused",
            reason,
        };
        self.state.counters.alerts(&labels, 1);
        self.log.line(reason, |suppressed| {
            tracing::warn!(
                %peer,
                status = status.as_u16(),
                why = with_causes(refusal),
                suppressed,
                "Alert is refused."
            );
        });
        let mut answer = HttpResponse::build(status);
        match status {
            StatusCode::UNAUTHORIZED => {
                answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                answer.insert_header((header::RETRY_AFTER, "5"));
            }
            _ => {}
        }
        // What is left of the body is not worth reading.
        answer
            .force_close()
            .json(json!({ "message": with_causes(refusal) }))
    }

    fn log_ignored(&self, counts: &[(Alert, u32)], peer: Peer, detail: Option<&Refusal>) {
        let reason = |&(alert, _): &(Alert, u32)| match alert {
            Alert::Ignored(why) => Some(why.code()),
            Alert::Firing(_) => None,
        };
        let ignored: Vec<&str> = counts.iter().filter_map(reason).collect();
        if !ignored.is_empty() {
            self.log.line("ignored", |suppressed| {
                let why = detail.map(|refusal| with_causes(refusal));
                tracing::info!(%peer, ?ignored, why, suppressed, "Alerts are ignored.");
            });
        }
    }
}

fn labels(alert: Alert) -> AlertLabels {
    match alert {
        Alert::Firing(ask) => AlertLabels {
            direction: ask.as_str(),
            outcome: "accepted",
            reason: "firing",
        },
        Alert::Ignored(why) => AlertLabels {
            direction: "none",
            outcome: "ignored",
            reason: why.code(),
        },
    }
}

/// Why a request gets no further.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(
        "this alert needs a bearer token, a password or a signature; see `alerts` in the settings"
    )]
    Unauthorised,
    #[error("a web page of another site asks for this, and alerts do not come from web pages")]
    CrossSite,
    #[error(
        "this machine was asked by a name that it does not know: name it in alerts.allowed_hosts, set alerts.token, or ask by the address"
    )]
    ForeignHost,
    #[error(transparent)]
    Unread(#[from] Unread),
    #[error(transparent)]
    Malformed(#[from] PayloadError),
    #[error(transparent)]
    Pool(#[from] WrongPool),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorised => StatusCode::UNAUTHORIZED,
            Self::CrossSite | Self::ForeignHost => StatusCode::FORBIDDEN,
            Self::Pool(wrong) => wrong.status(),
            Self::Unread(Unread::Slow(_)) => StatusCode::REQUEST_TIMEOUT,
            Self::Unread(Unread::NoRoom) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unread(Unread::TooLarge) | Self::Malformed(PayloadError::TooLarge) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::Unread(Unread::Broken(_)) | Self::Malformed(_) => StatusCode::BAD_REQUEST,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unauthorised => "unauthorised",
            Self::CrossSite => "cross_site",
            Self::ForeignHost => "foreign_host",
            Self::Pool(_) => "wrong_pool",
            Self::Unread(Unread::Slow(_)) => "slow",
            Self::Unread(Unread::NoRoom) => "no_room",
            Self::Unread(Unread::TooLarge) | Self::Malformed(PayloadError::TooLarge) => "too_large",
            Self::Unread(Unread::Broken(_)) | Self::Malformed(_) => "malformed",
        }
    }

    /// On `/up` and `/down`, what a whole body is when nobody can make an alarm of it.
    fn ignored(&self) -> Option<Ignored> {
        match self {
            Self::Unauthorised
            | Self::CrossSite
            | Self::ForeignHost
            | Self::Pool(_)
            | Self::Unread(Unread::Slow(_) | Unread::Broken(_)) => None,
            Self::Unread(Unread::NoRoom) => Some(Ignored::NoRoom),
            Self::Unread(Unread::TooLarge) | Self::Malformed(PayloadError::TooLarge) => {
                Some(Ignored::TooLarge)
            }
            Self::Malformed(_) => Some(Ignored::Unreadable),
        }
    }
}
