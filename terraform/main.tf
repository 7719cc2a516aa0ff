# The account, who may log in, and the parts. What makes the parts is in modules/.

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

data "exoscale_template" "pool" {
  zone       = var.exoscale_zone
  name       = var.pool_template
  visibility = "private"
}

data "exoscale_template" "monitoring" {
  zone       = var.exoscale_zone
  name       = var.monitoring_template
  visibility = "private"
}

# The agent proves with it that it may drain an instance. What uuid() gives changes with each plan.
resource "terraform_data" "drain_token" {
  input = sha256("${uuid()}${uuid()}")

  lifecycle {
    ignore_changes = [input]
  }
}

locals {
  drain_token = sensitive(terraform_data.drain_token.output)
}

module "pool" {
  source = "./modules/pool"

  zone          = var.exoscale_zone
  name          = var.name
  application   = "slow application"
  template_id   = data.exoscale_template.pool.id
  instance_type = var.pool_instance_type
  min_size      = var.min_size
  initial_size  = var.initial_size
  ssh_key       = one(local.ssh_key_names)
  admin_cidr    = var.admin_cidr
  health_check  = var.health_check

  # The image reads this at boot: see docs/instance-data.md.
  user_data = jsonencode({
    version             = 1
    role                = "slow-app"
    ssh_authorized_keys = local.ssh_public_keys
    slow_app = merge(
      { for setting, value in var.slow_app : setting => value if value != null },
      { drain_token = local.drain_token },
    )
  })
}

module "monitoring" {
  source = "./modules/monitoring"

  zone                    = var.exoscale_zone
  name                    = var.name
  instance_pool_id        = module.pool.instance_pool_id
  load_balancer_id        = module.pool.load_balancer_id
  pool_security_group_ids = { pool = module.pool.security_group_id }
  drain_token             = local.drain_token

  template_id     = data.exoscale_template.monitoring.id
  instance_type   = var.monitoring_instance_type
  disk_size       = var.monitoring_disk_size
  ssh_public_keys = local.ssh_public_keys
  ssh_key_names   = local.ssh_key_names

  admin_cidr                 = var.admin_cidr
  admin_cidr_may_be_everyone = var.admin_cidr_may_be_everyone

  min_size   = var.min_size
  max_size   = var.max_size
  thresholds = var.thresholds

  webhook_token          = var.webhook_token
  control_token          = var.control_token
  grafana_admin_password = var.grafana_admin_password
  tls                    = var.monitoring_tls
  operator_emails        = var.operator_emails
  operator_smtp          = var.operator_smtp
  operator_webhook       = var.operator_webhook
  restrict_agent_to_pool = var.restrict_agent_to_pool
  agent_settings         = var.agent_settings
}
