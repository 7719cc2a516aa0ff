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
