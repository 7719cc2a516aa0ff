# The slow application's instances. The agent chooses how many there are.

data "exoscale_template" "pool" {
  zone       = var.exoscale_zone
  name       = var.pool_template
  visibility = "private"
}

resource "exoscale_anti_affinity_group" "pool" {
  name        = "${var.name}-pool"
  description = "Keeps the pool's instances on different hosts"
}

# The agent proves with it that it may drain an instance.
resource "terraform_data" "drain_token" {
  input = sha256("${uuid()}${uuid()}")

  lifecycle {
    ignore_changes = [input]
  }
}

locals {
  drain_token = sensitive(terraform_data.drain_token.output)
}

resource "exoscale_instance_pool" "pool" {
  zone            = var.exoscale_zone
  name            = "${var.name}-pool"
  description     = "Slow application; its size is the autoscaler's"
  template_id     = data.exoscale_template.pool.id
  instance_type   = var.pool_instance_type
  instance_prefix = "${var.name}-app"
  disk_size       = 10
  size            = coalesce(var.initial_size, var.min_size)
  min_available   = var.min_size
  key_pair        = one(local.ssh_key_names)

  anti_affinity_group_ids = [exoscale_anti_affinity_group.pool.id]
  security_group_ids      = [exoscale_security_group.pool.id]

  user_data = jsonencode({
    version             = 1
    role                = "slow-app"
    ssh_authorized_keys = local.ssh_public_keys
    slow_app = merge(
      { for setting, value in var.slow_app : setting => value if value != null },
      { drain_token = local.drain_token },
    )
  })

  lifecycle {
    # Else each apply would undo what the autoscaler did since the last one.
    ignore_changes = [size]
  }
}
