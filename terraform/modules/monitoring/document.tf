# What the host is told: docs/instance-data.md.

# Made once, when none is given: what uuid() gives changes with each plan, so changes are ignored.
resource "terraform_data" "webhook_token" {
  input = sha256("${uuid()}${uuid()}")

  lifecycle {
    ignore_changes = [input]
  }
}

resource "terraform_data" "control_token" {
  input = sha256("${uuid()}${uuid()}")

  lifecycle {
    ignore_changes = [input]
  }
}

resource "terraform_data" "grafana_admin_password" {
  input = substr(sha256("${uuid()}${uuid()}"), 0, 24)

  lifecycle {
    ignore_changes = [input]
  }
}

locals {
  webhook_token          = sensitive(coalesce(var.webhook_token, terraform_data.webhook_token.output))
  control_token          = sensitive(coalesce(var.control_token, terraform_data.control_token.output))
  grafana_admin_password = sensitive(coalesce(var.grafana_admin_password, terraform_data.grafana_admin_password.output))

  # By section and key; nothing is not written.
  agent_defaults = {
    exoscale = {
      zone          = var.zone
      key           = exoscale_iam_api_key.agent.key
      secret        = exoscale_iam_api_key.agent.secret
      instance_pool = var.instance_pool_id
      load_balancer = var.load_balancer_id
    }
    scaling    = { min_size = var.min_size, max_size = var.max_size }
    thresholds = { up = var.thresholds.up, down = var.thresholds.down }
    alerts     = { token = local.webhook_token }
    control    = { token = local.control_token }
    drain      = { token = var.drain_token }
  }

  agent = {
    for section in setunion(keys(local.agent_defaults), keys(var.agent_settings)) :
    section => {
      for key, value in merge(try(var.agent_settings[section], {}), try(local.agent_defaults[section], {})) :
      key => value if value != null
    }
  }

  document = jsonencode(merge({
    version             = 1
    role                = "monitoring"
    ssh_authorized_keys = var.ssh_public_keys
    agent               = local.agent
    grafana             = { admin_password = local.grafana_admin_password }
    operator = {
      emails  = var.operator_emails
      smtp    = var.operator_smtp
      webhook = var.operator_webhook
    }
  }, { for name, value in { tls = var.tls } : name => value if value != null }))
}
