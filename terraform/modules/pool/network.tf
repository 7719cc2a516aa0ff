# Who may talk to the instances. Nothing else gets in.

resource "exoscale_security_group" "pool" {
  name        = "${var.name}-pool"
  description = "The ${var.application}'s instances"
}

# The load balancer keeps the client's address, so the application is open to its clients. The agent
# drains an instance over the same port, with a token.
resource "exoscale_security_group_rule" "application" {
  for_each = var.clients

  security_group_id = exoscale_security_group.pool.id
  description       = "Application, from anywhere over ${each.key}"
  type              = "INGRESS"
  protocol          = "TCP"
  cidr              = each.value
  start_port        = var.application_port
  end_port          = var.application_port
}

resource "exoscale_security_group_rule" "ssh" {
  count = var.admin_cidr == "" || var.ssh_key == null ? 0 : 1

  security_group_id = exoscale_security_group.pool.id
  description       = "SSH, from admin_cidr"
  type              = "INGRESS"
  protocol          = "TCP"
  cidr              = var.admin_cidr
  start_port        = 22
  end_port          = 22
}
