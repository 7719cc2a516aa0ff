# One instance with the agent, and with what tells it of load.

resource "exoscale_compute_instance" "monitoring" {
  count = local.is_debian ? 0 : 1

  zone               = var.zone
  name               = "${var.name}-monitoring"
  template_id        = var.template_id
  type               = var.instance_type
  disk_size          = var.disk_size
  security_group_ids = [exoscale_security_group.monitoring.id]
  ssh_keys           = var.ssh_key_names
  # The image reads it at boot and each 30 s, and takes over what has changed.
  user_data = local.document
}

resource "exoscale_compute_instance" "debian" {
  count = local.is_debian ? 1 : 0

  zone               = var.zone
  name               = "${var.name}-monitoring"
  template_id        = var.template_id
  type               = var.instance_type
  disk_size          = var.disk_size
  security_group_ids = [exoscale_security_group.monitoring.id]
  ssh_keys           = var.ssh_key_names
  user_data          = base64gzip(local.cloud_config)

  lifecycle {
    # cloud-init reads it once: another one is another host.
    replace_triggered_by = [terraform_data.cloud_config]
  }
}

resource "terraform_data" "cloud_config" {
  count = local.is_debian ? 1 : 0

  input = nonsensitive(sha256(local.cloud_config))
}

locals {
  host_id = one(concat(exoscale_compute_instance.monitoring[*].id, exoscale_compute_instance.debian[*].id))
  address = one(concat(
    exoscale_compute_instance.monitoring[*].public_ip_address,
    exoscale_compute_instance.debian[*].public_ip_address,
  ))
}
