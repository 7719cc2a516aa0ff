//! The dashboard's HTTP side.

use std::{convert::Infallible, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header::RETRY_AFTER},
    web::{self, Bytes},
};
use futures_util::stream;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{connections::Connection, page, server::Front};
use crate::{
    metrics::{self, Metrics},
    pool_actors::PoolActors,
    pool_query,
    read_model::ReadModel,
    site::Site,
    throttled_log::Peer,
    view::{HealthState, View},
};

/// A stream without news tells this often what only time changes, so that a page knows that the
/// agent lives. The page takes a silence of several of these for a lost connection.
const BEAT: Duration = Duration::from_secs(5);

/// Changes that come closer together than this are shown as one: a flood of alerts must not become
/// a flood of documents.
const EVENT_GAP: Duration = Duration::from_millis(100);

/// Adds the dashboard's paths.
pub(super) fn configure(site: &mut Site<'_>) {
    site.show("/pools", overview);
    site.show("/events", events);
    site.show("/status", status);
    site.show("/decisions", decisions);
    site.show("/history", history);
    site.show("/metrics", scrape);
    site.show("/healthz", health);
    site.show("/sd", targets);
    for file in page::FILES {
        site.show(file.path, move || async move { file.answer() });
    }
}

/// The pools of the agent.
type Pools = web::Data<[PoolActors]>;

/// Answers with what a pool's read model shows.
fn of_pool(
    pools: &[PoolActors],
    request: &HttpRequest,
    show: impl FnOnce(&ReadModel) -> HttpResponse,
) -> HttpResponse {
    match pool_query::one(pools, request.query_string()) {
        Ok(pool) => show(&pool.read_model),
        Err(wrong) => wrong.answer(),
    }
}

/// Every pool in short.
async fn overview(pools: Pools) -> HttpResponse {
    let pools = pools.iter().map(|pool| pool.read_model.view());
    let pools: Vec<_> = pools.map(View::summary).collect();
    HttpResponse::Ok().json(json!({ "now": Timestamp::now(), "pools": pools }))
}

async fn status(pools: Pools, request: HttpRequest) -> HttpResponse {
    of_pool(&pools, &request, |model| {
        HttpResponse::Ok().json(model.view())
    })
}

async fn decisions(pools: Pools, request: HttpRequest) -> HttpResponse {
    of_pool(&pools, &request, |model| {
        HttpResponse::Ok().json(model.decisions())
    })
}

/// The last hour and day, for the charts.
async fn history(pools: Pools, request: HttpRequest) -> HttpResponse {
    of_pool(&pools, &request, |model| {
        let (hour, day) = model.history().series();
        HttpResponse::Ok().json(json!({ "hour": hour, "day": day, "marks": model.marks() }))
    })
}

async fn scrape(metrics: web::Data<Metrics>) -> HttpResponse {
    match metrics.encode() {
        Ok(text) => HttpResponse::Ok()
            .content_type(metrics::CONTENT_TYPE)
            .body(text),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

/// 200 when every check of every pool passes, else 503; either way with the checks.
async fn health(pools: Pools) -> HttpResponse {
    let views: Vec<View> = pools.iter().map(|pool| pool.read_model.view()).collect();
    let checks = views.iter().flat_map(|view| {
        let pool = view.about.pool.as_deref();
        view.health.iter().map(move |check| check.of_pool(pool))
    });
    let state = views.iter().map(|view| view.health_state).max();
    let state = state.unwrap_or_default();
    let is_healthy = state == HealthState::Healthy;
    let body = json!({
        "healthy": is_healthy,
        "state": state,
        "checks": checks.collect::<Vec<_>>(),
    });
    if is_healthy {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    }
}

/// Prometheus's HTTP service discovery: <https://prometheus.io/docs/prometheus/latest/http_sd/>. Of
/// all pools, if none is named. Before the first successful read there is no list to give, and an
/// empty one would be a lie.
async fn targets(pools: Pools, request: HttpRequest) -> HttpResponse {
    let wanted = match pool_query::named(&pools, request.query_string()) {
        Ok(Some(at)) => &pools[at..=at],
        Ok(None) => &pools[..],
        Err(wrong) => return wrong.answer(),
    };
    let lists = wanted.iter().map(|pool| pool.read_model.targets());
    match lists.collect::<Option<Vec<_>>>() {
        Some(lists) => {
            let groups = lists.iter().flat_map(|groups| groups.iter());
            HttpResponse::Ok().json(groups.collect::<Vec<_>>())
        }
        None => HttpResponse::ServiceUnavailable()
            .json(json!({ "message": "the pool's members were not listed yet" })),
    }
}

/// Server-sent events: the status and the latest decisions, at once and after every change. Streams
/// last, so there are only so many at once.
async fn events(request: HttpRequest, pools: Pools, front: web::Data<Front>) -> HttpResponse {
    let model = match pool_query::one(&pools, request.query_string()) {
        Ok(pool) => pool.read_model.clone(),
        Err(wrong) => return wrong.answer(),
    };
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
