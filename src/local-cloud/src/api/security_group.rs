//! `/security-group`.

use exoscale::ids::{InstanceId, SecurityGroupId};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    super::{
        refusal::Refusal,
        security_groups::{
            self, FlowDirection, KIND, Protocol, SecurityGroupRule, SourceName, Visibility,
        },
    },
    body::Object,
    field::{Description, Id, Name, Network, Port, Reference, Word},
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

/// `create-security-group`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateSecurityGroup {
    name: Name,
    description: Option<Description>,
}

/// `add-rule-to-security-group`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct AddRule {
    flow_direction: Word<FlowDirection>,
    protocol: Word<Protocol>,
    description: Option<Description>,
    network: Option<Network>,
    security_group: Option<SourceGroup>,
    icmp: Option<Map<String, Value>>,
    start_port: Option<Port>,
    end_port: Option<Port>,
}

/// The group that a rule lets in. Further fields are ignored, since clients send whole objects.
#[derive(Debug)]
struct SourceGroup(SourceName, Option<Visibility>);

impl<'de> Deserialize<'de> for SourceGroup {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            id: Option<Id<SecurityGroupId>>,
            name: Option<Name>,
            visibility: Option<Word<Visibility>>,
        }

        let Object(fields) = Object::<Fields>::deserialize(deserializer)?;
        let name = match (fields.id, fields.name) {
            (Some(Id(id)), _) => SourceName::Id(id),
            (None, Some(name)) => SourceName::Name(name.0),
            (None, None) => return Err(D::Error::missing_field("id")),
        };
        Ok(Self(name, fields.visibility.map(|word| word.0)))
    }
}

/// `add-external-source-to-security-group`, and its removal.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExternalSource {
    cidr: Network,
}

/// `attach-instance-to-security-group` and `detach-instance-from-security-group`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Membership {
    instance: Reference<InstanceId>,
}

/// The account's own groups unless Exoscale's are asked for.
fn list(call: &Call<'_>) -> Answer {
    let visibility = call.query_one_of("visibility", &["private", "public"])?;
    if visibility == Some("public") {
        return Ok(json!({ "security-groups": security_groups::PUBLIC }));
    }
    let state = call.cloud.state();
    let groups: Vec<_> = state.security_groups.values().collect();
    Ok(json!({ "security-groups": groups }))
}

fn get(call: &Call<'_>) -> Answer {
    let id = call.id("id")?;
    let state = call.cloud.state();
    let group = state.security_groups.get(&id);
    Ok(json!(group.ok_or_else(|| Refusal::not_found(KIND, id))?))
}

fn create(call: &Call<'_>) -> Answer {
    let body: CreateSecurityGroup = call.body()?;
    Ok(json!(security_groups::create(
        call.cloud,
        body.name.0,
        Description::text(body.description)
    )?))
}

fn add_rule(call: &Call<'_>) -> Answer {
    let body: AddRule = call.body()?;
    let rule = SecurityGroupRule {
        id: Uuid::new_v4(),
        description: Description::text(body.description),
        flow_direction: body.flow_direction.0,
        protocol: body.protocol.0,
        start_port: body.start_port.map(|port| port.0),
        end_port: body.end_port.map(|port| port.0),
        icmp: body.icmp.map(Value::Object),
        network: body.network.map(|network| network.0),
        security_group: None,
    };
    check(&rule)?;
    let source = body
        .security_group
        .map(|SourceGroup(name, visibility)| (name, visibility));
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
    if matches!(rule.protocol, Protocol::Tcp | Protocol::Udp) {
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

fn delete_rule(call: &Call<'_>) -> Answer {
    let (id, rule) = (call.id("id")?, call.id("rule-id")?);
    Ok(json!(security_groups::delete_rule(call.cloud, id, rule)?))
}

fn sources(call: &Call<'_>, add: bool) -> Answer {
    let Network(cidr) = call.body::<ExternalSource>()?.cidr;
    let operation = security_groups::change_sources(call.cloud, call.id("id")?, |sources| {
        sources.retain(|source| *source != cidr);
        if add {
            sources.push(cidr);
        }
    })?;
    Ok(json!(operation))
}

fn membership(call: &Call<'_>, attach: bool) -> Answer {
    let Reference(instance) = call.body::<Membership>()?.instance;
    let id = call.id("id")?;
    let operation = security_groups::change_membership(call.cloud, id, instance, attach)?;
    Ok(json!(operation))
}
