//! `/` and `/_local`: what the real API does not have. The page, status, calls, time, metadata.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix_web::{HttpRequest, HttpResponse, http::header};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use exoscale::{ids::InstanceId, models::PoolErrorReason, signature};
use program::{error_chain::with_causes, time_text};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    super::{
        clients::{self, plain},
        cloud::{Cloud, State},
        environment,
        instances::Instance,
        refusal::Refusal,
        shortage,
        status::Status,
    },
    http::refuse,
    local_faults, origin, page,
    route::arguments,
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

/// A call below `/_local`.
struct Call<'a> {
    cloud: &'a Arc<Cloud>,
    arguments: HashMap<&'static str, &'a str>,
    query: &'a str,
    body: &'a [u8],
}

/// One of them: a method, what follows `/_local/`, and who answers.
type LocalRoute = (&'static str, &'static str, fn(&Call<'_>) -> Answer);

type Answer = Result<HttpResponse, Refusal>;

const ROUTES: [LocalRoute; 15] = [
    ("GET", "status", |call| Ok(json(&Status::of(call.cloud)))),
    ("GET", "environment", |call| Ok(environment(call.cloud))),
    ("GET", "requests", |call| {
        Ok(json(&call.cloud.requests.all()))
    }),
    ("GET", "operations", |_| {
        Ok(json(&super::operations_with_sos().collect::<Vec<_>>()))
    }),
    ("POST", "time", advance),
    ("GET", "faults", |call| Ok(local_faults::show(call.cloud))),
    ("PUT", "faults", |call| {
        local_faults::replace(call.cloud, call.body)
    }),
    ("POST", "faults", |call| {
        local_faults::add(call.cloud, call.body)
    }),
    ("DELETE", "faults", |call| Ok(local_faults::end(call.cloud))),
    ("GET", "shortage", |call| {
        Ok(json(&call.cloud.state().shortage))
    }),
    ("PUT", "shortage", begin_shortage),
    ("DELETE", "shortage", |call| {
        shortage::set(call.cloud, None);
        Ok(json(&Value::Null))
    }),
    ("GET", "console/{id}", console),
    ("GET", "metadata/{id}/latest/user-data", user_data),
    ("GET", "metadata/{id}/latest/meta-data/{entry}", meta_data),
];

/// The method and the path of each call below `/_local`, and of the files of the page.
pub(super) fn paths() -> impl Iterator<Item = (&'static str, String)> {
    let files = page::FILES.map(|(path, ..)| ("GET", path));
    let calls = ROUTES.into_iter().map(|(method, path, _)| (method, path));
    files.into_iter().chain(calls).map(|(method, path)| {
        let path = if path == "/" {
            path.to_owned()
        } else {
            format!("/_local/{path}")
        };
        (method, path)
    })
}

fn call(
    cloud: &Arc<Cloud>,
    method: &str,
    path: &str,
    query: &str,
    body: &[u8],
) -> Result<HttpResponse, Refusal> {
    let mut routes = ROUTES.into_iter().filter(|(of, ..)| *of == method);
    let found = routes.find_map(|(_, pattern, answer)| Some((answer, arguments(pattern, path)?)));
    let (answer, arguments) = found.ok_or_else(|| unknown(method, path))?;
    answer(&Call {
        cloud,
        arguments,
        query,
        body,
    })
}

fn json(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().json(body)
}

fn environment(cloud: &Cloud) -> HttpResponse {
    if cloud.is_ready.load(Ordering::Relaxed) {
        return text(environment::environment(cloud));
    }
    let message = "what the local cloud begins with is still being made";
    HttpResponse::ServiceUnavailable().json(json!({ "message": message }))
}

fn unknown(method: &str, path: &str) -> Refusal {
    Refusal::Unsupported(format!("{method} /_local/{path}"))
}

/// `POST /_local/time?advance=5m`, in the time of the cloud: at speed 10, five minutes are half a
/// minute of this machine.
fn advance(Call { cloud, query, .. }: &Call<'_>) -> Answer {
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
fn console(call: &Call<'_>) -> Answer {
    let state = call.cloud.state();
    let id = call.arguments["id"];
    let Some(instance) = instance_of(&state, id) else {
        return Err(Refusal::not_found("console", id));
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

fn begin_shortage(Call { cloud, body, .. }: &Call<'_>) -> Answer {
    let reason = serde_json::from_slice::<PoolErrorReason>(body).map_err(|error| {
        let problem = format!("is no object with type and message: {error}");
        Refusal::invalid("body", problem)
    })?;
    let response = HttpResponse::Ok().json(&reason);
    shortage::set(cloud, Some(reason));
    Ok(response)
}

/// As at `http://169.254.169.254/latest/user-data` on an instance.
fn user_data(call: &Call<'_>) -> Answer {
    let id = call.arguments["id"];
    let absent = || Refusal::not_found("metadata", format!("user-data of {id}"));
    let state = call.cloud.state();
    let instance = instance_of(&state, id).ok_or_else(absent)?;
    let data = instance.settings.user_data.as_ref().ok_or_else(absent)?;
    // It was checked when the pool took it.
    let data = BASE64_STANDARD.decode(data.base64());
    Ok(bytes(data.map_err(|_| absent())?))
}

fn meta_data(call: &Call<'_>) -> Answer {
    let (id, entry) = (call.arguments["id"], call.arguments["entry"]);
    let absent = || Refusal::not_found("metadata", format!("{entry} of {id}"));
    let state = call.cloud.state();
    let instance = instance_of(&state, id).ok_or_else(absent)?;
    let data = match entry {
        "instance-id" => instance.id.to_string(),
        "local-hostname" => instance.name.clone(),
        "public-ipv4" => instance.public_ip().ok_or_else(absent)?.to_string(),
        "availability-zone" => call.cloud.config.zone.clone(),
        _ => return Err(absent()),
    };
    Ok(bytes(data.into_bytes()))
}

fn instance_of<'a>(state: &'a State, id: &str) -> Option<&'a Instance> {
    let id: InstanceId = id.parse().ok()?;
    state.instances.get(&id)
}

fn bytes(data: Vec<u8>) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.content_type("application/octet-stream").body(data)
}
