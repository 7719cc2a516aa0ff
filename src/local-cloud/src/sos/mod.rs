//! SOS, Exoscale's object storage: as much of S3 as keeps small objects, with conditional writes.
//!
//! Buckets are in the path. Uploads in parts and in signed chunks, versions, ACLs, tags and bucket
//! policies are answered `NotImplemented`. Keys and IAM roles are those of the API.

mod answers;
mod error;
mod listing;
mod operation;
mod signature;
mod store;

use std::{io, net::TcpListener, sync::Arc};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::{Method, StatusCode, header},
    web,
};
use exoscale::signature::query_arguments;
use futures_util::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::json;
use uuid::Uuid;

use super::{
    api::{no_answer, wait_while_serving},
    clients,
    cloud::Cloud,
    faults::{Fault, FaultKind},
    iam::{self, Rights},
    requests::{Recording, Request as Noted},
};
use error::Refusal;
use operation::Target;
use signature::Request;

pub(super) use operation::OPERATIONS;
pub(super) use store::Store;

/// The class of services in a role's policy.
const CLASS: &str = "sos";

/// A byte beyond the largest object, so that a larger one is refused in S3's words.
const MAX_BODY: usize = store::MAX_OBJECT + 1;

/// What a fault says unless it is told what to say.
const AS_ASKED: &str = "The local cloud fails this request as asked.";

/// Serves SOS on a thread of its own until the handle stops it.
pub(super) fn serve(cloud: &Arc<Cloud>, listener: TcpListener) -> io::Result<ServerHandle> {
    let shared = web::Data::from(Arc::clone(cloud));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
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
            tracing::error!(%error, "the local cloud's SOS ended");
        }
    }));
    Ok(handle)
}

async fn handle(
    request: HttpRequest,
    mut payload: web::Payload,
    cloud: web::Data<Cloud>,
) -> HttpResponse {
    let mut body = web::BytesMut::new();
    while let Some(part) = payload.next().await {
        let Ok(part) = part else {
            return no_answer();
        };
        if body.len() < MAX_BODY {
            let rest = MAX_BODY - body.len();
            body.extend_from_slice(&part[..part.len().min(rest)]);
        }
    }
    let user_agent = request.headers().get(header::USER_AGENT);
    let user_agent = user_agent.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let client = clients::name(user_agent.as_deref());
    let (method, path) = (request.method().as_str(), request.path());
    let noted = Noted::new(&client, user_agent.as_deref(), method, path);
    let noted = cloud.requests.begin(noted);
    let answer = answer(&cloud, &request, &body, &client, &noted).await;
    if let Some(answer) = &answer {
        noted.answered(answer.status().as_u16());
    }
    answer.unwrap_or_else(no_answer)
}

/// `None` is no answer at all.
async fn answer(
    cloud: &Arc<Cloud>,
    request: &HttpRequest,
    body: &[u8],
    client: &str,
    noted: &Recording<'_>,
) -> Option<HttpResponse> {
    let id = Uuid::new_v4().simple().to_string();
    let path = request.uri().path();
    let result = call(cloud, request, body, client, noted, &id).await;
    let mut answer = match result {
        Ok(answer) => answer?,
        Err(refusal) => answers::refuse(refusal, path, &id),
    };
    if let Ok(id) = header::HeaderValue::from_str(&id) {
        let name = header::HeaderName::from_static("x-amz-request-id");
        answer.headers_mut().insert(name, id);
    }
    if request.method() == Method::HEAD && !answer.status().is_success() {
        answer = answer.set_body(actix_web::body::BoxBody::new(()));
    }
    Some(answer)
}

async fn call(
    cloud: &Arc<Cloud>,
    request: &HttpRequest,
    body: &[u8],
    client: &str,
    noted: &Recording<'_>,
    id: &str,
) -> Result<Option<HttpResponse>, Refusal> {
    let query = query_arguments(request.query_string());
    let headers = headers(request);
    let signed = Request {
        method: request.method().as_str(),
        path: request.uri().path(),
        query: &query,
        headers: &headers,
        body,
    };
    let secret_of = |key: &str| iam::secret_of(cloud, key);
    let now = Timestamp::now().as_second();
    let key = signature::verify(signed, secret_of, now)?.to_owned();
    let path = percent_decode_str(signed.path).decode_utf8();
    let path = path.map_err(|_| Refusal::InvalidArgument)?;
    let target = Target::of(signed.method, &path, &query)?;
    noted.operation(target.operation);
    cloud.count(target.operation);
    let peer = request.peer_addr().map(|peer| peer.ip().to_string());
    authorise(cloud, target, &key, peer.as_deref())?;
    let perform = || {
        let mut store = cloud.sos.lock();
        let done = operation::perform(&mut store, target, signed, &cloud.config.zone);
        drop(store);
        tell(client, target, done.as_ref().err());
        done
    };
    let Some(fault) = cloud.faults.take(target.operation, Some(&key)) else {
        return perform().map(Some);
    };
    noted.fault(fault.kind);
    tracing::info!(client, operation = target.operation, kind = ?fault.kind, "misbehaves as asked");
    misbehave(cloud, &fault, signed.path, id, perform).await
}

async fn misbehave(
    cloud: &Cloud,
    fault: &Fault,
    resource: &str,
    id: &str,
    perform: impl FnOnce() -> Result<HttpResponse, Refusal>,
) -> Result<Option<HttpResponse>, Refusal> {
    let fail = |status: StatusCode, retry_after: Option<u64>| {
        let message = fault.message.as_deref().unwrap_or(AS_ASKED);
        let code = error::code_of(status);
        let mut answer = answers::error(status, code, message, resource, id);
        if let Some(seconds) = retry_after {
            let headers = answer.headers_mut();
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        Ok(Some(answer))
    };
    match fault.kind {
        FaultKind::Fail => {
            let status = fault.status.and_then(|s| StatusCode::from_u16(s).ok());
            let status = status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            fail(status, fault.retry_after_s)
        }
        FaultKind::RateLimit => {
            let seconds = fault.retry_after_s.unwrap_or(1);
            fail(StatusCode::TOO_MANY_REQUESTS, Some(seconds))
        }
        FaultKind::Hang => {
            wait_while_serving(cloud, fault.delay()).await;
            Ok(None)
        }
        FaultKind::ApplyWithoutAnswer => {
            let _ = perform();
            wait_while_serving(cloud, Some(fault.delay().unwrap_or_default())).await;
            Ok(None)
        }
        FaultKind::Slow => {
            wait_while_serving(cloud, Some(fault.delay_when_slow())).await;
            perform().map(Some)
        }
        // They are refused for SOS; `*` leads here all the same.
        FaultKind::FailOperation | FaultKind::EditAnswer => perform().map(Some),
    }
}

/// Names in lower case.
fn headers(request: &HttpRequest) -> Vec<(String, String)> {
    let headers = request.headers().iter();
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect()
}

/// Refuses what the organization's policy or the key's role does not allow.
fn authorise(
    cloud: &Cloud,
    target: Target<'_>,
    key: &str,
    source_ip: Option<&str>,
) -> Result<(), Refusal> {
    let Rights { organization, role } = iam::rights_of(&cloud.state(), key);
    let bindings = json!({
        "api_key": key,
        "now": Timestamp::now().to_string(),
        "operation": target.operation,
        "parameters": { "bucket": target.bucket, "key": target.key },
        "resources": { "bucket": target.bucket, "key": target.key },
        "service": CLASS,
        "source_ip": source_ip,
        "zone": cloud.config.zone,
    });
    let mut policies = [Some(organization), role].into_iter().flatten();
    if policies.all(|policy| policy.allows_of(CLASS, &bindings)) {
        Ok(())
    } else {
        Err(Refusal::AccessDenied)
    }
}

/// A change is a line at level info, all else one at debug.
fn tell(client: &str, target: Target<'_>, refusal: Option<&Refusal>) {
    let Target {
        operation,
        bucket,
        key,
    } = target;
    let (bucket, key) = (clients::plain(bucket, 80), clients::plain(key, 80));
    let changes = OPERATIONS.contains(&(operation, true));
    match refusal {
        None if changes && key.is_empty() => tracing::info!("{client}: {operation} {bucket}"),
        None => tracing::debug!("{client}: {operation} {bucket}/{key}"),
        Some(refusal) => {
            let code = refusal.code();
            tracing::debug!("{client} was refused {operation} {bucket}/{key}: {code}");
        }
    }
}
