//! The paths of the slow application and what they answer.

use std::{io, sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::StatusCode,
    http::header::{self, ContentType, HeaderValue},
    web,
};
use serde::{Deserialize, Serialize};

use super::{
    activity::Activity,
    config::Config,
    drain::{self, Drain, Refusal},
    metrics::{self, Metrics},
    pool::{Pool, Work},
};

/// What the handlers share.
#[derive(Debug)]
pub(super) struct App {
    pub(super) config: Config,
    pub(super) instance_header: HeaderValue,
    pub(super) pool: Arc<Pool>,
    pub(super) activity: Activity,
    pub(super) drain: Drain,
    pub(super) metrics: Metrics,
}

impl App {
    /// Starts the worker threads.
    pub(super) fn start(config: Config) -> io::Result<Self> {
        let pool = Arc::new(Pool::start(
            config.workers,
            config.queue_limit,
            config.quota,
        )?);
        let activity = Activity::new();
        Ok(Self {
            instance_header: HeaderValue::from_str(config.instance.as_str())
                .expect("an instance id is visible ASCII, which a header may hold"),
            metrics: Metrics::new(Arc::clone(&pool), activity.clone()),
            drain: Drain::new(config.drain_lease),
            pool,
            activity,
            config,
        })
    }
}

pub(super) fn configure(service: &mut web::ServiceConfig) {
    service
        .service(web::resource("/").get(work).head(work))
        .service(web::resource("/load").get(load).head(load))
        .service(web::resource("/health").get(health).head(health))
        .service(web::resource("/drain").post(start_drain).delete(end_drain))
        .service(web::resource("/metrics").get(own_metrics).head(own_metrics))
        .default_service(web::to(unknown));
}

async fn unknown() -> HttpResponse {
    text(
        HttpResponse::NotFound(),
        "There is no such path; served are /, /load, /health, /drain and /metrics.\n",
    )
}

#[derive(Deserialize)]
struct WorkQuery {
    ms: Option<u64>,
}

#[derive(Serialize)]
struct WorkReport<'a> {
    instance: &'a str,
    asked_ms: f64,
    burnt_ms: f64,
    queue_wait_ms: f64,
}

async fn work(request: HttpRequest, app: web::Data<App>) -> HttpResponse {
    let limit = app.config.max_work_ms;
    let asked = match web::Query::<WorkQuery>::from_query(request.query_string())
        .map(|query| query.ms)
    {
        Ok(None) => app.config.default_work,
        Ok(Some(ms)) if ms <= limit => Duration::from_millis(ms),
        _ => {
            let message = format!(
                "ms must be a whole number of milliseconds from 0 to {limit} (the limit is --max-ms).\n"
            );
            return text(HttpResponse::BadRequest(), message);
        }
    };
    let _in_flight = app.activity.arrive();
    let Ok(receiver) = app.pool.submit(Work::CpuTime(asked)) else {
        return queue_full();
    };
    let Ok(done) = receiver.await else {
        return stopping();
    };
    app.metrics.dequeued(done.queue_wait);
    HttpResponse::Ok().json(WorkReport {
        instance: app.config.instance.as_str(),
        asked_ms: milliseconds(asked),
        burnt_ms: milliseconds(done.burnt),
        queue_wait_ms: milliseconds(done.queue_wait),
    })
}

async fn load(app: web::Data<App>) -> HttpResponse {
    let _in_flight = app.activity.arrive();
    let Ok(receivers) = app.pool.submit_to_all(Work::WallTime(app.config.load)) else {
        return queue_full();
    };
    for receiver in receivers {
        let Ok(done) = receiver.await else {
            return stopping();
        };
        app.metrics.dequeued(done.queue_wait);
    }
    text(HttpResponse::Ok(), "Load generation done.")
}

async fn health(app: web::Data<App>) -> HttpResponse {
    if app.drain.is_on() {
        text(HttpResponse::ServiceUnavailable(), "draining")
    } else {
        text(HttpResponse::Ok(), "OK")
    }
}

#[derive(Serialize)]
struct DrainReport {
    draining: bool,
    in_flight: usize,
}

async fn start_drain(request: HttpRequest, app: web::Data<App>) -> HttpResponse {
    set_drain(&request, &app, true)
}

async fn end_drain(request: HttpRequest, app: web::Data<App>) -> HttpResponse {
    set_drain(&request, &app, false)
}

fn set_drain(request: &HttpRequest, app: &App, on: bool) -> HttpResponse {
    let shown = request
        .headers()
        .get(header::AUTHORIZATION)
        .map(HeaderValue::as_bytes);
    let peer = request.peer_addr().map(|peer| peer.ip());
    match drain::authorise(app.config.drain_token.as_ref(), shown, peer) {
        Ok(()) => {
            app.drain.set(on);
            HttpResponse::Ok().json(DrainReport {
                draining: app.drain.is_on(),
                in_flight: app.activity.in_flight(),
            })
        }
        Err(refusal) => {
            let mut response = HttpResponse::build(match refusal {
                Refusal::Unauthorised => StatusCode::UNAUTHORIZED,
                Refusal::Forbidden => StatusCode::FORBIDDEN,
            });
            if refusal == Refusal::Unauthorised {
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
            }
            text(response, format!("{refusal}.\n"))
        }
    }
}

async fn own_metrics(app: web::Data<App>) -> HttpResponse {
    metrics_response(app.metrics.encode())
}

pub(super) fn metrics_response(text: Result<String, std::fmt::Error>) -> HttpResponse {
    match text {
        Ok(text) => HttpResponse::Ok()
            .content_type(metrics::CONTENT_TYPE)
            .body(text),
        Err(error) => HttpResponse::InternalServerError()
            .body(format!("The metrics cannot be written: {error}.\n")),
    }
}

fn queue_full() -> HttpResponse {
    let mut response = HttpResponse::ServiceUnavailable();
    response.insert_header((header::RETRY_AFTER, "1"));
    text(
        response,
        "All workers are busy and the queue is full (--queue-limit). Try again.\n",
    )
}

fn stopping() -> HttpResponse {
    text(
        HttpResponse::ServiceUnavailable(),
        "This instance has stopped before the work was done.\n",
    )
}

fn text(mut response: HttpResponseBuilder, body: impl Into<String>) -> HttpResponse {
    response
        .content_type(ContentType::plaintext())
        .body(body.into())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
