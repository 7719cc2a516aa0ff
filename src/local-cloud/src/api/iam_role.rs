//! `/iam-role`.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    super::{
        iam::{self, Permission, ROLE, Role, policy::Policy},
        refusal::Refusal,
    },
    body::{Change, Object},
    field::{Description, Labels, Size, Text, UNBOUNDED, Word},
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/iam-role",
        operation: "list-iam-roles",
        handler: |call| {
            let roles: Vec<_> = call.cloud.state().roles.values().cloned().collect();
            Ok(json!({ "iam-roles": roles }))
        },
    },
    Route {
        method: "POST",
        path: "/iam-role",
        operation: "create-iam-role",
        handler: create,
    },
    Route {
        method: "GET",
        path: "/iam-role/{id}",
        operation: "get-iam-role",
        handler: get,
    },
    Route {
        method: "PUT",
        path: "/iam-role/{id}",
        operation: "update-iam-role",
        handler: update,
    },
    Route {
        method: "PUT",
        path: "/iam-role/{id}:policy",
        operation: "update-iam-role-policy",
        handler: update_policy,
    },
    Route {
        method: "DELETE",
        path: "/iam-role/{id}",
        operation: "delete-iam-role",
        handler: |call| Ok(json!(iam::delete_role(call.cloud, call.id("id")?)?)),
    },
];

/// `create-iam-role`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct CreateRole {
    name: Text<1, 191>,
    description: Option<Description>,
    editable: Option<bool>,
    labels: Option<Labels>,
    permissions: Option<Vec<Word<Permission>>>,
    max_session_ttl: Option<Size<1, UNBOUNDED>>,
    assume_role_policy: Option<Map<String, Value>>,
    policy: Option<Object<Policy>>,
}

/// `update-iam-role`. What it does not name stays.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
struct UpdateRole {
    description: Change<Description>,
    labels: Option<Labels>,
    permissions: Option<Vec<Word<Permission>>>,
    max_session_ttl: Option<Size<1, UNBOUNDED>>,
    assume_role_policy: Option<Map<String, Value>>,
}

fn get(call: &Call<'_>) -> Answer {
    let id = call.id("id")?;
    let state = call.cloud.state();
    let role = state.roles.get(&id);
    Ok(json!(role.ok_or_else(|| Refusal::not_found(ROLE, id))?))
}

fn create(call: &Call<'_>) -> Answer {
    let body: CreateRole = call.body()?;
    let operation = iam::create_role(call.cloud, |id| Role {
        id,
        name: body.name.0,
        description: Description::text(body.description),
        editable: body.editable.unwrap_or(true),
        labels: body.labels.unwrap_or_default().0,
        permissions: permissions(body.permissions.unwrap_or_default()),
        max_session_ttl: body.max_session_ttl.map(|ttl| ttl.0),
        assume_role_policy: body.assume_role_policy.map(Value::Object),
        policy: body.policy.map(|policy| policy.0).unwrap_or_default(),
    })?;
    Ok(json!(operation))
}

fn update(call: &Call<'_>) -> Answer {
    let body: UpdateRole = call.body()?;
    let operation = iam::update_role(call.cloud, call.id("id")?, |role| {
        body.description
            .apply(&mut role.description, |description| description.0);
        if let Some(Labels(labels)) = body.labels {
            role.labels = labels;
        }
        if let Some(words) = body.permissions {
            role.permissions = permissions(words);
        }
        if let Some(ttl) = body.max_session_ttl {
            role.max_session_ttl = Some(ttl.0);
        }
        if let Some(policy) = body.assume_role_policy {
            role.assume_role_policy = Some(Value::Object(policy));
        }
        Ok(())
    })?;
    Ok(json!(operation))
}

fn update_policy(call: &Call<'_>) -> Answer {
    let policy: Policy = call.body()?;
    let operation = iam::update_role(call.cloud, call.id("id")?, |role| {
        if !role.editable {
            return Err(Refusal::Forbidden(format!(
                "{ROLE} {} is not editable",
                role.id
            )));
        }
        role.policy = policy;
        Ok(())
    })?;
    Ok(json!(operation))
}

fn permissions(words: Vec<Word<Permission>>) -> Vec<Permission> {
    words.into_iter().map(|word| word.0).collect()
}
