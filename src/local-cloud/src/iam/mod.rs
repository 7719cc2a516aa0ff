//! Roles and API keys: who may call what.

mod expression;
pub(crate) mod policy;

use std::{collections::BTreeMap, fmt, sync::Arc};

use exoscale::{
    ids::RoleId,
    models::Operation,
    secret::{ApiKey, ApiSecret},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{
    cloud::{Cloud, State},
    quotas, random_key, random_secret,
    refusal::Refusal,
};
use policy::Policy;

/// The path under which the API serves roles.
pub(crate) const ROLE: &str = "iam-role";

/// The path under which the API serves keys.
pub(crate) const KEY: &str = "api-key";

/// What limits the number of keys.
pub(crate) const QUOTA: &str = "iam-key";

/// A role, as the API shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Role {
    pub(crate) id: RoleId,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) editable: bool,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) permissions: Vec<Permission>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_session_ttl: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) assume_role_policy: Option<Value>,
    pub(crate) policy: Policy,
}

/// What a role may do besides its policy. Kept and answered; nothing that is served here needs one.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Permission {
    BypassGovernanceRetention,
    ResetIamOrganizationPolicy,
}

/// A key that was made over the API.
pub(crate) struct AccessKey {
    pub(crate) name: String,
    pub(crate) role: RoleId,
    pub(crate) secret: ApiSecret,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessKey({:?} with role {})", self.name, self.role)
    }
}

/// `POST /iam-role`.
pub(crate) fn create_role(
    cloud: &Arc<Cloud>,
    make: impl FnOnce(RoleId) -> Role,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let role = make(RoleId::random());
    if state.roles.values().any(|other| other.name == role.name) {
        return Err(Refusal::Conflict(format!(
            "there is an {ROLE} {:?} already",
            role.name
        )));
    }
    let id = role.id;
    state.roles.insert(id, role);
    Ok(cloud.complete(&mut state, ROLE, id.0))
}

/// `PUT /iam-role/{id}` and `PUT /iam-role/{id}:policy`.
pub(crate) fn update_role(
    cloud: &Arc<Cloud>,
    id: RoleId,
    change: impl FnOnce(&mut Role) -> Result<(), Refusal>,
) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    let role = state.roles.get_mut(&id);
    change(role.ok_or_else(|| Refusal::not_found(ROLE, id))?)?;
    Ok(cloud.complete(&mut state, ROLE, id.0))
}

/// `DELETE /iam-role/{id}`; not while a key has it.
pub(crate) fn delete_role(cloud: &Arc<Cloud>, id: RoleId) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    if !state.roles.contains_key(&id) {
        return Err(Refusal::not_found(ROLE, id));
    }
    if let Some((key, _)) = state.access_keys.iter().find(|(_, key)| key.role == id) {
        return Err(Refusal::Conflict(format!(
            "{ROLE} {id} is used by api-key {key}"
        )));
    }
    state.roles.remove(&id);
    Ok(cloud.complete(&mut state, ROLE, id.0))
}

/// `POST /api-key`. It answers the key itself, once, and no operation.
pub(crate) fn create_key(
    cloud: &Cloud,
    name: String,
    role: RoleId,
) -> Result<(ApiKey, ApiSecret), Refusal> {
    let mut state = cloud.state();
    if !state.roles.contains_key(&role) {
        return Err(Refusal::invalid(
            "role-id",
            format!("{ROLE} {role} not found"),
        ));
    }
    quotas::check(cloud, &state, QUOTA)?;
    let (key, secret) = (random_key(), random_secret());
    let entry = AccessKey {
        name,
        role,
        secret: secret.clone(),
    };
    state.access_keys.insert(key.as_str().to_owned(), entry);
    Ok((key, secret))
}

/// `DELETE /api-key/{key}`. It is of no use from then on.
pub(crate) fn delete_key(cloud: &Arc<Cloud>, key: &str) -> Result<Operation, Refusal> {
    let mut state = cloud.state();
    if state.access_keys.remove(key).is_none() {
        return Err(Refusal::not_found(KEY, key));
    }
    Ok(cloud.complete_named(&mut state, KEY, key))
}

/// The secret of a key, the cloud's own or one made over the API.
pub(crate) fn secret_of(cloud: &Cloud, key: &str) -> Option<ApiSecret> {
    if key == cloud.key.as_str() {
        return Some(cloud.secret.clone());
    }
    let state = cloud.state();
    state.access_keys.get(key).map(|entry| entry.secret.clone())
}

/// What decides about a key's calls.
pub(crate) struct Rights {
    pub(crate) organization: Policy,
    /// The cloud's own key has no role, and may do what the organization allows.
    pub(crate) role: Option<Policy>,
}

/// The policies that hold for a key.
pub(crate) fn rights_of(state: &State, key: &str) -> Rights {
    let entry = state.access_keys.get(key);
    let role = entry.map(|entry| {
        let role = state.roles.get(&entry.role);
        role.map_or_else(Policy::nothing, |role| role.policy.clone())
    });
    Rights {
        organization: state.organization_policy.clone(),
        role,
    }
}

/// `PUT /iam-organization-policy` and its reset. It holds at once.
pub(crate) fn set_organization_policy(cloud: &Arc<Cloud>, policy: Policy) -> Operation {
    let mut state = cloud.state();
    state.organization_policy = policy;
    let (link, command) = (
        "/v2/iam-organization-policy".to_owned(),
        "get-iam-organization-policy".to_owned(),
    );
    let operation = state.operations.begin_at(Uuid::new_v4(), link, command);
    cloud.finish_after(operation.id, Vec::new(), |_| Ok(()));
    operation
}

/// The class of services that an operation belongs to.
pub(crate) fn class_of(operation: &str) -> &'static str {
    if operation.contains("iam-") || operation.contains("api-key") {
        "iam"
    } else {
        "compute"
    }
}
