# Pool and instance with an IPv6 address.

resource "exoscale_instance_pool" "both" {
  zone          = var.zone
  name          = "both"
  template_id   = data.exoscale_template.ubuntu.id
  instance_type = "standard.small"
  disk_size     = 10
  size          = 1
  ipv6          = true
  description   = var.changed ? "after" : "before"
}

resource "exoscale_compute_instance" "both" {
  zone        = var.zone
  name        = "both"
  template_id = data.exoscale_template.ubuntu.id
  type        = "standard.small"
  disk_size   = 10
  ipv6        = true
  labels      = { state = var.changed ? "after" : "before" }
}

output "address" {
  value = exoscale_compute_instance.both.ipv6_address
}
