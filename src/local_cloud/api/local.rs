//! `/_local`: what the real API does not have. Status, faults, metadata, environment.

use std::sync::Arc;

use actix_web::HttpResponse;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;

use crate::exoscale::ids::InstanceId;

use super::{
    super::{cloud::Cloud, environment, faults::Fault, refusal::Refusal, status::Status},
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
    for fault in &faults {
        let known = fault.operation == "*"
            || super::routes().any(|route| route.operation == fault.operation);
        if !known {
            let problem = format!("{:?} is not an operation that is served", fault.operation);
            return refuse(&Refusal::invalid("operation", problem));
        }
        if fault
            .status
            .is_some_and(|status| !(400..=599).contains(&status))
        {
            return refuse(&Refusal::invalid("status", "must be from 400 to 599"));
        }
    }
    cloud.faults.set(faults);
    HttpResponse::Ok().json(json!(cloud.faults.left()))
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
        "meta-data/public-ipv4" if instance.booted => Ok(instance.ip.to_string().into_bytes()),
        "meta-data/availability-zone" => Ok(cloud.config.zone.clone().into_bytes()),
        _ => Err(absent()),
    }
}
