//! HTTP: from a request to a call, and from an answer to a response.

use std::{
    future::Future,
    io,
    net::{IpAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    body::BodyStream,
    dev::ServerHandle,
    http::{StatusCode, header},
    web,
};
use exoscale::{
    models::Operation,
    signature::{self, SignedRequest},
};
use futures_util::{FutureExt as _, future, stream};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    super::{
        cloud::Cloud,
        faults::{Fault, FaultKind},
        iam,
        intercept::zone_of,
        operations::OperationFailure,
        refusal::Refusal,
    },
    local,
    route::{Answer, Call, Route},
    zone,
};

/// The API's largest body is a pool with 32 KiB of user-data.
const MAX_BODY: usize = 1 << 20;

/// What a fault says unless it is told what to say.
const AS_ASKED: &str = "the local cloud fails this call as asked";

/// How long a slowed call takes when its fault does not say.
const SLOW: Duration = Duration::from_secs(5);

/// Serves the API on its own threads until the handle stops it.
pub(in super::super) fn serve(
    cloud: &Arc<Cloud>,
    listener: TcpListener,
) -> io::Result<ServerHandle> {
    let shared = web::Data::from(Arc::clone(cloud));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .app_data(web::PayloadConfig::new(MAX_BODY))
            .default_service(web::to(handle))
    })
    .workers(1)
    .shutdown_timeout(1)
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    cloud.spawn(server.map(|ended| {
        if let Err(error) = ended {
            tracing::error!(%error, "the local cloud's API ended");
        }
    }));
    Ok(handle)
}

async fn handle(
    request: HttpRequest,
    body: Result<web::Bytes, actix_web::Error>,
    cloud: web::Data<Cloud>,
) -> HttpResponse {
    let body = match body {
        Ok(body) => body,
        Err(error) => return refuse(&Refusal::invalid("body", error.to_string())),
    };
    match request.path().strip_prefix("/_local/") {
        None => answer(&cloud, &request, &body).await,
        Some(path) if is_local(&request) => {
            local::answer(&cloud, request.method().as_str(), path, &body)
        }
        Some(_) => refuse(&Refusal::Forbidden(
            "/_local is for this machine only, under the name localhost or a loopback address"
                .to_owned(),
        )),
    }
}

/// From this machine, and not from a web page whose name was made to lead here (DNS rebinding):
/// what is under `/_local` is not signed.
fn is_local(request: &HttpRequest) -> bool {
    let from_here = request
        .peer_addr()
        .is_some_and(|peer| peer.ip().is_loopback());
    let name = requested_host(request);
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
    from_here && (name == "localhost" || address.is_ok_and(|ip| ip.is_loopback()))
}

/// The host that the client asked for, without the port.
fn requested_host(request: &HttpRequest) -> String {
    let connection = request.connection_info();
    let host = connection.host();
    host.rsplit_once(':')
        .map_or(host, |(name, _)| name)
        .to_owned()
}

/// Answers a call of the API.
async fn answer(cloud: &Arc<Cloud>, request: &HttpRequest, body: &[u8]) -> HttpResponse {
    let (method, path) = (request.method().as_str(), request.uri().path());
    let query = signature::query_arguments(request.query_string());
    let signed = SignedRequest {
        method,
        path,
        query: &query,
        body,
    };
    let (zone_in_path, rest) = zone::split(path).unwrap_or((None, ""));
    let found = super::routes().find_map(|route| Some((route, route.matches(method, rest)?)));
    let authorization = request.headers().get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok());
    let public = found.as_ref().is_some_and(|(route, _)| is_public(route));
    let key = match check_signature(cloud, authorization, signed) {
        Ok(key) => Some(key),
        Err(_) if public && authorization.is_none() => None,
        Err(refusal) => return refuse(&refusal),
    };
    let Some((route, arguments)) = found else {
        return refuse(&Refusal::Unsupported(format!("{method} {path}")));
    };
    cloud.count(route.operation);
    let authorised = key.map(|key| iam::authorise(&cloud.state(), key, route.operation));
    if let Some(Err(refusal)) = authorised {
        return refuse(&refusal);
    }
    let zone_of_host = zone_of(&requested_host(request));
    let call = Call {
        cloud,
        arguments,
        zone: zone_of_host.or(zone_in_path),
        by_name: zone_of_host.is_some(),
        query: &query,
        body,
    };
    if let Some(answer) = zone::elsewhere(&call, route) {
        return respond(answer);
    }
    match cloud.faults.take(route.operation) {
        None => respond((route.handler)(&call)),
        Some(fault) => {
            tracing::info!(operation = route.operation, kind = ?fault.kind, "misbehaves as asked");
            misbehave(&call, route, &fault).await
        }
    }
}

/// Whether a call need not be signed: Exoscale's own client (egoscale 3, and with it `exo`) signs
/// every call but the one that tells where each zone's API is.
fn is_public(route: &Route) -> bool {
    route.operation == "list-zones"
}

/// The key that signed the request.
fn check_signature<'h>(
    cloud: &Cloud,
    authorization: Option<&'h str>,
    request: SignedRequest<'_>,
) -> Result<&'h str, Refusal> {
    let secret_of = |key: &str| iam::secret_of(cloud, key);
    let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
    signature::verify(authorization, request, secret_of, now)
        .map_err(|error| Refusal::Forbidden(error.to_string()))
}

async fn misbehave(call: &Call<'_>, route: &Route, fault: &Fault) -> HttpResponse {
    let cloud = call.cloud;
    let apply = || (route.handler)(call);
    match fault.kind {
        FaultKind::Fail => {
            let status = fault
                .status
                .and_then(|status| StatusCode::from_u16(status).ok());
            let status = status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            failure(fault, status, fault.retry_after_s)
        }
        FaultKind::RateLimit => failure(
            fault,
            StatusCode::TOO_MANY_REQUESTS,
            Some(fault.retry_after_s.unwrap_or(1)),
        ),
        FaultKind::Hang => {
            match fault.delay() {
                Some(delay) => wait(cloud, sleep(delay)).await,
                None => wait(cloud, future::pending()).await,
            }
            no_answer()
        }
        FaultKind::ApplyWithoutAnswer => {
            if let Err(refusal) = apply() {
                tracing::warn!(%refusal, "the call that is applied without an answer was refused");
            }
            wait(cloud, sleep(fault.delay().unwrap_or_default())).await;
            no_answer()
        }
        FaultKind::Slow => {
            wait(cloud, sleep(fault.delay().unwrap_or(SLOW))).await;
            respond(apply())
        }
        FaultKind::FailOperation => respond(Ok(json!(failing_operation(call, route, fault)))),
        FaultKind::EditAnswer => respond(apply().map(|mut answer| {
            fault.edits.iter().for_each(|edit| edit.apply(&mut answer));
            answer
        })),
    }
}

/// An operation about the call's resource that will fail.
fn failing_operation(call: &Call<'_>, route: &Route, fault: &Fault) -> Operation {
    let id = call.id("id").unwrap_or_else(|_| Uuid::new_v4());
    let mut state = call.cloud.state();
    let link = format!("/v2{}", route.path);
    let operation = state
        .operations
        .begin_at(id, link, route.operation.to_owned());
    let failure = OperationFailure {
        reason: fault
            .reason
            .clone()
            .map_or("unavailable".into(), Into::into),
        message: fault.message.clone().unwrap_or_else(|| AS_ASKED.to_owned()),
    };
    call.cloud
        .finish_after(operation.id, Vec::new(), |_| Err(failure));
    operation
}

/// Waits, but not longer than the cloud runs.
async fn wait(cloud: &Cloud, time: impl Future<Output = ()>) {
    let _ = cloud.stopping.run_until_cancelled(time).await;
}

fn failure(fault: &Fault, status: StatusCode, retry_after: Option<u64>) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    if let Some(seconds) = retry_after {
        response.insert_header((header::RETRY_AFTER, seconds));
    }
    let message = fault.message.as_deref().unwrap_or(AS_ASKED);
    response.json(json!({ "message": message }))
}

/// Closes the connection: the body fails before the head was sent.
fn no_answer() -> HttpResponse {
    let broken = stream::once(future::ready(Err::<web::Bytes, _>(io::Error::from(
        io::ErrorKind::ConnectionAborted,
    ))));
    HttpResponse::Ok().body(BodyStream::new(broken))
}

fn respond(answer: Answer) -> HttpResponse {
    match answer {
        Ok(body) => HttpResponse::Ok().json(body),
        Err(refusal) => refuse(&refusal),
    }
}

/// The API's form of an error.
pub(super) fn refuse(refusal: &Refusal) -> HttpResponse {
    #[derive(Serialize)]
    struct Message {
        message: String,
    }
    let status =
        StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status).json(Message {
        message: refusal.to_string(),
    })
}
