//! HTTP: from a request to a call, and from an answer to a response.

use std::{io, net::TcpListener, sync::Arc};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    body::BodyStream,
    dev::ServerHandle,
    http::{StatusCode, header},
    web,
};
use exoscale::signature::{self, SignedRequest};
use futures_util::{FutureExt as _, future, stream};
use jiff::Timestamp;
use serde::Serialize;

use super::{
    super::{
        clients,
        cloud::Cloud,
        iam,
        intercept::zone_of,
        refusal::Refusal,
        requests::{Recording, Request},
    },
    local,
    misbehaviour::misbehave,
    origin,
    perform::perform,
    product, rights,
    route::{Answer, Call, Route},
    zone,
};

/// The API's largest body is a pool with 32 KiB of user-data.
const MAX_BODY: usize = 1 << 20;

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
    let path = request.path();
    if path == "/" || path.starts_with("/_local/") {
        local::answer(&cloud, &request, &body)
    } else {
        answer(&cloud, &request, &body).await
    }
}

/// Answers a call of the API, and notes it.
async fn answer(cloud: &Arc<Cloud>, request: &HttpRequest, body: &[u8]) -> HttpResponse {
    let user_agent = request.headers().get(header::USER_AGENT);
    let user_agent = user_agent.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let client = clients::name(user_agent.as_deref());
    let (method, path) = (request.method().as_str(), request.path());
    let noted = Request::new(&client, user_agent.as_deref(), method, path);
    let noted = cloud.requests.begin(noted);
    let answer = call(cloud, request, body, &client, &noted).await;
    if let Some(answer) = &answer {
        noted.answered(answer.status().as_u16());
    }
    answer.unwrap_or_else(no_answer)
}

/// `None` is no answer at all.
async fn call(
    cloud: &Arc<Cloud>,
    request: &HttpRequest,
    body: &[u8],
    client: &str,
    noted: &Recording<'_>,
) -> Option<HttpResponse> {
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
        Err(refusal) => return Some(refuse(&refusal)),
    };
    let Some((route, arguments)) = found else {
        return Some(refuse(&Refusal::Unsupported(product::describe(
            method, path,
        ))));
    };
    noted.operation(route.operation);
    cloud.count(route.operation);
    let zone_of_host = zone_of(&origin::requested_host(request));
    let call = Call {
        cloud,
        arguments,
        zone: zone_of_host.or(zone_in_path),
        by_name: zone_of_host.is_some(),
        peer: request.peer_addr().map(|peer| peer.ip()),
        query: &query,
        body,
    };
    if let Some(Err(refusal)) = key.map(|key| rights::authorise(&call, route, key)) {
        return Some(refuse(&refusal));
    }
    if let Some(answer) = zone::elsewhere(&call, route) {
        return Some(respond(answer));
    }
    let Some(fault) = cloud.faults.take(route.operation, key) else {
        return Some(respond(perform(&call, route, client)));
    };
    noted.fault(fault.kind);
    tracing::info!(client, operation = route.operation, kind = ?fault.kind, "misbehaves as asked");
    misbehave(&call, route, &fault, client).await
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

/// Closes the connection: the body fails before the head was sent.
pub(in super::super) fn no_answer() -> HttpResponse {
    let broken = stream::once(future::ready(Err::<web::Bytes, _>(io::Error::from(
        io::ErrorKind::ConnectionAborted,
    ))));
    HttpResponse::Ok().body(BodyStream::new(broken))
}

pub(super) fn respond(answer: Answer) -> HttpResponse {
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
