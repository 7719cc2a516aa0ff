//! The agent's role: what the monitoring module of Terraform allows, for a pool that the module did
//! not make.

use exoscale::ids::PoolId;
use serde_json::json;

const TERRAFORM: &str = include_str!("../../../../../terraform/modules/monitoring/iam.tf");

/// The operations in a list of that file.
fn operations(list: &str) -> Vec<&'static str> {
    let begin = format!("  {list} = [");
    let (_, rest) = TERRAFORM.split_once(&begin).unwrap_or_default();
    let (items, _) = rest.split_once(']').unwrap_or_default();
    items.split('"').skip(1).step_by(2).collect()
}

/// The two rules: what may be read, and what may be changed of this pool.
fn expressions(pool: PoolId, is_private: bool) -> [String; 2] {
    let quoted = |list: &[&str]| {
        let names: Vec<String> = list.iter().map(|name| format!("'{name}'")).collect();
        format!("operation in [{}]", names.join(", "))
    };
    let mut reads = operations("agent_reads");
    if is_private {
        reads.extend(operations("private_address_operations"));
    }
    let writes = quoted(&operations("agent_writes"));
    [
        quoted(&reads),
        format!("{writes} && resources.instance_pool.id == '{pool}'"),
    ]
}

/// The policy as the API and `exo iam role create --policy -` take it.
pub(super) fn policy(pool: PoolId, is_private: bool) -> String {
    let rules = expressions(pool, is_private)
        .map(|expression| json!({ "action": "allow", "expression": expression }));
    let policy = json!({
        "default-service-strategy": "deny",
        "services": { "compute": { "type": "rules", "rules": rules } },
    });
    format!("{policy:#}\n")
}

/// The same with Exoscale's Terraform provider, and a key.
pub(super) fn terraform(pool: PoolId, is_private: bool) -> String {
    let [reads, writes] = expressions(pool, is_private);
    include_str!("templates/iam.tf")
        .replace("@READS@", &reads)
        .replace("@WRITES@", &writes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_is_that_of_the_stack() {
        let pool: PoolId = "3f4dbb1c-36fc-4b8e-9b1f-4f3a9a4c0f6e".parse().unwrap();
        let [reads, writes] = expressions(pool, false);
        for operation in ["get-instance-pool", "list-instances", "get-operation"] {
            assert!(reads.contains(&format!("'{operation}'")), "{reads}");
        }
        assert!(!reads.contains("private"), "{reads}");
        assert!(expressions(pool, true)[0].contains("'get-private-network'"));
        for operation in ["scale-instance-pool", "evict-instance-pool-members"] {
            assert!(writes.contains(&format!("'{operation}'")), "{writes}");
        }
        assert!(writes.ends_with(&format!("== '{pool}'")), "{writes}");
        assert!(terraform(pool, false).contains(&writes));
    }
}
