# What can be set. Only the two credentials have no default. What a module takes as it is, the module checks.

# The stack as a whole.

variable "exoscale_key" {
  description = "API key that makes the stack: `EXO…`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^EXO[0-9A-Za-z]{8,}$", var.exoscale_key))
    error_message = "An API key is EXO and at least eight letters or digits; make one at portal.exoscale.com, IAM, API keys."
  }
}

variable "exoscale_secret" {
  description = "Secret of that key."
  type        = string
  sensitive   = true
  nullable    = false

  validation {
    condition     = length(trimspace(var.exoscale_secret)) >= 20
    error_message = "This is no API secret: it is shown once, when the key is made, and is longer than 20 characters."
  }
}

variable "exoscale_zone" {
  description = "Zone in which everything runs."
  type        = string
  default     = "at-vie-1"
  nullable    = false

  validation {
    condition = contains([
      "ch-gva-2", "ch-dk-2", "de-fra-1", "de-muc-1", "at-vie-1", "at-vie-2", "bg-sof-1", "hr-zag-1",
    ], var.exoscale_zone)
    error_message = "Unknown zone; see https://www.exoscale.com/datacenters/."
  }
}

variable "name" {
  description = "Begins the name of everything that is made, so that one account can hold several stacks."
  type        = string
  default     = "autoscaler"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,17}[a-z0-9]$", var.name))
    error_message = "Use 2 to 19 lower-case letters, digits and hyphens, with a letter first and no hyphen last."
  }
}

variable "admin_cidr" {
  description = "Network that may open Grafana, Prometheus, the agent's page and SSH, such as your own address with /32. The empty text lets nobody in."
  type        = string
  default     = ""
  nullable    = false
}

variable "admin_cidr_may_be_everyone" {
  description = "Whether admin_cidr may be larger than a /8 of IPv4 or a /20 of IPv6, such as 0.0.0.0/0. Everyone then reads Prometheus and the agent's page, which have no login."
  type        = bool
  default     = false
  nullable    = false
}

variable "ssh_public_key" {
  description = "Public key that may log in to all instances as root, from admin_cidr. The empty text: nobody can."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.ssh_public_key == "" || can(regex("^(ssh-ed25519|ssh-rsa|ecdsa-sha2-[a-z0-9-]+) [A-Za-z0-9+/]+=*( .*)?$", trimspace(var.ssh_public_key)))
    error_message = "Write one line as in ~/.ssh/id_ed25519.pub: kind, key, comment."
  }
}

# The pool.

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
}

variable "min_size" {
  description = "Smallest size that the agent gives the pool."
  type        = number
  default     = 1
  nullable    = false
}

variable "max_size" {
  description = "Largest size that the agent gives the pool. It bounds the bill."
  type        = number
  default     = 5
  nullable    = false
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
    drain_lease  = optional(string)
    grace        = optional(string)
    quiet        = optional(string)
  })
  default  = {}
  nullable = false
}

# The load balancer.

variable "health_check" {
  description = "How the load balancer finds out which instances are well: seconds between two checks, seconds to wait for an answer, failures in a row."
  type = object({
    interval = optional(number, 5)
    timeout  = optional(number, 3)
    retries  = optional(number, 1)
  })
  default  = {}
  nullable = false
}

# Monitoring and the agent.

variable "monitoring_template" {
  description = "Name of the monitoring instance's private template; of several with this name the newest is taken."
  type        = string
  default     = "monitoring"
  nullable    = false
}

variable "monitoring_instance_type" {
  description = "Size of the monitoring instance."
  type        = string
  default     = "standard.small"
  nullable    = false
}

variable "monitoring_disk_size" {
  description = "Disk of the monitoring instance in GiB: Prometheus keeps its samples on it."
  type        = number
  default     = 10
  nullable    = false
}

variable "thresholds" {
  description = "Average CPU use of the pool above which it grows and below which it shrinks, from 0 to 1."
  type = object({
    up   = optional(number, 0.8)
    down = optional(number, 0.2)
  })
  default  = {}
  nullable = false
}

variable "webhook_token" {
  description = "Secret with which Grafana proves itself to the agent. The empty text: one is made, once."
  type        = string
  default     = ""
  sensitive   = true
  nullable    = false
}

variable "control_token" {
  description = "Secret with which an operator gives orders to the agent (docs/operating.md). The empty text: one is made, once; `terraform output -raw control_token` shows it."
  type        = string
  default     = ""
  sensitive   = true
  nullable    = false
}

variable "grafana_admin_password" {
  description = "Password of Grafana's user admin. The empty text: one is made, once; `terraform output -raw grafana_admin_password` shows it."
  type        = string
  default     = ""
  sensitive   = true
  nullable    = false
}

variable "monitoring_tls" {
  description = "The certificate with which the monitoring instance speaks HTTPS, followed by those between it and its authority, and its private key, both in PEM. By default the instance makes one, and says its fingerprint on the console."
  type = object({
    certificate = string
    key         = string
  })
  default   = null
  sensitive = true
}

variable "operator_emails" {
  description = "E-mail addresses that Grafana writes to when the autoscaler needs a person; needs operator_smtp. None by default: then nobody is written to."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "operator_smtp" {
  description = "The server that takes Grafana's e-mail: host with port, such as mail.example.com:587, the sender's address, and user and password if it wants them. It must speak TLS."
  type = object({
    host     = string
    from     = string
    user     = optional(string)
    password = optional(string)
  })
  default   = null
  sensitive = true
}

variable "operator_webhook" {
  description = "A URL that Grafana posts to when the autoscaler needs a person, in Grafana's own form, and a bearer token if it wants one. None by default: then nobody is told."
  type = object({
    url   = string
    token = optional(string)
  })
  default   = null
  sensitive = true
}

variable "restrict_agent_to_pool" {
  description = "Whether the agent's key may resize this pool alone. Set false if Exoscale answers its scaling with 403 (docs/terraform.md)."
  type        = bool
  default     = true
  nullable    = false
}

variable "agent_settings" {
  description = "Further settings of the agent by section and key, such as { scale_in = { stabilisation = \"5m\" } }; `autoscaler check-config --explain` lists them."
  type        = map(map(string))
  default     = {}
  nullable    = false
}
