//! Security groups and their rules. They are kept and answered; no packet is filtered here.

use std::{collections::BTreeMap, fmt, sync::Arc};

use exoscale::{ids::SecurityGroupId, models::Operation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    catalog::stable_id,
    cloud::{Cloud, State},
    references,
    refusal::Refusal,
};

/// The path under which the API serves them.
pub(crate) const KIND: &str = "security-group";

/// The field by which pools and instances name them.
pub(crate) const FIELD: &str = "security-groups";

/// A security group, as the API shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct SecurityGroup {
    pub(crate) id: SecurityGroupId,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) external_sources: Vec<String>,
    pub(crate) rules: Vec<SecurityGroupRule>,
}

/// The group that every account has from its first day. It cannot be deleted.
const DEFAULT: &str = "default";

/// A group of Exoscale's own. It has no id, by which clients tell it from the account's groups;
/// rules name it, and nobody can change it.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct PublicGroup {
    name: &'static str,
    description: &'static str,
    external_sources: [&'static str; 1],
}

/// Here health checks come from this machine.
pub(crate) const PUBLIC: [PublicGroup; 1] = [PublicGroup {
    name: "public-nlb-healthcheck-sources",
    description: "Sources of the health checks of load balancers",
    external_sources: ["127.0.0.0/8"],
}];

/// What a fresh account finds.
pub(crate) fn of_a_fresh_account() -> BTreeMap<SecurityGroupId, SecurityGroup> {
    let group = SecurityGroup {
        id: SecurityGroupId(stable_id(&[KIND, DEFAULT])),
        name: DEFAULT.to_owned(),
        description: Some("Default Security Group".to_owned()),
        external_sources: Vec::new(),
        rules: Vec::new(),
    };
    BTreeMap::from([(group.id, group)])
}

/// How many groups were made over the API.
pub(crate) fn made(state: &State) -> usize {
    let groups = state.security_groups.values();
    groups.filter(|group| group.name != DEFAULT).count()
}

/// Whose group it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Visibility {
    Private,
    Public,
}

/// One rule, as the API shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct SecurityGroupRule {
    pub(crate) id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) flow_direction: FlowDirection,
    pub(crate) protocol: Protocol,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) start_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) icmp: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) security_group: Option<Source>,
}

/// Which traffic a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FlowDirection {
    Ingress,
    Egress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    Icmp,
    Icmpv6,
    Ah,
    Esp,
    Gre,
    Ipip,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The group whose instances a rule lets in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Source {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<SecurityGroupId>,
    pub(crate) name: String,
    pub(crate) visibility: Visibility,
}

/// How a rule names that group: by its id, or by its name.
#[derive(Clone, Debug)]
pub(crate) enum SourceName {
    Id(SecurityGroupId),
    Name(String),
}

/// `POST /security-group`.
pub(crate) fn create(
    cloud: &Arc<Cloud>,
    name: String,
    description: Option<String>,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    if state
        .security_groups
        .values()
        .any(|group| group.name == name)
    {
        return Err(Refusal::Conflict(format!(
            "there is a {KIND} {name:?} already"
        )));
    }
    let id = SecurityGroupId::random();
    let group = SecurityGroup {
        id,
        name,
        description,
        external_sources: Vec::new(),
        rules: Vec::new(),
    };
    state.security_groups.insert(id, group);
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `DELETE /security-group/{id}`; not while something names it.
pub(crate) fn delete(cloud: &Arc<Cloud>, id: SecurityGroupId) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    if find(&mut state, id)?.name == DEFAULT {
        let problem = format!("{KIND} {id} is the account's group {DEFAULT:?}, which stays");
        return Err(Refusal::Forbidden(problem));
    }
    references::check_unused(&state, (KIND, FIELD), id.0)?;
    let source = |group: &&SecurityGroup| {
        let mut sources = group.rules.iter().filter_map(|r| r.security_group.as_ref());
        group.id != id && sources.any(|source| source.id == Some(id))
    };
    if let Some(user) = state.security_groups.values().find(source) {
        return Err(Refusal::Conflict(format!(
            "{KIND} {id} is used by a rule of {KIND} {}",
            user.id
        )));
    }
    state.security_groups.remove(&id);
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `POST /security-group/{id}/rules`. The operation refers to the group; clients find the new rule
/// by reading it.
pub(crate) fn add_rule(
    cloud: &Arc<Cloud>,
    id: SecurityGroupId,
    mut rule: SecurityGroupRule,
    source: Option<(SourceName, Option<Visibility>)>,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let source = source.map(|(name, visibility)| named(&state, &name, visibility));
    rule.security_group = source.transpose()?;
    let group = find(&mut state, id)?;
    let same = |other: &&SecurityGroupRule| {
        SecurityGroupRule {
            id: rule.id,
            ..(*other).clone()
        } == rule
    };
    if let Some(other) = group.rules.iter().find(same) {
        return Err(Refusal::Conflict(format!(
            "{KIND} {id} has this rule already: {}",
            other.id
        )));
    }
    group.rules.push(rule);
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `DELETE /security-group/{id}/rules/{rule-id}`.
pub(crate) fn delete_rule(
    cloud: &Arc<Cloud>,
    id: SecurityGroupId,
    rule: Uuid,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let group = find(&mut state, id)?;
    let before = group.rules.len();
    group.rules.retain(|entry| entry.id != rule);
    if group.rules.len() == before {
        return Err(Refusal::not_found("security-group rule", rule));
    }
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `PUT /security-group/{id}:add-source` and `:remove-source`; each may be repeated.
pub(crate) fn change_sources(
    cloud: &Arc<Cloud>,
    id: SecurityGroupId,
    change: impl FnOnce(&mut Vec<String>),
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    change(&mut find(&mut state, id)?.external_sources);
    Ok(cloud.complete(&mut state, KIND, id.0))
}

/// `PUT /security-group/{id}:attach` and `:detach`, for instances of no pool.
pub(crate) fn change_membership(
    cloud: &Arc<Cloud>,
    id: SecurityGroupId,
    instance: exoscale::ids::InstanceId,
    attach: bool,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    find(&mut state, id)?;
    let settings = super::standalone::settings_of(&mut state, instance)?;
    let entry = settings.further.entry(FIELD).or_insert_with(|| json!([]));
    if let Some(groups) = entry.as_array_mut() {
        let reference = json!({ "id": id });
        let member = groups.contains(&reference);
        if attach && !member {
            groups.push(reference);
        } else if !attach && member {
            groups.retain(|group| *group != reference);
        } else if !attach {
            return Err(Refusal::not_found("security-group of the instance", id));
        }
    }
    Ok(cloud.complete(&mut state, KIND, id.0))
}

fn find(state: &mut State, id: SecurityGroupId) -> Result<&mut SecurityGroup, Refusal> {
    let group = state.security_groups.get_mut(&id);
    group.ok_or_else(|| Refusal::not_found(KIND, id))
}

/// The group that a rule names, among those of the visibility if it says one.
fn named(
    state: &State,
    name: &SourceName,
    visibility: Option<Visibility>,
) -> Result<Source, Refusal> {
    let mut own = state
        .security_groups
        .values()
        .filter(|_| visibility != Some(Visibility::Public));
    let mut public = PUBLIC
        .iter()
        .filter(|_| visibility != Some(Visibility::Private));
    let (own, public, field, said) = match name {
        SourceName::Id(id) => {
            let own = own.find(|group| group.id == *id);
            (own, None, "id", id.to_string())
        }
        SourceName::Name(name) => {
            let own = own.find(|group| group.name == *name);
            let public = public.find(|group| group.name == name);
            (own, public, "name", format!("{name:?}"))
        }
    };
    if let Some(group) = own {
        return Ok(Source {
            id: Some(group.id),
            name: group.name.clone(),
            visibility: Visibility::Private,
        });
    }
    let public = public.map(|group| Source {
        id: None,
        name: group.name.to_owned(),
        visibility: Visibility::Public,
    });
    public.ok_or_else(|| {
        let problem = format!("{KIND} {said} not found");
        Refusal::invalid(format!("security-group.{field}"), problem)
    })
}
