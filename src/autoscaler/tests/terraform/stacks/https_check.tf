# A load balancer that checks by HTTPS, and one service by datagrams.

data "exoscale_nlb" "found" {
  zone = var.zone
  id   = exoscale_nlb.edge.id
}

resource "exoscale_instance_pool" "edge" {
  zone          = var.zone
  name          = "edge"
  template_id   = data.exoscale_template.ubuntu.id
  instance_type = "standard.medium"
  disk_size     = 10
  size          = 2
}

resource "exoscale_nlb" "edge" {
  zone   = var.zone
  name   = "edge"
  labels = { stage = var.changed ? "live" : "trial" }
}

resource "exoscale_nlb_service" "https" {
  zone             = var.zone
  nlb_id           = exoscale_nlb.edge.id
  name             = "https"
  instance_pool_id = exoscale_instance_pool.edge.id
  protocol         = "tcp"
  port             = 443
  target_port      = 8443
  strategy         = "round-robin"

  healthcheck {
    mode     = "https"
    port     = 8443
    uri      = "/healthz"
    tls_sni  = var.changed ? "www.example.net" : "example.net"
    interval = 5
    timeout  = 3
    retries  = 1
  }
}

resource "exoscale_nlb_service" "names" {
  zone             = var.zone
  nlb_id           = exoscale_nlb.edge.id
  name             = "names"
  description      = "name service"
  instance_pool_id = exoscale_instance_pool.edge.id
  protocol         = "udp"
  port             = 53
  target_port      = var.changed ? 5353 : 53
  strategy         = "source-hash"

  healthcheck {
    mode = "tcp"
    port = 53
  }
}

output "address" {
  value = data.exoscale_nlb.found.ip_address
}
