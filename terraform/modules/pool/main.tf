# The application's instances. The agent chooses how many there are.

resource "exoscale_anti_affinity_group" "pool" {
  name        = "${var.name}-pool"
  description = "Keeps the pool's instances on different hosts"
}

resource "exoscale_instance_pool" "pool" {
  zone            = var.zone
  name            = "${var.name}-pool"
  description     = "${upper(substr(var.application, 0, 1))}${substr(var.application, 1, -1)}; its size is the autoscaler's"
  template_id     = var.template_id
  instance_type   = var.instance_type
  instance_prefix = "${var.name}-app"
  disk_size       = var.disk_size
  size            = coalesce(var.initial_size, var.min_size)
  min_available   = var.min_size
  key_pair        = var.ssh_key
  user_data       = var.user_data

  anti_affinity_group_ids = [exoscale_anti_affinity_group.pool.id]
  security_group_ids      = concat([exoscale_security_group.pool.id], var.security_group_ids)

  lifecycle {
    # Else each apply would undo what the autoscaler did since the last one.
    ignore_changes = [size]
  }
}
