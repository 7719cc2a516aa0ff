//! The dashboard's HTTP side.

use std::{convert::Infallible, time::Duration};

use actix_web::{
    FromRequest, Handler, HttpRequest, HttpResponse, Resource,
    http::{Method, header::RETRY_AFTER},
    web::{self, Bytes},
};
use futures_util::stream;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{connections::Connection, page, server::Front};
use crate::{
    metrics::{self, Metrics},
    read_model::ReadModel,
    throttled_log::Peer,
};

/// A stream without news tells this often what only time changes, so that a page knows that the
/// agent lives. The page takes a silence of several of these for a lost connection.
const BEAT: Duration = Duration::from_secs(5);

/// Changes that come closer together than this are shown as one: a flood of alerts must not become
/// a flood of documents.
const EVENT_GAP: Duration = Duration::from_millis(100);

/// Every path of the server but for the page's files, for whoever asks for another one.
const PATHS: [&str; 12] = [
    "/",
    "/up",
    "/down",
    "/webhook",
    "/control",
    "/events",
    "/status",
    "/decisions",
    "/history",
    "/metrics",
    "/healthz",
    "/sd",
];

/// Adds the dashboard's paths.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    for file in page::FILES {
        let answer = move || async move { file.answer() };
        config.service(shown(file.path, answer));
    }
    config
        .service(shown("/events", events))
        .service(shown("/status", status))
        .service(shown("/decisions", decisions))
        .service(shown("/history", history))
        .service(shown("/metrics", scrape))
        .service(shown("/healthz", health))
        .service(shown("/sd", targets))
        .default_service(web::to(unknown));
}

/// A path to look at, with `HEAD` as with `GET`.
fn shown<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args, Output = HttpResponse>,
    Args: FromRequest + 'static,
{
    web::resource(path)
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
}

async fn unknown() -> HttpResponse {
    let message = format!("there is no such path; served are {}", PATHS.join(", "));
    HttpResponse::NotFound().json(json!({ "message": message }))
}

async fn status(model: web::Data<ReadModel>) -> HttpResponse {
    HttpResponse::Ok().json(model.view())
}

async fn decisions(model: web::Data<ReadModel>) -> HttpResponse {
    HttpResponse::Ok().json(model.decisions())
}

/// The last hour and day, for the charts.
async fn history(model: web::Data<ReadModel>) -> HttpResponse {
    let (hour, day) = model.history().series();
    HttpResponse::Ok().json(json!({ "hour": hour, "day": day, "marks": model.marks() }))
}

async fn scrape(metrics: web::Data<Metrics>) -> HttpResponse {
    match metrics.encode() {
        Ok(text) => HttpResponse::Ok()
            .content_type(metrics::CONTENT_TYPE)
            .body(text),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

/// 200 when every check passes, else 503; either way with the checks.
async fn health(model: web::Data<ReadModel>) -> HttpResponse {
    let view = model.view();
    let body = json!({
        "healthy": view.is_healthy(),
        "state": view.health_state,
        "checks": view.health,
    });
    if view.is_healthy() {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    }
}

/// Prometheus's HTTP service discovery: <https://prometheus.io/docs/prometheus/latest/http_sd/>.
/// Before the first successful read there is no list to give, and an empty one would be a lie.
async fn targets(model: web::Data<ReadModel>) -> HttpResponse {
    match model.targets() {
        Some(groups) => HttpResponse::Ok().json(groups.as_ref()),
        None => HttpResponse::ServiceUnavailable()
            .json(json!({ "message": "the pool's members were not listed yet" })),
    }
}

/// Server-sent events: the status and the latest decisions, at once and after every change. Streams
/// last, so there are only so many at once.
async fn events(
    request: HttpRequest,
    model: web::Data<ReadModel>,
    front: web::Data<Front>,
) -> HttpResponse {
    let Ok(place) = front.streams.clone().try_acquire_owned() else {
        front.refused("too_many_streams", |suppressed| {
            let peer = Peer(request.peer_addr());
            tracing::warn!(%peer, suppressed, "Live stream is refused: there are too many.");
        });
        return HttpResponse::ServiceUnavailable()
            .insert_header((RETRY_AFTER, "10"))
            .force_close()
            .json(json!({ "message": "too many live streams are open; try again later" }));
    };
    let mut response = HttpResponse::Ok();
    response.content_type("text/event-stream");
    if request.method() == Method::HEAD {
        return response.finish();
    }
    if let Some(connection) = request.conn_data::<Connection>() {
        connection.exempt();
    }
    let mut changes = model.changes();
    changes.mark_changed();
    let start = (changes, Duration::ZERO, place);
    response.streaming(stream::unfold(start, move |(mut changes, pause, place)| {
        let model = model.clone();
        async move {
            sleep(pause).await;
            let text = match timeout(BEAT, changes.changed()).await {
                Ok(Ok(())) => event(&model),
                Ok(Err(_)) => return None,
                Err(_) => beat(&model),
            };
            let next = (changes, EVENT_GAP, place);
            Some((Ok::<_, Infallible>(Bytes::from(text)), next))
        }
    }))
}

fn event(model: &ReadModel) -> String {
    let mut decisions = model.decisions();
    decisions.reverse();
    decisions.truncate(page::DECISIONS_SHOWN);
    format!(
        "data: {}\n\n",
        json!({ "status": model.view(), "decisions": decisions })
    )
}

fn beat(model: &ReadModel) -> String {
    let view = model.view();
    format!("event: beat\ndata: {}\n\n", json!(view.beat()))
}
