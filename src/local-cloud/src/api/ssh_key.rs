//! `/ssh-key`.

use serde::Deserialize;
use serde_json::json;

use super::{
    super::{refusal::Refusal, ssh_keys},
    field::{Name, Text},
    route::{Answer, Call, Route},
};

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/ssh-key",
        operation: "list-ssh-keys",
        handler: |call| {
            let keys: Vec<_> = call.cloud.state().ssh_keys.values().cloned().collect();
            Ok(json!({ "ssh-keys": keys }))
        },
    },
    Route {
        method: "POST",
        path: "/ssh-key",
        operation: "register-ssh-key",
        handler: register,
    },
    Route {
        method: "GET",
        path: "/ssh-key/{name}",
        operation: "get-ssh-key",
        handler: get,
    },
    Route {
        method: "DELETE",
        path: "/ssh-key/{name}",
        operation: "delete-ssh-key",
        handler: |call| Ok(json!(ssh_keys::delete(call.cloud, call.text("name"))?)),
    },
];

/// `register-ssh-key`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RegisterKey {
    name: KeyName,
    public_key: Text<1, 16_384>,
}

/// Letters, digits and `._-`, and no sign at the beginning.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Name")]
struct KeyName(String);

impl TryFrom<Name> for KeyName {
    type Error = &'static str;

    fn try_from(Text(name): Name) -> Result<Self, &'static str> {
        let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.bytes().all(is_sign) {
            Ok(Self(name))
        } else {
            Err("must consist of letters, digits and ._-, and begin with a letter or digit")
        }
    }
}

fn register(call: &Call<'_>) -> Answer {
    let body: RegisterKey = call.body()?;
    Ok(json!(ssh_keys::register(
        call.cloud,
        &body.name.0,
        &body.public_key.0
    )?))
}

fn get(call: &Call<'_>) -> Answer {
    let name = call.text("name");
    let state = call.cloud.state();
    let key = state.ssh_keys.get(name);
    Ok(json!(
        key.ok_or_else(|| Refusal::not_found("ssh-key", name))?
    ))
}
