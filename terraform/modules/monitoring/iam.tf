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

  # What the lease needs, of its bucket alone, where agent_settings.lease.bucket names one of this account.
  lease_operations = [
    "get-object",
    "put-object",
  ]

  lease_bucket = try(var.agent_settings.lease.key, null) == null ? try(var.agent_settings.lease.bucket, null) : null

  lease_rules = local.lease_bucket == null ? [] : [
    join(" && ", [
      "parameters.bucket == '${local.lease_bucket}'",
      "operation in [${join(", ", formatlist("'%s'", local.lease_operations))}]",
    ]),
  ]

  role_rules = {
    for service, expressions in { compute = local.agent_rules, sos = local.lease_rules } :
    service => [for expression in expressions : { action = "allow", expression = expression }]
    if length(expressions) > 0
  }

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
    services                 = { for service, rules in local.role_rules : service => { type = "rules", rules = rules } }
  }
}

resource "exoscale_iam_api_key" "agent" {
  name    = "${var.name}-agent"
  role_id = exoscale_iam_role.agent.id
}
