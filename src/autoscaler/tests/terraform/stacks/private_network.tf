# A managed private network, with a lease of one's own and a pool in it.

resource "exoscale_private_network" "inner" {
  zone        = var.zone
  name        = "inner"
  description = var.changed ? "larger" : "small"
  netmask     = "255.255.255.0"
  start_ip    = "10.0.0.20"
  end_ip      = var.changed ? "10.0.0.250" : "10.0.0.100"
}

resource "exoscale_private_network" "unmanaged" {
  zone = var.zone
  name = "unmanaged"
}

resource "exoscale_compute_instance" "gateway" {
  zone        = var.zone
  name        = "gateway"
  template_id = data.exoscale_template.ubuntu.id
  type        = "standard.small"
  disk_size   = 10

  network_interface {
    network_id = exoscale_private_network.inner.id
    ip_address = var.changed ? "10.0.0.6" : "10.0.0.5"
  }

  dynamic "network_interface" {
    for_each = var.changed ? [] : [exoscale_private_network.unmanaged.id]
    content {
      network_id = network_interface.value
    }
  }
}

resource "exoscale_instance_pool" "inner" {
  zone          = var.zone
  name          = "inner"
  template_id   = data.exoscale_template.ubuntu.id
  instance_type = "standard.small"
  disk_size     = 10
  size          = 1
  network_ids   = [exoscale_private_network.inner.id]
}
