//! A role's policy: for each class of services everything, nothing, or what its rules allow.
//!
//! As on Exoscale (IAM documentation, "Policies"): a class that is not named follows the default
//! strategy; of a class's rules the first whose expression is true decides; without one, no.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::expression::Expression;

/// A policy, in the API's form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Policy {
    default_service_strategy: Effect,
    services: BTreeMap<String, ServicePolicy>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Effect {
    Allow,
    Deny,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServicePolicy {
    #[serde(rename = "type")]
    kind: ServicePolicyKind,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rules: Vec<PolicyRule>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ServicePolicyKind {
    Allow,
    Deny,
    Rules,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyRule {
    action: Effect,
    expression: Expression,
    /// Kept and answered; object storage has them, and nothing that is served here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resources: Option<Vec<String>>,
}

impl Default for Policy {
    /// What a role has when none was given: everything.
    fn default() -> Self {
        Self {
            default_service_strategy: Effect::Allow,
            services: BTreeMap::new(),
        }
    }
}

impl Policy {
    /// Whether it allows an operation of the API.
    pub(crate) fn allows(&self, operation: &str) -> bool {
        let Some(service) = self.services.get(class_of(operation)) else {
            return self.default_service_strategy == Effect::Allow;
        };
        match service.kind {
            ServicePolicyKind::Allow => true,
            ServicePolicyKind::Deny => false,
            ServicePolicyKind::Rules => {
                let mut rules = service.rules.iter();
                let first = rules.find(|rule| rule.expression.is_true_of(operation));
                first.is_some_and(|rule| rule.action == Effect::Allow)
            }
        }
    }
}

/// The class of services that an operation belongs to.
fn class_of(operation: &str) -> &'static str {
    if operation.contains("iam-") || operation.contains("api-key") {
        "iam"
    } else {
        "compute"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn policy(compute: &Value) -> Policy {
        serde_json::from_value(json!({
            "default-service-strategy": "deny",
            "services": { "compute": compute },
        }))
        .unwrap()
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let policy = policy(&json!({ "type": "rules", "rules": [
            { "action": "deny", "expression": "operation == 'delete-instance'" },
            { "action": "allow", "expression": "operation in ['get-instance', 'delete-instance']" },
        ] }));
        assert!(policy.allows("get-instance"));
        assert!(!policy.allows("delete-instance"));
        assert!(!policy.allows("list-instances"));
        assert!(!policy.allows("create-api-key"));
    }

    #[test]
    fn a_class_can_be_allowed_or_denied_whole() {
        assert!(policy(&json!({ "type": "allow" })).allows("delete-instance"));
        assert!(!policy(&json!({ "type": "deny" })).allows("get-instance"));
        assert!(Policy::default().allows("create-iam-role"));
    }

    #[test]
    fn it_is_answered_as_it_came() {
        let given = json!({
            "default-service-strategy": "allow",
            "services": { "sos": { "type": "rules", "rules": [
                { "action": "allow", "expression": "operation in ['list-buckets']" },
            ] } },
        });
        let policy: Policy = serde_json::from_value(given.clone()).unwrap();
        assert_eq!(json!(policy), given);
    }
}
