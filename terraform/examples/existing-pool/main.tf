# Puts a pool that somebody else made under autoscaling. The pool and its load balancer stay theirs; here are only the
# monitoring host, the agent's key, and one rule in the pool's security groups.

# Key and secret: EXOSCALE_API_KEY and EXOSCALE_API_SECRET.
provider "exoscale" {}

data "exoscale_instance_pool" "web" {
  zone = var.zone
  name = var.instance_pool
}

data "exoscale_nlb" "web" {
  zone = var.zone
  name = var.load_balancer
}

data "exoscale_template" "monitoring" {
  zone       = var.zone
  name       = var.monitoring_template
  visibility = var.package == null ? "private" : "public"
}

module "autoscaler" {
  source = "../../modules/monitoring"

  zone             = var.zone
  name             = var.name
  template_id      = data.exoscale_template.monitoring.id
  package          = var.package
  instance_pool_id = data.exoscale_instance_pool.web.id
  load_balancer_id = data.exoscale_nlb.web.id
  min_size         = var.min_size
  max_size         = var.max_size
  admin_cidr       = var.admin_cidr

  # Prometheus asks each member's node exporter for its CPU use.
  pool_security_group_ids = { for id in data.exoscale_instance_pool.web.security_group_ids : id => id }

  # This application has no POST /drain, with which a member would finish its requests before it goes.
  agent_settings = { drain = { enabled = "false" } }
}
