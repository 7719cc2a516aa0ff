# The one address of the application.

variable "health_check" {
  description = "How the load balancer finds out which instances are well: seconds between two checks, seconds to wait for an answer, failures in a row."
  type = object({
    interval = optional(number, 5)
    timeout  = optional(number, 3)
    retries  = optional(number, 1)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.health_check.interval >= 5 && var.health_check.interval <= 300
    error_message = "health_check.interval must be from 5 to 300 s."
  }

  validation {
    condition     = var.health_check.timeout >= 2 && var.health_check.timeout <= min(60, var.health_check.interval)
    error_message = "health_check.timeout must be from 2 to 60 s, and not longer than the interval."
  }

  validation {
    condition     = var.health_check.retries >= 1 && var.health_check.retries <= 20
    error_message = "health_check.retries must be from 1 to 20."
  }
}

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
