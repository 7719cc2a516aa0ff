//! `/reverse-dns/instance` and `/reverse-dns/elastic-ip`.

use exoscale::ids::{ElasticIpId, InstanceId};
use serde::Deserialize;
use serde_json::json;

use super::{
    super::{cloud::State, elastic_ips, instances, refusal::Refusal},
    field::Text,
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/reverse-dns/instance/{id}",
        operation: "get-reverse-dns-instance",
        handler: |call| answer(of_instance(&call.cloud.state(), call.id("id")?)?),
    },
    Route {
        method: "POST",
        path: "/reverse-dns/instance/{id}",
        operation: "update-reverse-dns-instance",
        handler: update_of_instance,
    },
    Route {
        method: "DELETE",
        path: "/reverse-dns/instance/{id}",
        operation: "delete-reverse-dns-instance",
        handler: |call| {
            let id = call.id("id")?;
            answer(of_instance(&call.cloud.state(), id)?)?;
            Ok(json!(instances::set_reverse_dns(call.cloud, id, None)?))
        },
    },
    Route {
        method: "GET",
        path: "/reverse-dns/elastic-ip/{id}",
        operation: "get-reverse-dns-elastic-ip",
        handler: |call| answer(of_elastic_ip(&call.cloud.state(), call.id("id")?)?),
    },
    Route {
        method: "POST",
        path: "/reverse-dns/elastic-ip/{id}",
        operation: "update-reverse-dns-elastic-ip",
        handler: |call| {
            let name = call.body::<UpdateReverseDns>()?.name();
            let id = call.id("id")?;
            Ok(json!(elastic_ips::set_reverse_dns(call.cloud, id, name)?))
        },
    },
    Route {
        method: "DELETE",
        path: "/reverse-dns/elastic-ip/{id}",
        operation: "delete-reverse-dns-elastic-ip",
        handler: |call| {
            let id = call.id("id")?;
            answer(of_elastic_ip(&call.cloud.state(), id)?)?;
            Ok(json!(elastic_ips::set_reverse_dns(call.cloud, id, None)?))
        },
    },
];

/// `update-reverse-dns-instance` and `update-reverse-dns-elastic-ip`. An empty name, or none, takes
/// the record away.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct UpdateReverseDns {
    domain_name: Option<DomainName>,
}

impl UpdateReverseDns {
    fn name(self) -> Option<String> {
        let name = self.domain_name.map(|DomainName(name)| name);
        name.filter(|name| !name.is_empty())
    }
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "Text<0, 253>")]
struct DomainName(String);

impl TryFrom<Text<0, 253>> for DomainName {
    type Error = &'static str;

    /// RFC 1123: labels of letters, digits and inner hyphens. One dot may end the name.
    fn try_from(Text(name): Text<0, 253>) -> Result<Self, &'static str> {
        let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(is_sign)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let plain = name.strip_suffix('.').unwrap_or(&name);
        if name.is_empty() || plain.split('.').all(is_label) {
            Ok(Self(name))
        } else {
            Err("must be a domain name such as www.example.com")
        }
    }
}

/// The name, if there is one, and whose it is.
type Found = (Option<String>, String);

fn of_instance(state: &State, id: InstanceId) -> Result<Found, Refusal> {
    let found = state.instances.get(&id);
    let found = found.ok_or_else(|| Refusal::not_found("instance", id))?;
    Ok((found.reverse_dns.clone(), format!("of instance {id}")))
}

fn of_elastic_ip(state: &State, id: ElasticIpId) -> Result<Found, Refusal> {
    let found = state.elastic_ips.get(&id);
    let found = found.ok_or_else(|| Refusal::not_found("elastic-ip", id))?;
    Ok((found.reverse_dns.clone(), format!("of elastic-ip {id}")))
}

fn answer((name, whose): Found) -> Answer {
    match name {
        Some(name) => Ok(json!({ "domain-name": name })),
        None => Err(Refusal::not_found("reverse-dns record", whose)),
    }
}

fn update_of_instance(call: &Call<'_>) -> Answer {
    let name = call.body::<UpdateReverseDns>()?.name();
    let id: InstanceId = call.id("id")?;
    // Where there is no record, taking it away changes nothing.
    let (before, _) = of_instance(&call.cloud.state(), id)?;
    let operation = match (name, before) {
        (None, None) => {
            let mut state = call.cloud.state();
            call.cloud
                .complete(&mut state, "reverse-dns/instance", id.0)
        }
        (name, _) => instances::set_reverse_dns(call.cloud, id, name)?,
    };
    Ok(json!(operation))
}
