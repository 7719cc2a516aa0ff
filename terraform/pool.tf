# The slow application's instances. The agent chooses how many there are.

variable "pool_template" {
  description = "Name of the slow application's private template; of several with this name the newest is taken."
  type        = string
  default     = "slow-app"
  nullable    = false
}

variable "pool_instance_type" {
  description = "Size of the pool's instances; see `exo compute instance-type list`."
  type        = string
  default     = "standard.micro"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]+\\.[a-z0-9-]+$", var.pool_instance_type))
    error_message = "Write family.size, such as standard.micro."
  }
}

variable "min_size" {
  description = "Smallest size that the agent gives the pool."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.min_size >= 1 && floor(var.min_size) == var.min_size
    error_message = "A pool has at least one instance: the smallest size is a whole number from 1 up."
  }
}

variable "max_size" {
  description = "Largest size that the agent gives the pool. It bounds the bill."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.max_size <= 1000 && floor(var.max_size) == var.max_size
    error_message = "The largest size is a whole number up to 1000."
  }

  validation {
    condition     = var.max_size >= var.min_size
    error_message = "max_size must be at least min_size."
  }
}

variable "initial_size" {
  description = "Size with which the pool is made; afterwards the agent chooses. Nothing: min_size."
  type        = number
  default     = null

  validation {
    condition = (
      var.initial_size == null ? true :
      var.initial_size >= var.min_size && var.initial_size <= var.max_size && floor(var.initial_size) == var.initial_size
    )
    error_message = "initial_size must be a whole number from min_size to max_size."
  }
}

variable "slow_app" {
  description = "Settings of the slow application, as `slow-app --help` explains them. Instances that are there keep theirs."
  type = object({
    work_ms      = optional(number)
    max_ms       = optional(number)
    load_seconds = optional(number)
    queue_limit  = optional(number)
    grace        = optional(string)
    quiet        = optional(string)
  })
  default  = {}
  nullable = false
}

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
