# Who may talk to whom. Nothing else gets in.

resource "exoscale_security_group" "pool" {
  name        = "${var.name}-pool"
  description = "The slow application's instances"
}

resource "exoscale_security_group" "monitoring" {
  name        = "${var.name}-monitoring"
  description = "Prometheus, Grafana and the agent"
}

# The load balancer keeps the client's address, so the application is open to everyone. The agent
# drains an instance over the same port, with a token.
resource "exoscale_security_group_rule" "application" {
  for_each = { ipv4 = "0.0.0.0/0", ipv6 = "::/0" }

  security_group_id = exoscale_security_group.pool.id
  description       = "Application, from anywhere over ${each.key}"
  type              = "INGRESS"
  protocol          = "TCP"
  cidr              = each.value
  start_port        = local.application_port
  end_port          = local.application_port
}

resource "exoscale_security_group_rule" "node_metrics" {
  security_group_id      = exoscale_security_group.pool.id
  description            = "Node exporter, from the monitoring instance"
  type                   = "INGRESS"
  protocol               = "TCP"
  user_security_group_id = exoscale_security_group.monitoring.id
  start_port             = local.node_metrics_port
  end_port               = local.node_metrics_port
}

resource "exoscale_security_group_rule" "monitoring" {
  for_each = var.admin_cidr == "" ? {} : {
    grafana    = local.grafana_port
    prometheus = local.prometheus_port
    agent      = local.agent_port
  }

  security_group_id = exoscale_security_group.monitoring.id
  description       = "${each.key}, from admin_cidr"
  type              = "INGRESS"
  protocol          = "TCP"
  cidr              = var.admin_cidr
  start_port        = each.value
  end_port          = each.value
}

resource "exoscale_security_group_rule" "ssh" {
  for_each = var.admin_cidr == "" || var.ssh_public_key == "" ? {} : {
    pool       = exoscale_security_group.pool.id
    monitoring = exoscale_security_group.monitoring.id
  }

  security_group_id = each.value
  description       = "SSH, from admin_cidr"
  type              = "INGRESS"
  protocol          = "TCP"
  cidr              = var.admin_cidr
  start_port        = 22
  end_port          = 22
}

# The images' own ports. Those of the monitoring instance speak HTTPS.
locals {
  application_port  = 8080
  node_metrics_port = 9100
  agent_port        = 8443
  prometheus_port   = 9443
  grafana_port      = 3443
}
