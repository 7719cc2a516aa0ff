# One instance with Prometheus, Grafana and the agent.

variable "monitoring_template" {
  description = "Name of the monitoring instance's private template; of several with this name the newest is taken."
  type        = string
  default     = "monitoring"
  nullable    = false
}

variable "monitoring_instance_type" {
  description = "Size of the monitoring instance."
  type        = string
  default     = "standard.small"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]+\\.[a-z0-9-]+$", var.monitoring_instance_type))
    error_message = "Write family.size, such as standard.small."
  }
}

variable "monitoring_disk_size" {
  description = "Disk of the monitoring instance in GiB: Prometheus keeps its samples on it."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.monitoring_disk_size >= 10 && var.monitoring_disk_size <= 51200
    error_message = "A disk has 10 to 51200 GiB."
  }
}

variable "thresholds" {
  description = "Average CPU use of the pool above which it grows and below which it shrinks, from 0 to 1."
  type = object({
    up   = optional(number, 0.8)
    down = optional(number, 0.2)
  })
  default  = {}
  nullable = false

  validation {
    condition     = 0 < var.thresholds.down && var.thresholds.down < var.thresholds.up && var.thresholds.up < 1
    error_message = "Thresholds need 0 < down < up < 1."
  }

  validation {
    condition = (
      var.max_size == var.min_size ||
      var.thresholds.down * (var.min_size + 1) / var.min_size < var.thresholds.up
    )
    error_message = "These thresholds would flap: a pool that shrinks to min_size is at once above thresholds.up. Lower thresholds.down."
  }
}

variable "webhook_token" {
  description = "Secret with which Grafana proves itself to the agent. The empty text: one is made, once."
  type        = string
  default     = ""
  sensitive   = true
  nullable    = false

  validation {
    condition     = var.webhook_token == "" || can(regex("^[!-~]{16,}$", var.webhook_token))
    error_message = "A token is at least 16 visible ASCII characters, without spaces."
  }
}

variable "grafana_admin_password" {
  description = "Password of Grafana's user admin. The empty text: one is made, once; `terraform output -raw grafana_admin_password` shows it."
  type        = string
  default     = ""
  sensitive   = true
  nullable    = false

  validation {
    condition     = var.grafana_admin_password == "" || length(var.grafana_admin_password) >= 8
    error_message = "The password needs at least 8 characters."
  }
}

variable "agent_settings" {
  description = "Further settings of the agent by section and key, such as { scale_in = { stabilisation = \"5m\" } }; `autoscaler check-config` lists them."
  type        = map(map(string))
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for section in keys(var.agent_settings) : contains(["scaling", "scale_out", "scale_in", "drain", "discovery", "exoscale", "log"], section)])
    error_message = "Sections are scaling, scale_out, scale_in, drain, discovery, exoscale and log."
  }
}

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

resource "terraform_data" "grafana_admin_password" {
  input = substr(sha256("${uuid()}${uuid()}"), 0, 24)

  lifecycle {
    ignore_changes = [input]
  }
}

locals {
  grafana_admin_password = sensitive(coalesce(var.grafana_admin_password, terraform_data.grafana_admin_password.output))

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
    drain      = { token = local.drain_token }
  }

  # The image reads this at boot: see docs/instance-data.md.
  monitoring_data = jsonencode({
    version             = 1
    role                = "monitoring"
    ssh_authorized_keys = local.ssh_public_keys
    agent = {
      for section in setunion(keys(local.agent_defaults), keys(var.agent_settings)) :
      section => merge(try(var.agent_settings[section], {}), try(local.agent_defaults[section], {}))
    }
    grafana = { admin_password = local.grafana_admin_password }
  })
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
