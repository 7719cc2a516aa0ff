# The one address of the application.

resource "exoscale_nlb" "front" {
  zone        = var.zone
  name        = "${var.name}-front"
  description = "Before the ${var.application}"
}

resource "exoscale_nlb_service" "http" {
  zone             = var.zone
  nlb_id           = exoscale_nlb.front.id
  name             = "http"
  instance_pool_id = exoscale_instance_pool.pool.id
  protocol         = "tcp"
  port             = var.port
  target_port      = var.application_port
  strategy         = "round-robin"

  healthcheck {
    mode     = "http"
    port     = var.application_port
    uri      = var.health_check.uri
    interval = var.health_check.interval
    timeout  = var.health_check.timeout
    retries  = var.health_check.retries
  }
}
