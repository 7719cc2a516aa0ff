//! The HTTP side of control: `PUT /control`, with a token of its own.

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{self, Payload as BodyStream},
};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use policy::{Bounds, BoundsError, Order, OrderError};
use program::error_chain::with_causes;
use serde_json::json;
use tokio::time::timeout;

use super::{
    Command, ControlState, Note,
    request::{Asked, Request, RequestError},
};
use crate::{
    config::PoolName,
    pool_actors::PoolActors,
    pool_query::{self, WrongPool},
    site::Site,
    throttled_log::{Peer, ThrottledLog},
    webhook_receiver::is_cross_site,
};

/// No order is longer.
const MAX_BODY: usize = 4 * 1024;

/// The scaler answers at once, unless something is wrong with it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// Takes orders for the web server.
#[derive(Debug)]
pub(crate) struct Controller {
    state: ControlState,
    log: Arc<ThrottledLog>,
}

/// Adds `/control`.
pub(crate) fn configure(site: &mut Site<'_>, controller: Arc<Controller>) {
    site.data(controller);
    site.add("/control", |resource| {
        resource.route(web::put().to(control))
    });
}

async fn control(
    controller: web::Data<Controller>,
    request: HttpRequest,
    body: BodyStream,
) -> HttpResponse {
    match controller.take(&request, body).await {
        Ok((order, pool)) => {
            let control = pool.read_model.view().control;
            HttpResponse::Ok().json(json!({ "accepted": order, "control": control }))
        }
        Err(refusal) => controller.refuse(&refusal, &request),
    }
}

/// Why an order is not taken.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("a web page of another site asks for this, and orders do not come from web pages")]
    CrossSite,
    #[error(
        "nobody may give orders to this agent: set control.token in its settings, another one than alerts.token, and restart it or send it SIGHUP"
    )]
    ReadOnly,
    #[error(
        "an order needs the token of control.token, as `Authorization: Bearer`; alerts.token is another"
    )]
    Unauthorised,
    #[error("the body took longer than {0:?} (alerts.body_timeout)")]
    Slow(Duration),
    #[error("the body is larger than {MAX_BODY} bytes or broken")]
    Unread,
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("`limits`: {0}")]
    Limits(BoundsError),
    #[error("`limits.max`: {asked} is more than control.max_size, which is {most}")]
    TooLarge { asked: u32, most: u32 },
    #[error(transparent)]
    Pool(#[from] WrongPool),
    #[error(transparent)]
    Order(#[from] OrderError),
    #[error("the agent did not answer; look at /healthz")]
    NoAnswer,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::CrossSite | Self::ReadOnly => StatusCode::FORBIDDEN,
            Self::Unauthorised => StatusCode::UNAUTHORIZED,
            Self::Slow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Unread | Self::Request(_) | Self::Limits(_) | Self::TooLarge { .. } => {
                StatusCode::BAD_REQUEST
            }
            Self::Pool(wrong) => wrong.status(),
            Self::Order(_) => StatusCode::CONFLICT,
            Self::NoAnswer => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::CrossSite => "control_cross_site",
            Self::ReadOnly => "control_read_only",
            Self::Unauthorised => "control_unauthorised",
            Self::Slow(_) => "control_slow",
            Self::Unread
            | Self::Request(_)
            | Self::Limits(_)
            | Self::TooLarge { .. }
            | Self::Pool(_) => "control_malformed",
            Self::Order(_) => "control_conflict",
            Self::NoAnswer => "control_no_answer",
        }
    }
}

impl Controller {
    pub(crate) fn new(state: ControlState, log: Arc<ThrottledLog>) -> Self {
        Self { state, log }
    }

    /// Takes one order; gives it in words, and the pool that it is for.
    async fn take(
        &self,
        request: &HttpRequest,
        body: BodyStream,
    ) -> Result<(String, &PoolActors), Refusal> {
        if is_cross_site(request.headers(), request.uri()) {
            return Err(Refusal::CrossSite);
        }
        let settings = self.state.settings.read().clone();
        if settings.token.is_none() {
            return Err(Refusal::ReadOnly);
        }
        if !settings.admits(request.headers()) {
            return Err(Refusal::Unauthorised);
        }
        let pool = pool_query::one(&self.state.pools, request.query_string())?;
        let now = Timestamp::now();
        let within = self.state.body_timeout;
        let body = timeout(within, read(body)).await;
        let body = body.map_err(|_| Refusal::Slow(within))??;
        let Request { asked, who, why } = Request::parse(&body, now)?;
        let order = self.order(&asked, pool, settings.max_size)?;
        let text = asked.text();
        let at = now;
        let peer = Peer(request.peer_addr());
        let name = pool.name.as_ref().map(PoolName::as_str);
        tracing::info!(%peer, pool = name, order = text, who, why, "Order is received.");
        let note = Note {
            order: text.clone(),
            who,
            why,
            at,
        };
        let answer = pool.commands.send(Command { order, note });
        match timeout(ANSWERED_WITHIN, answer).await {
            Ok(Ok(followed)) => followed?,
            Ok(Err(_)) | Err(_) => return Err(Refusal::NoAnswer),
        }
        Ok((text, pool))
    }

    fn order(&self, asked: &Asked, pool: &PoolActors, most: u32) -> Result<Order, Refusal> {
        Ok(match *asked {
            Asked::Pause => Order::Pause,
            Asked::Resume => Order::Resume,
            Asked::Mode(mode, holds) => Order::Mode {
                mode,
                until: holds.map(|time| self.state.clock.now() + time),
            },
            Asked::OwnMode => Order::OwnMode,
            Asked::Limits { min, max } => {
                let view = pool.read_model.view();
                let min = min.unwrap_or(view.min_size);
                let max = max.unwrap_or(view.max_size);
                if max > most {
                    return Err(Refusal::TooLarge { asked: max, most });
                }
                Order::Limits(Bounds::new(min, max).map_err(Refusal::Limits)?)
            }
            Asked::OwnLimits => Order::OwnLimits,
            Asked::Size(size) => Order::Size(size),
        })
    }

    fn refuse(&self, refusal: &Refusal, request: &HttpRequest) -> HttpResponse {
        let (status, reason) = (refusal.status(), refusal.code());
        self.state.counters.refused(reason);
        self.log.line(reason, |suppressed| {
            let peer = Peer(request.peer_addr());
            let why = with_causes(refusal);
            tracing::warn!(%peer, status = status.as_u16(), why, suppressed, "Order is refused.");
        });
        let mut answer = HttpResponse::build(status);
        if status == StatusCode::UNAUTHORIZED {
            answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        // What is left of the body is not worth reading.
        answer
            .force_close()
            .json(json!({ "message": with_causes(refusal) }))
    }
}

async fn read(mut stream: BodyStream) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Refusal::Unread)?;
        if bytes.len() + chunk.len() > MAX_BODY {
            return Err(Refusal::Unread);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
