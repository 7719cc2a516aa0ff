//! `/iam-organization-policy`.

use serde_json::json;

use super::{
    super::iam::{self, policy::Policy},
    route::{Answer, Call, Route},
};

/// The operation that no policy of the organization takes from the account's owner.
pub(super) const RESET: &str = "reset-iam-organization-policy";

pub(super) const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/iam-organization-policy",
        operation: "get-iam-organization-policy",
        handler: |call| Ok(json!(call.cloud.state().organization_policy)),
    },
    Route {
        method: "PUT",
        path: "/iam-organization-policy",
        operation: "update-iam-organization-policy",
        handler: update,
    },
    Route {
        method: "POST",
        path: "/iam-organization-policy:reset",
        operation: RESET,
        handler: |call| {
            Ok(json!(iam::set_organization_policy(
                call.cloud,
                Policy::default()
            )))
        },
    },
];

fn update(call: &Call<'_>) -> Answer {
    let policy: Policy = call.body()?;
    Ok(json!(iam::set_organization_policy(call.cloud, policy)))
}
