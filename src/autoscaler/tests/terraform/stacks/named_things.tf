# What every account has, found by name: templates, zones, groups.

locals {
  templates = var.changed ? toset([
    "Linux Ubuntu 24.04 LTS 64-bit",
    "Linux Debian 12 (Bookworm) 64-bit",
    "Rocky Linux 9 (Blue Onyx) 64-bit",
    ]) : toset([
    "Linux Ubuntu 20.04 LTS 64-bit",
    "Linux Ubuntu 22.04 LTS 64-bit",
    "Linux Debian 11 (Bullseye) 64-bit",
  ])
}

data "exoscale_zones" "all" {}

data "exoscale_template" "named" {
  for_each = local.templates
  zone     = var.zone
  name     = each.key
}

data "exoscale_security_group" "default" {
  name = "default"
}

resource "exoscale_security_group" "checked" {
  name             = "checked"
  description      = "load balancers may check"
  external_sources = var.changed ? ["192.0.2.0/24"] : ["198.51.100.0/24", "192.0.2.0/24"]
}

resource "exoscale_security_group_rule" "checks" {
  security_group_id     = exoscale_security_group.checked.id
  type                  = "INGRESS"
  protocol              = "TCP"
  public_security_group = "public-nlb-healthcheck-sources"
  start_port            = 80
  end_port              = 80
}

resource "exoscale_security_group_rule" "ping" {
  security_group_id = exoscale_security_group.checked.id
  type              = "INGRESS"
  protocol          = "ICMP"
  cidr              = "0.0.0.0/0"
  icmp_type         = 8
  icmp_code         = 0
}

resource "exoscale_compute_instance" "one" {
  zone               = var.zone
  name               = "one"
  template_id        = data.exoscale_template.named["Linux ${var.changed ? "Debian 12 (Bookworm)" : "Debian 11 (Bullseye)"} 64-bit"].id
  type               = "standard.small"
  disk_size          = 10
  security_group_ids = [data.exoscale_security_group.default.id, exoscale_security_group.checked.id]
}

output "default_user" {
  value = exoscale_compute_instance.one.id == "" ? "" : values(data.exoscale_template.named)[0].default_user
}
