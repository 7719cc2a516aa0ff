# One instance with Prometheus, Grafana and the agent.

data "exoscale_template" "monitoring" {
  zone       = var.exoscale_zone
  name       = var.monitoring_template
  visibility = "private"
}

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
  grafana_admin_password = sensitive(coalesce(var.grafana_admin_password, terraform_data.grafana_admin_password.output))
  control_token          = sensitive(coalesce(var.control_token, terraform_data.control_token.output))

  agent_defaults = {
    exoscale = {
      zone          = var.exoscale_zone
      key           = exoscale_iam_api_key.agent.key
      secret        = exoscale_iam_api_key.agent.secret
      instance_pool = exoscale_instance_pool.pool.id
      load_balancer = exoscale_nlb.front.id
    }
    scaling    = { min_size = var.min_size, max_size = var.max_size }
    thresholds = { up = var.thresholds.up, down = var.thresholds.down }
    alerts     = { token = sensitive(coalesce(var.webhook_token, terraform_data.webhook_token.output)) }
    control    = { token = local.control_token }
    drain      = { token = local.drain_token }
  }

  # The image reads this at boot: see docs/instance-data.md.
  monitoring_data = jsonencode(merge({
    version             = 1
    role                = "monitoring"
    ssh_authorized_keys = local.ssh_public_keys
    agent = {
      for section in setunion(keys(local.agent_defaults), keys(var.agent_settings)) :
      section => merge(try(var.agent_settings[section], {}), try(local.agent_defaults[section], {}))
    }
    grafana = { admin_password = local.grafana_admin_password }
    operator = {
      emails  = var.operator_emails
      smtp    = var.operator_smtp
      webhook = var.operator_webhook
    }
  }, { for name, value in { tls = var.monitoring_tls } : name => value if value != null }))
}

# User-data is read at boot only, and an image has no other way in: new settings are a new instance.
resource "terraform_data" "monitoring_data" {
  input = nonsensitive(sha256(local.monitoring_data))
}

resource "exoscale_compute_instance" "monitoring" {
  zone               = var.exoscale_zone
  name               = "${var.name}-monitoring"
  template_id        = data.exoscale_template.monitoring.id
  type               = var.monitoring_instance_type
  disk_size          = var.monitoring_disk_size
  security_group_ids = [exoscale_security_group.monitoring.id]
  ssh_keys           = local.ssh_key_names
  user_data          = local.monitoring_data

  lifecycle {
    replace_triggered_by = [terraform_data.monitoring_data]
  }
}
