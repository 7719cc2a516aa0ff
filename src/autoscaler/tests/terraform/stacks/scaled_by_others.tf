# An application whose owner made pool and load balancer, and leaves the pool's size to an autoscaler.

resource "exoscale_security_group" "shop" {
  name = "shop"
}

resource "exoscale_security_group_rule" "http" {
  security_group_id = exoscale_security_group.shop.id
  type              = "INGRESS"
  protocol          = "TCP"
  cidr              = "0.0.0.0/0"
  start_port        = 8080
  end_port          = 8080
}

resource "exoscale_instance_pool" "shop" {
  zone               = var.zone
  name               = "shop"
  template_id        = data.exoscale_template.ubuntu.id
  instance_type      = "standard.small"
  disk_size          = 10
  size               = 1
  security_group_ids = [exoscale_security_group.shop.id]
  user_data          = <<-EOT
    #cloud-config
    packages: [nginx, prometheus-node-exporter]
  EOT

  lifecycle {
    ignore_changes = [size]
  }
}

resource "exoscale_nlb" "shop" {
  zone        = var.zone
  name        = "shop"
  description = var.changed ? "the shop's one address" : "before the shop"
}

resource "exoscale_nlb_service" "http" {
  zone             = var.zone
  nlb_id           = exoscale_nlb.shop.id
  name             = "http"
  instance_pool_id = exoscale_instance_pool.shop.id
  protocol         = "tcp"
  port             = 80
  target_port      = 8080
  strategy         = "round-robin"

  healthcheck {
    mode     = "http"
    port     = 8080
    uri      = "/health"
    interval = 5
    timeout  = 3
    retries  = 1
  }
}

output "url" {
  description = "The shop."
  value       = "http://${exoscale_nlb.shop.ip_address}/"
}
