//! The intake's HTTP side.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{self, Bytes, Payload as BodyStream},
};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use serde_json::json;

use super::{Alert, Authentication, MAX_BODY, classify};
use crate::{
    agent::{metrics::AlertLabels, read_model::ReadModel, signal_inbox::SignalInbox},
    policy::Direction,
};

/// What the handlers need.
#[derive(Clone, Debug)]
pub struct IntakeState {
    /// Where accepted alerts go.
    pub inbox: Arc<SignalInbox>,
    /// Where they are counted.
    pub read_model: Arc<ReadModel>,
    /// Who may send.
    pub authentication: Arc<Authentication>,
    /// The label with the direction.
    pub direction_label: Arc<str>,
    /// How long a body may take.
    pub body_timeout: Duration,
}

/// Adds `/up`, `/down` and `/webhook`.
pub fn configure(state: IntakeState) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config
            .app_data(web::Data::new(state))
            .service(bare("/up", Direction::Up))
            .service(bare("/down", Direction::Down))
            .route("/webhook", web::post().to(webhook))
            .route("/webhook", web::put().to(webhook));
    }
}

/// The course's interface: any method and any body, always 200.
fn bare(path: &'static str, direction: Direction) -> actix_web::Resource {
    let take = move |state: web::Data<IntakeState>, request: HttpRequest, body: BodyStream| async move {
        let body = match read_admitted(&state, &request, body).await {
            Ok(body) => body,
            Err(refusal) => return refusal.answer(&state),
        };
        // Grafana can be pointed here too. A body that says it is no alarm is believed (G3); any
        // other body means nothing.
        match classify(&body, &state.direction_label) {
            Ok(alerts) => {
                let is_alarm = |alert: &Alert| {
                    matches!(
                        alert,
                        Alert::Firing(_) | Alert::Ignored(super::Ignored::NoDirection)
                    )
                };
                let alarm = alerts.iter().any(is_alarm) || alerts.is_empty();
                let alerts = if alarm {
                    vec![Alert::Firing(direction)]
                } else {
                    alerts
                };
                state.accept(&alerts)
            }
            Err(_) => state.accept(&[Alert::Firing(direction)]),
        }
    };
    web::resource(path)
        .route(web::get().to(take))
        .route(web::post().to(take))
        .route(web::put().to(take))
}

async fn webhook(
    state: web::Data<IntakeState>,
    request: HttpRequest,
    body: BodyStream,
) -> HttpResponse {
    let began = Instant::now();
    let answer = match read_admitted(&state, &request, body).await {
        Ok(body) => match classify(&body, &state.direction_label) {
            Ok(alerts) => state.accept(&alerts),
            Err(error) => Refusal {
                status: StatusCode::BAD_REQUEST,
                reason: "malformed",
                message: error.to_string(),
            }
            .answer(&state),
        },
        Err(refusal) => refusal.answer(&state),
    };
    state
        .read_model
        .counters()
        .webhook_answered(began.elapsed());
    answer
}

impl IntakeState {
    fn accept(&self, alerts: &[Alert]) -> HttpResponse {
        let mut accepted = Vec::new();
        let mut ignored = Vec::new();
        for alert in alerts {
            let labels = match *alert {
                Alert::Firing(direction) => {
                    self.inbox.put(direction);
                    accepted.push(direction.as_str());
                    AlertLabels {
                        direction: direction.as_str(),
                        outcome: "accepted",
                        reason: "firing",
                    }
                }
                Alert::Ignored(why) => {
                    ignored.push(why.code());
                    AlertLabels {
                        direction: "none",
                        outcome: "ignored",
                        reason: why.code(),
                    }
                }
            };
            self.read_model.counters().alerts(&labels, 1);
        }
        if !ignored.is_empty() {
            tracing::info!(?ignored, "Alerts are ignored.");
        }
        HttpResponse::Ok().json(json!({ "accepted": accepted, "ignored": ignored }))
    }
}

/// Why a request gets no further.
struct Refusal {
    status: StatusCode,
    reason: &'static str,
    message: String,
}

impl Refusal {
    fn answer(self, state: &IntakeState) -> HttpResponse {
        let labels = AlertLabels {
            direction: "none",
            outcome: "refused",
            reason: self.reason,
        };
        state.read_model.counters().alerts(&labels, 1);
        tracing::warn!(
            status = self.status.as_u16(),
            message = self.message,
            "Alert is refused."
        );
        let mut answer = HttpResponse::build(self.status);
        if self.status == StatusCode::UNAUTHORIZED {
            answer.insert_header(("WWW-Authenticate", "Bearer"));
        }
        // What is left of the body is not worth reading.
        answer
            .force_close()
            .json(json!({ "message": self.message }))
    }
}

/// Checks the sender, before the body is read where that can be told from the headers alone.
async fn read_admitted(
    state: &IntakeState,
    request: &HttpRequest,
    body: BodyStream,
) -> Result<Bytes, Refusal> {
    let unauthorised = || {
        Refusal {
        status: StatusCode::UNAUTHORIZED,
        reason: "unauthorised",
        message: "this alert needs a bearer token, a password or a signature; see `alerts` in the settings"
            .to_owned(),
    }
    };
    let now = Timestamp::now();
    let authentication = &state.authentication;
    if !authentication.needs_body() && !authentication.admits(request.headers(), b"", now) {
        return Err(unauthorised());
    }
    let body = tokio::time::timeout(state.body_timeout, read(body)).await;
    let body = body.unwrap_or_else(|_| {
        Err(Refusal {
            status: StatusCode::REQUEST_TIMEOUT,
            reason: "slow",
            message: format!("the body took longer than {:?}", state.body_timeout),
        })
    })?;
    if authentication.needs_body() && !authentication.admits(request.headers(), &body, now) {
        return Err(unauthorised());
    }
    Ok(body)
}

async fn read(mut stream: BodyStream) -> Result<Bytes, Refusal> {
    let mut body = bytes::BytesMut::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| Refusal {
            status: StatusCode::BAD_REQUEST,
            reason: "malformed",
            message: format!("the body cannot be read: {error}"),
        })?;
        if body.len() + chunk.len() > MAX_BODY {
            return Err(Refusal {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                reason: "too_large",
                message: format!("the body is larger than {MAX_BODY} bytes"),
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
