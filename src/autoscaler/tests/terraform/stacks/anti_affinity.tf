# Instances that must not share a host, in the account's own security group.

data "exoscale_security_group" "default" {
  name = "default"
}

resource "exoscale_anti_affinity_group" "apart" {
  name        = "apart"
  description = "no two on a host"
}

resource "exoscale_ssh_key" "me" {
  name       = "me"
  public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKD9Hp8hcRZ3N4BHkXxJCVfLhH3H4OhCm3qjeVwIeOCN me"
}

resource "exoscale_instance_pool" "apart" {
  zone                    = var.zone
  name                    = "apart"
  template_id             = data.exoscale_template.ubuntu.id
  instance_type           = "standard.small"
  disk_size               = 10
  size                    = var.changed ? 1 : 2
  key_pair                = exoscale_ssh_key.me.name
  anti_affinity_group_ids = [exoscale_anti_affinity_group.apart.id]
  security_group_ids      = [data.exoscale_security_group.default.id]
}

resource "exoscale_compute_instance" "alone" {
  zone                    = var.zone
  name                    = var.changed ? "alone" : "single"
  template_id             = data.exoscale_template.ubuntu.id
  type                    = "standard.micro"
  disk_size               = 10
  anti_affinity_group_ids = [exoscale_anti_affinity_group.apart.id]
  ssh_keys                = [exoscale_ssh_key.me.name]
}
