# The account, and who may log in.

provider "exoscale" {
  key    = var.exoscale_key
  secret = var.exoscale_secret
}

locals {
  ssh_public_keys = var.ssh_public_key == "" ? [] : [trimspace(var.ssh_public_key)]
  ssh_key_names   = exoscale_ssh_key.admin[*].name
}

resource "exoscale_ssh_key" "admin" {
  count = length(local.ssh_public_keys)

  name       = "${var.name}-admin"
  public_key = local.ssh_public_keys[count.index]
}
