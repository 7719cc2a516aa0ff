//! `/` and `/_local`: what the real API does not have. The page, status, calls, time, metadata.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix_web::{HttpRequest, HttpResponse, http::header};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use exoscale::{ids::InstanceId, models::PoolErrorReason, signature};
use program::{error_chain::with_causes, time_text};
use serde_json::{Value, json};

use super::{
    super::{
        clients::{self, plain},
        cloud::Cloud,
        environment,
        refusal::Refusal,
        shortage,
        status::Status,
    },
    http::refuse,
    local_faults, origin, page,
};

/// What every answer tells a browser.
const HEADERS: [(header::HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    (header::CONTENT_SECURITY_POLICY, page::POLICY),
];

/// Answers a call below `/_local/`, or for the page.
pub(super) fn answer(cloud: &Arc<Cloud>, request: &HttpRequest, body: &[u8]) -> HttpResponse {
    let method = request.method().as_str();
    let path = request.path();
    let path = path.strip_prefix("/_local/").unwrap_or(path);
    let mut answer = if !origin::is_local(request) {
        refuse(&Refusal::Forbidden(
            "/_local is for this machine only, under the name localhost or a loopback address"
                .to_owned(),
        ))
    } else if !matches!(method, "GET" | "HEAD") && origin::is_cross_site(request) {
        refuse(&Refusal::Forbidden(
            "/_local takes no change from a web page of another origin".to_owned(),
        ))
    } else if let Some(file) = page::file(path).filter(|_| matches!(method, "GET" | "HEAD")) {
        file
    } else {
        let query = request.query_string();
        match self::call(cloud, method, path, query, body) {
            Ok(answer) => {
                if method != "GET" {
                    let asked = plain(&[path, query].join("?"), 80);
                    tracing::info!("{} asked: {method} /_local/{asked}", client(request));
                }
                answer
            }
            Err(refusal) => refuse(&refusal),
        }
    };
    for (name, value) in HEADERS {
        let value = header::HeaderValue::from_static(value);
        answer.headers_mut().insert(name, value);
    }
    answer
}

fn client(request: &HttpRequest) -> String {
    let header = request.headers().get(header::USER_AGENT);
    clients::name(header.and_then(|value| value.to_str().ok()))
}

fn call(
    cloud: &Arc<Cloud>,
    method: &str,
    path: &str,
    query: &str,
    body: &[u8],
) -> Result<HttpResponse, Refusal> {
    match (method, path) {
        ("GET", "status") => Ok(HttpResponse::Ok().json(Status::of(cloud))),
        ("GET", "environment") if cloud.is_ready.load(Ordering::Relaxed) => {
            Ok(text(environment::environment(cloud)))
        }
        ("GET", "environment") => {
            let message = "what the local cloud begins with is still being made";
            Ok(HttpResponse::ServiceUnavailable().json(json!({ "message": message })))
        }
        ("GET", "requests") => Ok(HttpResponse::Ok().json(cloud.requests.all())),
        ("GET", "operations") => {
            let served: Vec<_> = super::operations_with_sos().collect();
            Ok(HttpResponse::Ok().json(served))
        }
        ("POST", "time") => advance(cloud, query),
        (_, "faults") => local_faults::answer(cloud, method, body),
        ("GET", "shortage") => Ok(HttpResponse::Ok().json(&cloud.state().shortage)),
        ("PUT", "shortage") => set_shortage(cloud, body),
        ("DELETE", "shortage") => {
            shortage::set(cloud, None);
            Ok(HttpResponse::Ok().json(Value::Null))
        }
        ("GET", path) if path.starts_with("console/") => console(cloud, path),
        ("GET", path) if path.starts_with("metadata/") => {
            let data = metadata(cloud, path.trim_start_matches("metadata/"))?;
            let mut answer = HttpResponse::Ok();
            Ok(answer.content_type("application/octet-stream").body(data))
        }
        _ => Err(unknown(method, path)),
    }
}

pub(super) fn unknown(method: &str, path: &str) -> Refusal {
    Refusal::Unsupported(format!("{method} /_local/{path}"))
}

/// `POST /_local/time?advance=5m`, in the time of the cloud: at speed 10, five minutes are half a
/// minute of this machine.
fn advance(cloud: &Cloud, query: &str) -> Result<HttpResponse, Refusal> {
    let arguments = signature::query_arguments(query);
    let [(name, value)] = arguments.as_slice() else {
        let problem = "is missing; give one time, as in /_local/time?advance=5m";
        return Err(Refusal::invalid("advance", problem));
    };
    if name != "advance" {
        return Err(Refusal::invalid(name, "is no argument; give advance=5m"));
    }
    let by = time_text::time(value, &(Duration::from_millis(1)..=time_text::DAY));
    let by =
        by.map_err(|error| Refusal::invalid("advance", format!("is {}", with_causes(&error))))?;
    cloud.clock.advance(cloud.at_speed(by));
    Ok(HttpResponse::Ok().json(json!({ "advanced_s": by.as_secs_f64() })))
}

fn text(body: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body(body)
}

/// What stands in for an instance's screen, where the API's console leads.
fn console(cloud: &Cloud, path: &str) -> Result<HttpResponse, Refusal> {
    let state = cloud.state();
    let id = path.strip_prefix("console/").and_then(|id| id.parse().ok());
    let Some(instance) = id.and_then(|id: InstanceId| state.instances.get(&id)) else {
        return Err(Refusal::not_found("console", path));
    };
    let process = instance.pid.map_or_else(
        || "It runs no process now.".to_owned(),
        |pid| format!("It is the process {pid}."),
    );
    Ok(text(format!(
        "{} has no screen. {process} What it writes is in the local cloud's log (RUST_LOG=debug).\n",
        instance.name
    )))
}

fn set_shortage(cloud: &Arc<Cloud>, body: &[u8]) -> Result<HttpResponse, Refusal> {
    let reason = serde_json::from_slice::<PoolErrorReason>(body).map_err(|error| {
        let problem = format!("is no object with type and message: {error}");
        Refusal::invalid("body", problem)
    })?;
    let response = HttpResponse::Ok().json(&reason);
    shortage::set(cloud, Some(reason));
    Ok(response)
}

/// `<instance-id>/latest/…`, as at `http://169.254.169.254/latest/…` on an instance.
fn metadata(cloud: &Cloud, path: &str) -> Result<Vec<u8>, Refusal> {
    let absent = || Refusal::not_found("metadata", path);
    let (id, entry) = path.split_once("/latest/").ok_or_else(absent)?;
    let id: InstanceId = id.parse().map_err(|_| absent())?;
    let state = cloud.state();
    let instance = state.instances.get(&id).ok_or_else(absent)?;
    match entry {
        "user-data" => {
            let data = instance.settings.user_data.as_ref().ok_or_else(absent)?;
            // It was checked when the pool took it.
            BASE64_STANDARD.decode(data.base64()).map_err(|_| absent())
        }
        "meta-data/instance-id" => Ok(id.to_string().into_bytes()),
        "meta-data/local-hostname" => Ok(instance.name.clone().into_bytes()),
        "meta-data/public-ipv4" => {
            let ip = instance.public_ip().ok_or_else(absent)?;
            Ok(ip.to_string().into_bytes())
        }
        "meta-data/availability-zone" => Ok(cloud.config.zone.clone().into_bytes()),
        _ => Err(absent()),
    }
}
