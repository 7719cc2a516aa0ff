# Who may talk to the host, and how it reaches the members. Nothing else gets in.

resource "exoscale_security_group" "monitoring" {
  name        = "${var.name}-monitoring"
  description = "Prometheus, Grafana and the agent"
}

resource "exoscale_security_group_rule" "node_metrics" {
  for_each = var.pool_security_group_ids

  security_group_id      = each.value
  description            = "Node exporter, from the monitoring instance"
  type                   = "INGRESS"
  protocol               = "TCP"
  user_security_group_id = exoscale_security_group.monitoring.id
  start_port             = 9100
  end_port               = 9100
}

resource "exoscale_security_group_rule" "pages" {
  for_each = var.admin_cidr == "" || local.is_debian ? {} : local.ports

  security_group_id = exoscale_security_group.monitoring.id
  description       = "${each.key}, from admin_cidr"
  type              = "INGRESS"
  protocol          = "TCP"
  cidr              = var.admin_cidr
  start_port        = each.value
  end_port          = each.value
}

resource "exoscale_security_group_rule" "ssh" {
  count = var.admin_cidr == "" || length(var.ssh_public_keys) == 0 ? 0 : 1

  security_group_id = exoscale_security_group.monitoring.id
  description       = "SSH, from admin_cidr"
  type              = "INGRESS"
  protocol          = "TCP"
  cidr              = var.admin_cidr
  start_port        = 22
  end_port          = 22
}

# The image's own ports, which speak HTTPS. The local cloud's instances are processes of this machine,
# and speak plain HTTP on the programs' own ports.
locals {
  ports       = { grafana = 3443, prometheus = 9443, agent = 8443 }
  plain_ports = { grafana = 3000, prometheus = 9090, agent = 8090 }

  urls = {
    for name, port in local.ports :
    name => local.is_debian ? "http://127.0.0.1:${local.plain_ports[name]}/" : startswith(local.address, "127.") ? "http://${local.address}:${local.plain_ports[name]}/" : "https://${local.address}:${port}/"
  }
}
