# Two pools that talk to each other, one of them booted by a script.

resource "exoscale_security_group" "front" {
  name = "front"
}

resource "exoscale_security_group" "back" {
  name = "back"
}

resource "exoscale_security_group_rule" "front_to_back" {
  security_group_id      = exoscale_security_group.back.id
  type                   = "INGRESS"
  protocol               = "TCP"
  user_security_group_id = exoscale_security_group.front.id
  start_port             = 8080
  end_port               = 8090
  description            = "from the front"
}

resource "exoscale_instance_pool" "front" {
  zone               = var.zone
  name               = "front"
  instance_prefix    = "front"
  template_id        = data.exoscale_template.ubuntu.id
  instance_type      = "standard.tiny"
  disk_size          = 10
  size               = 1
  security_group_ids = [exoscale_security_group.front.id]
  labels             = { tier = "front" }
  user_data          = "#!/bin/bash\napt-get install -y haproxy\n"
}

resource "exoscale_instance_pool" "back" {
  zone               = var.zone
  name               = var.changed ? "workers" : "back"
  description        = "what works"
  template_id        = data.exoscale_template.ubuntu.id
  instance_type      = var.changed ? "standard.medium" : "standard.small"
  disk_size          = var.changed ? 20 : 10
  size               = 2
  min_available      = 1
  security_group_ids = [exoscale_security_group.back.id]
  labels             = { tier = "back", release = var.changed ? "2" : "1" }
}
