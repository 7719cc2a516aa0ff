# An instance that is stopped, started, resized and protected.

resource "exoscale_compute_instance" "sleeper" {
  zone        = var.zone
  name        = "sleeper"
  template_id = data.exoscale_template.ubuntu.id
  type        = "standard.small"
  disk_size   = 10
  state       = var.changed ? "stopped" : "running"
}

resource "exoscale_compute_instance" "waker" {
  zone        = var.zone
  name        = "waker"
  template_id = data.exoscale_template.ubuntu.id
  type        = "standard.small"
  disk_size   = 10
  state       = var.changed ? "running" : "stopped"
}

resource "exoscale_compute_instance" "grower" {
  zone              = var.zone
  name              = "grower"
  template_id       = data.exoscale_template.ubuntu.id
  type              = var.changed ? "standard.medium" : "standard.small"
  disk_size         = var.changed ? 20 : 10
  destroy_protected = !var.changed
  reverse_dns       = var.changed ? null : "grower.example.net"
  user_data         = var.changed ? "#!/bin/sh\necho two\n" : "#!/bin/sh\necho one\n"
}
