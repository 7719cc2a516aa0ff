# The agent's own key: it can do what the agent does, and nothing else (src/autoscaler/tests/integration/agent_rights.rs).

locals {
  agent_reads = [
    "get-instance-pool",
    "list-instances",
    "get-operation",
    "get-load-balancer",
  ]

  # Of this pool alone, as far as restrict_agent_to_pool says so.
  agent_writes = [
    "scale-instance-pool",
    "evict-instance-pool-members",
  ]

  # With discovery.addresses = "private", it also reads the networks' leases.
  private_address_operations = [
    "get-private-network",
  ]

  allowed_reads = concat(
    local.agent_reads,
    try(var.agent_settings.discovery.addresses, "public") == "private" ? local.private_address_operations : [],
  )

  # An operation that lists or that is about another resource has no pool to compare.
  agent_rules = [
    "operation in [${join(", ", formatlist("'%s'", local.allowed_reads))}]",
    join(" && ", concat(
      ["operation in [${join(", ", formatlist("'%s'", local.agent_writes))}]"],
      var.restrict_agent_to_pool ? ["resources.instance_pool.id == '${var.instance_pool_id}'"] : [],
    )),
  ]
}

resource "exoscale_iam_role" "agent" {
  name        = "${var.name}-agent"
  description = "Reads instance pools and resizes the autoscaler's"
  editable    = true

  policy = {
    default_service_strategy = "deny"
    services = {
      compute = {
        type = "rules"
        rules = [for expression in local.agent_rules : {
          action     = "allow"
          expression = expression
        }]
      }
    }
  }
}

resource "exoscale_iam_api_key" "agent" {
  name    = "${var.name}-agent"
  role_id = exoscale_iam_role.agent.id
}
