//! Calls that go wrong as a fault says.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
};
use exoscale::models::Operation;
use futures_util::future;
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    super::{
        cloud::Cloud,
        faults::{Fault, FaultKind},
        operations::OperationFailure,
    },
    http::respond,
    perform::perform,
    route::{Call, Route},
};

/// What a fault says unless it is told what to say.
const AS_ASKED: &str = "the local cloud fails this call as asked";

/// Answers as the fault says; `None` closes the connection without an answer.
pub(super) async fn misbehave(
    call: &Call<'_>,
    route: &Route,
    fault: &Fault,
    client: &str,
) -> Option<HttpResponse> {
    let cloud = call.cloud;
    let apply = || perform(call, route, client);
    Some(match fault.kind {
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
            wait_while_serving(cloud, fault.delay()).await;
            return None;
        }
        FaultKind::ApplyWithoutAnswer => {
            if let Err(refusal) = apply() {
                tracing::warn!(%refusal, "the call that is applied without an answer was refused");
            }
            wait_while_serving(cloud, Some(fault.delay().unwrap_or_default())).await;
            return None;
        }
        FaultKind::Slow => {
            wait_while_serving(cloud, Some(fault.delay_when_slow())).await;
            respond(apply())
        }
        FaultKind::FailOperation => respond(Ok(json!(failing_operation(call, route, fault)))),
        FaultKind::EditAnswer => respond(apply().map(|mut answer| {
            fault.edits.iter().for_each(|edit| edit.apply(&mut answer));
            answer
        })),
    })
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

/// Waits, but not longer than the cloud runs; without a time, as long as that.
pub(in super::super) async fn wait_while_serving(cloud: &Cloud, time: Option<Duration>) {
    let time = async {
        match time {
            Some(time) => sleep(time).await,
            None => future::pending().await,
        }
    };
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
