//! The API over HTTP: finds the operation of a call, checks who calls, and answers.
//!
//! To serve another resource, write one file with its `ROUTES` and name it here.

mod anti_affinity_group;
mod api_key;
mod body;
#[cfg(test)]
mod document;
mod elastic_ip;
mod field;
mod http;
mod iam_organization_policy;
mod iam_role;
mod instance;
mod instance_access;
mod instance_change;
mod instance_pool;
mod instance_type;
mod instance_view;
mod load_balancer;
mod load_balancer_service;
mod local;
mod local_faults;
mod machine;
mod misbehaviour;
mod operation;
mod origin;
mod page;
mod perform;
mod private_network;
mod product;
mod quota;
mod reverse_dns;
mod rights;
mod route;
mod security_group;
mod snapshot;
mod ssh_key;
mod template;
mod zone;

pub(super) use http::{no_answer, serve};
pub(super) use misbehaviour::wait_while_serving;

use std::sync::Arc;

use serde_json::Value;

use super::{cloud::Cloud, refusal::Refusal, sos};
use route::{Call, Route};

/// All operations that are served.
fn routes() -> impl Iterator<Item = &'static Route> {
    [
        anti_affinity_group::ROUTES,
        api_key::ROUTES,
        elastic_ip::ROUTES,
        iam_organization_policy::ROUTES,
        iam_role::ROUTES,
        instance::ROUTES,
        instance_access::ROUTES,
        instance_change::ROUTES,
        instance_pool::ROUTES,
        instance_type::ROUTES,
        load_balancer::ROUTES,
        load_balancer_service::ROUTES,
        operation::ROUTES,
        private_network::ROUTES,
        quota::ROUTES,
        reverse_dns::ROUTES,
        security_group::ROUTES,
        snapshot::ROUTES,
        ssh_key::ROUTES,
        template::ROUTES,
        zone::ROUTES,
    ]
    .into_iter()
    .flatten()
}

/// The kinds of resources that can be made, as their paths name them.
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    let made = routes().filter(|route| route.method == "POST");
    let paths = made.filter_map(|route| route.path.strip_prefix('/'));
    paths.filter(|path| !path.contains(['/', '{', ':']))
}

/// The ids of all operations that are served, as the API's description names them.
pub fn operations_served() -> impl Iterator<Item = &'static str> {
    routes().map(|route| route.operation)
}

/// The method and the path of each call that is not of Exoscale's API: the page, and what is below
/// `/_local`.
pub fn local_paths_served() -> impl Iterator<Item = (&'static str, String)> {
    local::paths()
}

/// Those of the API, and those of SOS.
fn operations_with_sos() -> impl Iterator<Item = &'static str> {
    let of_sos = sos::OPERATIONS.iter().map(|(operation, _)| *operation);
    operations_served().chain(of_sos)
}

/// Carries out a call that `client` makes without HTTP, as if it were let in.
pub(super) fn invoke(
    cloud: &Arc<Cloud>,
    client: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> Result<Value, Refusal> {
    let found = routes().find_map(|route| Some((route, route.matches(method, path)?)));
    let (route, arguments) =
        found.ok_or_else(|| Refusal::Unsupported(format!("{method} /v2{path}")))?;
    let body = match body {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    let call = Call {
        cloud,
        arguments,
        zone: None,
        by_name: false,
        peer: None,
        query: &[],
        body: &body,
    };
    perform::perform(&call, route, client)
}

/// Reads a body as each type that has fields of its own kind, and does nothing about it.
pub(super) fn read_body(bytes: &[u8]) {
    let _ = body::read::<elastic_ip::CreateElasticIp>(bytes);
    let _ = body::read::<iam_role::CreateRole>(bytes);
    let _ = body::read::<instance_pool::UpdatePool>(bytes);
    let _ = body::read::<load_balancer_service::AddService>(bytes);
    let _ = body::read::<private_network::CreatePrivateNetwork>(bytes);
    let _ = body::read::<reverse_dns::UpdateReverseDns>(bytes);
    let _ = body::read::<security_group::AddRule>(bytes);
    let _ = body::read::<template::RegisterTemplate>(bytes);
}
