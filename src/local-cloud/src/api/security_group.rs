//! `/security-group`.

use std::{net::IpAddr, str::FromStr};

use serde_json::json;
use uuid::Uuid;

use super::{
    super::{
        refusal::Refusal,
        security_groups::{self, KIND, SecurityGroupRule},
    },
    body::{Fields, Form},
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/security-group",
        operation: "list-security-groups",
        handler: list,
    },
    Route {
        method: "POST",
        path: "/security-group",
        operation: "create-security-group",
        handler: create,
    },
    Route {
        method: "GET",
        path: "/security-group/{id}",
        operation: "get-security-group",
        handler: get,
    },
    Route {
        method: "DELETE",
        path: "/security-group/{id}",
        operation: "delete-security-group",
        handler: |call| Ok(json!(security_groups::delete(call.cloud, call.id("id")?)?)),
    },
    Route {
        method: "POST",
        path: "/security-group/{id}/rules",
        operation: "add-rule-to-security-group",
        handler: add_rule,
    },
    Route {
        method: "DELETE",
        path: "/security-group/{id}/rules/{rule-id}",
        operation: "delete-rule-from-security-group",
        handler: delete_rule,
    },
    Route {
        method: "PUT",
        path: "/security-group/{id}:add-source",
        operation: "add-external-source-to-security-group",
        handler: |call| sources(call, true),
    },
    Route {
        method: "PUT",
        path: "/security-group/{id}:remove-source",
        operation: "remove-external-source-from-security-group",
        handler: |call| sources(call, false),
    },
    Route {
        method: "PUT",
        path: "/security-group/{id}:attach",
        operation: "attach-instance-to-security-group",
        handler: |call| membership(call, true),
    },
    Route {
        method: "PUT",
        path: "/security-group/{id}:detach",
        operation: "detach-instance-from-security-group",
        handler: |call| membership(call, false),
    },
];

const PROTOCOLS: [&str; 8] = ["tcp", "udp", "icmp", "icmpv6", "ah", "esp", "gre", "ipip"];

/// Exoscale's own groups ("public") are not served.
fn list(call: &Call<'_>) -> Answer {
    let visibility = call.query_one_of("visibility", &["private", "public"])?;
    let state = call.cloud.state();
    let groups = state.security_groups.values();
    let groups: Vec<_> = groups.filter(|_| visibility != Some("public")).collect();
    Ok(json!({ "security-groups": groups }))
}

fn get(call: &Call<'_>) -> Answer {
    let id = call.id("id")?;
    let state = call.cloud.state();
    let group = state.security_groups.get(&id);
    Ok(json!(group.ok_or_else(|| Refusal::not_found(KIND, id))?))
}

fn create(call: &Call<'_>) -> Answer {
    let fields = call.fields(&["name", "description"])?;
    let name = fields.require("name", fields.text("name", 1..=255)?)?;
    let description = fields.text("description", 0..=255)?;
    let description = description.filter(|text| !text.is_empty());
    Ok(json!(security_groups::create(
        call.cloud,
        name,
        description
    )?))
}

fn add_rule(call: &Call<'_>) -> Answer {
    let fields = call.fields(&[
        "flow-direction",
        "description",
        "network",
        "security-group",
        "protocol",
        "icmp",
        "start-port",
        "end-port",
    ])?;
    let direction = fields.one_of("flow-direction", &["ingress", "egress"])?;
    let protocol = fields.one_of("protocol", &PROTOCOLS)?;
    let description = fields.text("description", 0..=255)?;
    let rule = SecurityGroupRule {
        id: Uuid::new_v4(),
        description: description.filter(|text| !text.is_empty()),
        flow_direction: fields.require("flow-direction", direction)?,
        protocol: fields.require("protocol", protocol)?,
        start_port: fields.port("start-port")?,
        end_port: fields.port("end-port")?,
        icmp: fields.kept("icmp", Form::Object)?,
        network: network(&fields, "network")?,
        security_group: None,
    };
    check(&rule)?;
    let source = fields.reference("security-group")?;
    if source.is_some() == rule.network.is_some() {
        let problem = "give either a network or a security-group";
        return Err(Refusal::invalid("network", problem));
    }
    Ok(json!(security_groups::add_rule(
        call.cloud,
        call.id("id")?,
        rule,
        source
    )?))
}

/// Which fields a rule must have depends on its protocol.
fn check(rule: &SecurityGroupRule) -> Result<(), Refusal> {
    if ["tcp", "udp"].contains(&rule.protocol) {
        let (Some(first), Some(last)) = (rule.start_port, rule.end_port) else {
            let problem = format!("and end-port are needed for {}", rule.protocol);
            return Err(Refusal::invalid("start-port", problem));
        };
        if first > last {
            return Err(Refusal::invalid(
                "end-port",
                format!("is below start-port {first}"),
            ));
        }
    } else if rule.start_port.is_some() || rule.end_port.is_some() {
        let problem = format!("makes no sense for {}", rule.protocol);
        return Err(Refusal::invalid("start-port", problem));
    }
    Ok(())
}

/// A network such as `10.0.0.0/8`, or nothing.
fn network(fields: &Fields, name: &str) -> Result<Option<String>, Refusal> {
    let text = fields.text(name, 1..=64)?;
    if text.as_deref().is_some_and(|text| !is_network(text)) {
        return Err(Refusal::invalid(
            name,
            "must be a network such as 10.0.0.0/8",
        ));
    }
    Ok(text)
}

fn is_network(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else {
        return false;
    };
    let Ok(length) = u8::from_str(length) else {
        return false;
    };
    match address.parse() {
        Ok(IpAddr::V4(_)) => length <= 32,
        Ok(IpAddr::V6(_)) => length <= 128,
        Err(_) => false,
    }
}

fn delete_rule(call: &Call<'_>) -> Answer {
    let (id, rule) = (call.id("id")?, call.id("rule-id")?);
    Ok(json!(security_groups::delete_rule(call.cloud, id, rule)?))
}

fn sources(call: &Call<'_>, add: bool) -> Answer {
    let fields = call.fields(&["cidr"])?;
    let cidr = fields.require("cidr", network(&fields, "cidr")?)?;
    let operation = security_groups::change_sources(call.cloud, call.id("id")?, |sources| {
        sources.retain(|source| *source != cidr);
        if add {
            sources.push(cidr);
        }
    })?;
    Ok(json!(operation))
}

fn membership(call: &Call<'_>, attach: bool) -> Answer {
    let fields = call.fields(&["instance"])?;
    let instance = fields.require("instance", fields.reference("instance")?)?;
    let id = call.id("id")?;
    let operation = security_groups::change_membership(call.cloud, id, instance, attach)?;
    Ok(json!(operation))
}
