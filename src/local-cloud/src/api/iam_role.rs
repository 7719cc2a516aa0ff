//! `/iam-role`.

use serde_json::{Value, json};

use super::{
    super::{
        iam::{self, ROLE, Role, policy::Policy},
        refusal::Refusal,
    },
    body::{Fields, Form},
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

/// The fields that a creation and an update share.
const FIELDS: [&str; 5] = [
    "description",
    "labels",
    "permissions",
    "max-session-ttl",
    "assume-role-policy",
];

fn get(call: &Call<'_>) -> Answer {
    let id = call.id("id")?;
    let state = call.cloud.state();
    let role = state.roles.get(&id);
    Ok(json!(role.ok_or_else(|| Refusal::not_found(ROLE, id))?))
}

fn create(call: &Call<'_>) -> Answer {
    let known: Vec<_> = FIELDS
        .into_iter()
        .chain(["name", "editable", "policy"])
        .collect();
    let fields = call.fields(&known)?;
    let name = fields.require("name", fields.text("name", 1..=255)?)?;
    let editable = fields.boolean("editable")?.unwrap_or(true);
    let given = fields.kept("policy", Form::Object)?;
    let policy = given.map(policy).transpose()?.unwrap_or_default();
    let changes = Changes::read(&fields)?;
    let operation = iam::create_role(call.cloud, |id| {
        let mut role = Role {
            id,
            name,
            description: None,
            editable,
            labels: std::collections::BTreeMap::new(),
            permissions: Vec::new(),
            max_session_ttl: None,
            assume_role_policy: None,
            policy,
        };
        changes.apply(&mut role);
        role
    })?;
    Ok(json!(operation))
}

fn update(call: &Call<'_>) -> Answer {
    let changes = Changes::read(&call.fields(&FIELDS)?)?;
    let operation = iam::update_role(call.cloud, call.id("id")?, |role| {
        changes.apply(role);
        Ok(())
    })?;
    Ok(json!(operation))
}

fn update_policy(call: &Call<'_>) -> Answer {
    let body = serde_json::from_slice(call.body);
    let body = body.map_err(|error| Refusal::invalid("body", format!("is not JSON: {error}")))?;
    let policy = policy(body)?;
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

fn policy(value: Value) -> Result<Policy, Refusal> {
    serde_json::from_value(value).map_err(|error| Refusal::invalid("policy", error.to_string()))
}

/// What an update changes; the rest stays.
struct Changes {
    described: bool,
    description: Option<String>,
    labels: Option<std::collections::BTreeMap<String, String>>,
    permissions: Option<Vec<String>>,
    max_session_ttl: Option<u32>,
    assume_role_policy: Option<Value>,
}

impl Changes {
    fn read(fields: &Fields) -> Result<Self, Refusal> {
        let description = fields.text("description", 0..=255)?;
        let description = description.filter(|text| !text.is_empty());
        Ok(Self {
            described: fields.has("description"),
            description,
            labels: fields.labels("labels")?,
            permissions: fields.words(
                "permissions",
                &[
                    "bypass-governance-retention",
                    "reset-iam-organization-policy",
                ],
            )?,
            max_session_ttl: fields.integer("max-session-ttl", 0..=u32::MAX)?,
            assume_role_policy: fields.kept("assume-role-policy", Form::Object)?,
        })
    }

    fn apply(self, role: &mut Role) {
        if self.described {
            role.description = self.description;
        }
        if let Some(labels) = self.labels {
            role.labels = labels;
        }
        if let Some(permissions) = self.permissions {
            role.permissions = permissions;
        }
        role.max_session_ttl = self.max_session_ttl.or(role.max_session_ttl);
        role.assume_role_policy = self.assume_role_policy.or(role.assume_role_policy.take());
    }
}
