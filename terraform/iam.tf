# The agent's own key: it can do what the agent does, and nothing else (src/autoscaler/tests/integration/agent_rights.rs).

locals {
  agent_operations = [
    "get-instance-pool",
    "list-instances",
    "get-operation",
    "get-load-balancer",
    "scale-instance-pool",
    "evict-instance-pool-members",
  ]

  # With discovery.addresses = "private", it also reads the networks' leases.
  private_address_operations = [
    "get-private-network",
  ]

  allowed_operations = concat(
    local.agent_operations,
    try(var.agent_settings.discovery.addresses, "public") == "private" ? local.private_address_operations : [],
  )
}

resource "exoscale_iam_role" "agent" {
  name        = "${var.name}-agent"
  description = "Reads and resizes instance pools"
  editable    = true

  policy = {
    default_service_strategy = "deny"
    services = {
      compute = {
        type = "rules"
        rules = [{
          action     = "allow"
          expression = "operation in [${join(", ", formatlist("'%s'", local.allowed_operations))}]"
        }]
      }
    }
  }
}

resource "exoscale_iam_api_key" "agent" {
  name    = "${var.name}-agent"
  role_id = exoscale_iam_role.agent.id
}
