# The stack as it was before there were modules, in one file: what a test lets the modules take over.

# Everything here is Exoscale's own; no other provider is needed.

terraform {
  required_version = ">= 1.9"

  required_providers {
    exoscale = {
      source  = "exoscale/exoscale"
      version = "~> 0.69"
    }
  }

  # The state holds secrets (docs/terraform.md, "State"): keep it where only its owners read it and where
  # two applies at a time lock each other out. See backend.tf.example.
}

# The account, and who may log in.

provider "exoscale" {
  key    = var.exoscale_key
  secret = var.exoscale_secret
}

locals {
  ssh_public_keys = var.ssh_public_key == "" ? [] : [trimspace(var.ssh_public_key)]
  ssh_key_names   = exoscale_ssh_key.admin[*].name
}

resource "exoscale_ssh_key" "admin" {
  count = length(local.ssh_public_keys)

  name       = "${var.name}-admin"
  public_key = local.ssh_public_keys[count.index]
}

# Who may talk to whom. Nothing else gets in.

resource "exoscale_security_group" "pool" {
  name        = "${var.name}-pool"
  description = "The slow application's instances"
}

resource "exoscale_security_group" "monitoring" {
  name        = "${var.name}-monitoring"
  description = "Prometheus, Grafana and the agent"
}

# The load balancer keeps the client's address, so the application is open to everyone. The agent
# drains an instance over the same port, with a token.
resource "exoscale_security_group_rule" "application" {
  for_each = { ipv4 = "0.0.0.0/0", ipv6 = "::/0" }

  security_group_id = exoscale_security_group.pool.id
  description       = "Application, from anywhere over ${each.key}"
  type              = "INGRESS"
  protocol          = "TCP"
  cidr              = each.value
  start_port        = local.application_port
  end_port          = local.application_port
}

resource "exoscale_security_group_rule" "node_metrics" {
  security_group_id      = exoscale_security_group.pool.id
  description            = "Node exporter, from the monitoring instance"
  type                   = "INGRESS"
  protocol               = "TCP"
  user_security_group_id = exoscale_security_group.monitoring.id
  start_port             = local.node_metrics_port
  end_port               = local.node_metrics_port
}

resource "exoscale_security_group_rule" "monitoring" {
  for_each = var.admin_cidr == "" ? {} : {
    grafana    = local.grafana_port
    prometheus = local.prometheus_port
    agent      = local.agent_port
  }

  security_group_id = exoscale_security_group.monitoring.id
  description       = "${each.key}, from admin_cidr"
  type              = "INGRESS"
  protocol          = "TCP"
  cidr              = var.admin_cidr
  start_port        = each.value
  end_port          = each.value
}

resource "exoscale_security_group_rule" "ssh" {
  for_each = var.admin_cidr == "" || var.ssh_public_key == "" ? {} : {
    pool       = exoscale_security_group.pool.id
    monitoring = exoscale_security_group.monitoring.id
  }

  security_group_id = each.value
  description       = "SSH, from admin_cidr"
  type              = "INGRESS"
  protocol          = "TCP"
  cidr              = var.admin_cidr
  start_port        = 22
  end_port          = 22
}

# The images' own ports. Those of the monitoring instance speak HTTPS.
locals {
  application_port  = 8080
  node_metrics_port = 9100
  agent_port        = 8443
  prometheus_port   = 9443
  grafana_port      = 3443
}

# The slow application's instances. The agent chooses how many there are.

data "exoscale_template" "pool" {
  zone       = var.exoscale_zone
  name       = var.pool_template
  visibility = "private"
}

resource "exoscale_anti_affinity_group" "pool" {
  name        = "${var.name}-pool"
  description = "Keeps the pool's instances on different hosts"
}

# The agent proves with it that it may drain an instance.
resource "terraform_data" "drain_token" {
  input = sha256("${uuid()}${uuid()}")

  lifecycle {
    ignore_changes = [input]
  }
}

locals {
  drain_token = sensitive(terraform_data.drain_token.output)
}

resource "exoscale_instance_pool" "pool" {
  zone            = var.exoscale_zone
  name            = "${var.name}-pool"
  description     = "Slow application; its size is the autoscaler's"
  template_id     = data.exoscale_template.pool.id
  instance_type   = var.pool_instance_type
  instance_prefix = "${var.name}-app"
  disk_size       = 10
  size            = coalesce(var.initial_size, var.min_size)
  min_available   = var.min_size
  key_pair        = one(local.ssh_key_names)

  anti_affinity_group_ids = [exoscale_anti_affinity_group.pool.id]
  security_group_ids      = [exoscale_security_group.pool.id]

  user_data = jsonencode({
    version             = 1
    role                = "slow-app"
    ssh_authorized_keys = local.ssh_public_keys
    slow_app = merge(
      { for setting, value in var.slow_app : setting => value if value != null },
      { drain_token = local.drain_token },
    )
  })

  lifecycle {
    # Else each apply would undo what the autoscaler did since the last one.
    ignore_changes = [size]
  }
}

# The one address of the application.

resource "exoscale_nlb" "front" {
  zone        = var.exoscale_zone
  name        = "${var.name}-front"
  description = "Before the slow application"
}

resource "exoscale_nlb_service" "http" {
  zone             = var.exoscale_zone
  nlb_id           = exoscale_nlb.front.id
  name             = "http"
  instance_pool_id = exoscale_instance_pool.pool.id
  protocol         = "tcp"
  port             = 80
  target_port      = local.application_port
  strategy         = "round-robin"

  healthcheck {
    mode     = "http"
    port     = local.application_port
    uri      = "/health"
    interval = var.health_check.interval
    timeout  = var.health_check.timeout
    retries  = var.health_check.retries
  }
}

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
      var.restrict_agent_to_pool ? ["resources.instance_pool.id == '${exoscale_instance_pool.pool.id}'"] : [],
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

# The local cloud's instances are processes of this machine, and speak plain HTTP on the programs' own ports.
locals {
  monitoring_ip = exoscale_compute_instance.monitoring.public_ip_address
  monitoring_urls = {
    for name, ports in {
      grafana    = { https = local.grafana_port, local = 3000 }
      prometheus = { https = local.prometheus_port, local = 9090 }
      agent      = { https = local.agent_port, local = 8090 }
    } :
    name => (
      startswith(local.monitoring_ip, "127.")
      ? "http://${local.monitoring_ip}:${ports.local}/"
      : "https://${local.monitoring_ip}:${ports.https}/"
    )
  }
}

output "application_url" {
  description = "The slow application, through the load balancer."
  value       = "http://${exoscale_nlb.front.ip_address}/"

  depends_on = [exoscale_nlb_service.http]
}

output "grafana_url" {
  description = "Dashboards and alerts; for admin_cidr."
  value       = local.monitoring_urls.grafana
}

output "grafana_admin_password" {
  description = "Password of Grafana's user admin."
  value       = local.grafana_admin_password
  sensitive   = true
}

output "prometheus_url" {
  description = "Metrics; for admin_cidr."
  value       = local.monitoring_urls.prometheus
}

output "agent_url" {
  description = "What the agent sees, decides and did; for admin_cidr."
  value       = local.monitoring_urls.agent
}

output "control_token" {
  description = "AUTOSCALER_CONTROL_TOKEN of `autoscaler ctl`."
  value       = local.control_token
  sensitive   = true
}

output "operator_alerts" {
  description = "Whom Grafana tells when the autoscaler needs a person."
  value = (
    length(var.operator_emails) == 0 && nonsensitive(var.operator_webhook == null)
    ? "Nobody is told; they show in Grafana only. Set operator_emails or operator_webhook."
    : join(", ", concat(var.operator_emails, nonsensitive(var.operator_webhook != null) ? ["the webhook"] : []))
  )
}

output "load_test" {
  description = "Loads the application so that the pool grows."
  value       = "loadtest --rate 30 --duration 10m 'http://${exoscale_nlb.front.ip_address}/'"
}

output "instance_pool_id" {
  description = "The instance pool."
  value       = exoscale_instance_pool.pool.id
}

output "load_balancer_id" {
  description = "The load balancer."
  value       = exoscale_nlb.front.id
}
