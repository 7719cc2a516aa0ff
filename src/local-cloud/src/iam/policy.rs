//! A role's policy: for each class of services everything, nothing, or what its rules allow.
//!
//! As on Exoscale (IAM documentation, "Policies"): a class that is not named follows the default
//! strategy; of a class's rules the first whose expression is true decides; without one, no. An
//! expression that fails, since the call does not have what it looks at, is not true.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{class_of, expression::Expression};

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
    /// Of a key whose role is gone.
    pub(crate) fn nothing() -> Self {
        Self {
            default_service_strategy: Effect::Deny,
            services: BTreeMap::new(),
        }
    }

    /// Whether there is nothing to evaluate.
    pub(crate) fn allows_everything(&self) -> bool {
        self.default_service_strategy == Effect::Allow && self.services.is_empty()
    }

    /// Whether it allows an operation of the API; expressions look at `bindings`.
    pub(crate) fn allows(&self, operation: &str, bindings: &Value) -> bool {
        self.allows_of(class_of(operation), bindings)
    }

    /// Whether it allows an operation of this class of services.
    pub(crate) fn allows_of(&self, class: &str, bindings: &Value) -> bool {
        let Some(service) = self.services.get(class) else {
            return self.default_service_strategy == Effect::Allow;
        };
        match service.kind {
            ServicePolicyKind::Allow => true,
            ServicePolicyKind::Deny => false,
            ServicePolicyKind::Rules => {
                let mut rules = service.rules.iter();
                let first = rules.find(|rule| rule.expression.holds(bindings));
                first.is_some_and(|rule| rule.action == Effect::Allow)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn allows(policy: &Policy, operation: &str) -> bool {
        policy.allows(operation, &json!({ "operation": operation }))
    }

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
        assert!(allows(&policy, "get-instance"));
        assert!(!allows(&policy, "delete-instance"));
        assert!(!allows(&policy, "list-instances"));
        assert!(!allows(&policy, "create-api-key"));
    }

    #[test]
    fn a_class_can_be_allowed_or_denied_whole() {
        let whole = |kind: &str| policy(&json!({ "type": kind }));
        assert!(allows(&whole("allow"), "delete-instance"));
        assert!(!allows(&whole("deny"), "get-instance"));
        assert!(allows(&Policy::default(), "create-iam-role"));
        assert!(!allows(&Policy::nothing(), "list-zones"));
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
