//! `/_local`: what the real API does not have. Status, faults, metadata, environment.

use std::sync::Arc;

use actix_web::HttpResponse;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use exoscale::{ids::InstanceId, models::PoolErrorReason};
use serde_json::{Value, json};

use super::{
    super::{
        cloud::Cloud,
        environment,
        faults::{Fault, FaultKind},
        refusal::Refusal,
        shortage,
        status::Status,
    },
    http::refuse,
};

/// Answers a call below `/_local/`.
pub(super) fn answer(cloud: &Arc<Cloud>, method: &str, path: &str, body: &[u8]) -> HttpResponse {
    match (method, path) {
        ("GET", "status") => HttpResponse::Ok().json(Status::of(cloud)),
        ("GET", "environment") => text(environment::environment(cloud)),
        ("GET", "faults") => HttpResponse::Ok().json(cloud.faults.left()),
        ("PUT", "faults") => set_faults(cloud, body),
        ("DELETE", "faults") => {
            cloud.faults.clear();
            HttpResponse::Ok().json(cloud.faults.left())
        }
        ("GET", "shortage") => HttpResponse::Ok().json(&cloud.state().shortage),
        ("PUT", "shortage") => set_shortage(cloud, body),
        ("DELETE", "shortage") => {
            shortage::set(cloud, None);
            HttpResponse::Ok().json(Value::Null)
        }
        ("GET", path) => match path
            .strip_prefix("metadata/")
            .map(|rest| metadata(cloud, rest))
        {
            Some(Ok(data)) => HttpResponse::Ok()
                .content_type("application/octet-stream")
                .body(data),
            Some(Err(refusal)) => refuse(&refusal),
            None => unknown(method, path),
        },
        _ => unknown(method, path),
    }
}

fn unknown(method: &str, path: &str) -> HttpResponse {
    refuse(&Refusal::Unsupported(format!("{method} /_local/{path}")))
}

fn text(body: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body(body)
}

fn set_faults(cloud: &Cloud, body: &[u8]) -> HttpResponse {
    let faults: Vec<Fault> = match serde_json::from_slice(body) {
        Ok(faults) => faults,
        Err(error) => {
            return refuse(&Refusal::invalid(
                "body",
                format!("is no list of faults: {error}"),
            ));
        }
    };
    if let Some(refusal) = faults.iter().find_map(|fault| check(fault).err()) {
        return refuse(&refusal);
    }
    cloud.faults.set(faults);
    HttpResponse::Ok().json(json!(cloud.faults.left()))
}

fn check(fault: &Fault) -> Result<(), Refusal> {
    let route = super::routes().find(|route| route.operation == fault.operation);
    if route.is_none() && fault.operation != "*" {
        let problem = format!("{:?} is not an operation that is served", fault.operation);
        return Err(Refusal::invalid("operation", problem));
    }
    let is_error = |status: u16| (400..=599).contains(&status);
    if fault.status.is_some_and(|status| !is_error(status)) {
        return Err(Refusal::invalid("status", "must be from 400 to 599"));
    }
    let changes = route.is_some_and(|route| route.method != "GET");
    if fault.kind == FaultKind::FailOperation && !changes {
        let problem = "must be one that changes something, for fail-operation";
        return Err(Refusal::invalid("operation", problem));
    }
    if let Some(edit) = fault.edits.iter().find(|edit| !edit.is_well_formed()) {
        let problem = format!(
            "{:?} is no JSON pointer such as /services/*/name",
            edit.path
        );
        return Err(Refusal::invalid("edits.path", problem));
    }
    if fault.kind == FaultKind::EditAnswer && fault.edits.is_empty() {
        return Err(Refusal::invalid("edits", "must name at least one change"));
    }
    Ok(())
}

fn set_shortage(cloud: &Arc<Cloud>, body: &[u8]) -> HttpResponse {
    match serde_json::from_slice::<PoolErrorReason>(body) {
        Ok(reason) => {
            let response = HttpResponse::Ok().json(&reason);
            shortage::set(cloud, Some(reason));
            response
        }
        Err(error) => refuse(&Refusal::invalid(
            "body",
            format!("is no object with type and message: {error}"),
        )),
    }
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
            let encoded = instance.settings.user_data.as_deref().ok_or_else(absent)?;
            // It was checked when the pool took it.
            BASE64_STANDARD.decode(encoded).map_err(|_| absent())
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
