//! The dashboard's HTTP side.

use std::{convert::Infallible, time::Duration};

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, ContentType},
    web::{self, Bytes},
};
use futures_util::stream;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::page;
use crate::agent::{metrics, metrics::Metrics, read_model::ReadModel};

/// An idle stream says so this often, so that proxies and browsers keep it open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Changes that come closer together than this are shown as one: a flood of alerts must not become
/// a flood of documents.
const EVENT_GAP: Duration = Duration::from_millis(100);

/// Adds the dashboard's paths.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .route("/", web::get().to(index))
        .route("/events", web::get().to(events))
        .route("/status", web::get().to(status))
        .route("/decisions", web::get().to(decisions))
        .route("/metrics", web::get().to(scrape))
        .route("/healthz", web::get().to(health))
        .route("/sd", web::get().to(targets));
}

async fn index() -> HttpResponse {
    HttpResponse::Ok()
        .content_type(ContentType::html())
        .body(page::HTML)
}

async fn status(model: web::Data<ReadModel>) -> HttpResponse {
    HttpResponse::Ok().json(model.view())
}

async fn decisions(model: web::Data<ReadModel>) -> HttpResponse {
    HttpResponse::Ok().json(model.decisions())
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
    let body = json!({ "healthy": view.is_healthy(), "checks": view.health });
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

/// Server-sent events: the status and the latest decisions, at once and after every change.
async fn events(model: web::Data<ReadModel>) -> HttpResponse {
    let mut changes = model.changes();
    changes.mark_changed();
    let stream = stream::unfold((changes, Duration::ZERO), move |(mut changes, pause)| {
        let model = model.clone();
        async move {
            sleep(pause).await;
            let text = match timeout(KEEP_ALIVE, changes.changed()).await {
                Ok(Ok(())) => event(&model),
                Ok(Err(_)) => return None,
                Err(_) => ": still here\n\n".to_owned(),
            };
            Some((Ok::<_, Infallible>(Bytes::from(text)), (changes, EVENT_GAP)))
        }
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(stream)
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
