# Addresses that stay: one that is checked, one that an instance has by itself.

resource "exoscale_elastic_ip" "managed" {
  zone        = var.zone
  description = var.changed ? "the shop" : "the site"
  reverse_dns = "www.example.net"
  labels      = { use = "web" }

  healthcheck {
    mode         = "http"
    port         = 80
    uri          = "/healthz"
    interval     = var.changed ? 20 : 10
    timeout      = 3
    strikes_ok   = 2
    strikes_fail = 3
  }
}

resource "exoscale_elastic_ip" "plain" {
  zone = var.zone
}

resource "exoscale_instance_pool" "web" {
  zone           = var.zone
  name           = "web"
  template_id    = data.exoscale_template.ubuntu.id
  instance_type  = "standard.small"
  disk_size      = 10
  size           = 1
  elastic_ip_ids = [exoscale_elastic_ip.managed.id]
}

resource "exoscale_compute_instance" "bastion" {
  zone           = var.zone
  name           = "bastion"
  template_id    = data.exoscale_template.ubuntu.id
  type           = "standard.small"
  disk_size      = 10
  elastic_ip_ids = var.changed ? [] : [exoscale_elastic_ip.plain.id]
}
