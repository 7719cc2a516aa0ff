# What can be set. Only the two credentials have no default.

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

  validation {
    condition     = var.admin_cidr == "" || can(cidrhost(var.admin_cidr, 0))
    error_message = "Write a network such as 203.0.113.7/32."
  }

  # A half or a quarter of the internet is no less open than all of it.
  validation {
    condition = (
      var.admin_cidr == "" || var.admin_cidr_may_be_everyone || !can(cidrhost(var.admin_cidr, 0)) ? true :
      tonumber(split("/", var.admin_cidr)[1]) >= (strcontains(var.admin_cidr, ":") ? 20 : 8)
    )
    error_message = "Prometheus and the agent's page have no login, and this network is (nearly) everyone: write your own, or set admin_cidr_may_be_everyone = true."
  }
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

  validation {
    condition     = var.health_check.interval >= 5 && var.health_check.interval <= 300
    error_message = "health_check.interval must be from 5 to 300 s."
  }

  validation {
    condition     = var.health_check.timeout >= 2 && var.health_check.timeout <= min(60, var.health_check.interval)
    error_message = "health_check.timeout must be from 2 to 60 s, and not longer than the interval."
  }

  validation {
    condition     = var.health_check.retries >= 1 && var.health_check.retries <= 20
    error_message = "health_check.retries must be from 1 to 20."
  }
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

  validation {
    condition     = can(regex("^[a-z0-9]+\\.[a-z0-9-]+$", var.monitoring_instance_type))
    error_message = "Write family.size, such as standard.small."
  }
}

variable "monitoring_disk_size" {
  description = "Disk of the monitoring instance in GiB: Prometheus keeps its samples on it."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.monitoring_disk_size >= 10 && var.monitoring_disk_size <= 51200
    error_message = "A disk has 10 to 51200 GiB."
  }
}

variable "thresholds" {
  description = "Average CPU use of the pool above which it grows and below which it shrinks, from 0 to 1."
  type = object({
    up   = optional(number, 0.8)
    down = optional(number, 0.2)
  })
  default  = {}
  nullable = false

  validation {
    condition     = 0 < var.thresholds.down && var.thresholds.down < var.thresholds.up && var.thresholds.up < 1
    error_message = "Thresholds need 0 < down < up < 1."
  }

  validation {
    condition = (
      var.max_size == var.min_size ||
      var.thresholds.down * (var.min_size + 1) / var.min_size < var.thresholds.up
    )
    error_message = "These thresholds would flap: a pool that shrinks to min_size is at once above thresholds.up. Lower thresholds.down."
  }
}

variable "webhook_token" {
  description = "Secret with which Grafana proves itself to the agent. The empty text: one is made, once."
  type        = string
  default     = ""
  sensitive   = true
  nullable    = false

  validation {
    condition     = var.webhook_token == "" || can(regex("^[!-~]{16,}$", var.webhook_token))
    error_message = "A token is at least 16 visible ASCII characters, without spaces."
  }
}

variable "control_token" {
  description = "Secret with which an operator gives orders to the agent (docs/operating.md). The empty text: one is made, once; `terraform output -raw control_token` shows it."
  type        = string
  default     = ""
  sensitive   = true
  nullable    = false

  validation {
    condition     = var.control_token == "" || can(regex("^[!-~]{16,}$", var.control_token))
    error_message = "A token is at least 16 visible ASCII characters, without spaces."
  }

  validation {
    condition     = var.control_token == "" || var.control_token != var.webhook_token
    error_message = "control_token must differ from webhook_token: who sends alerts gives no orders."
  }
}

variable "grafana_admin_password" {
  description = "Password of Grafana's user admin. The empty text: one is made, once; `terraform output -raw grafana_admin_password` shows it."
  type        = string
  default     = ""
  sensitive   = true
  nullable    = false

  validation {
    condition     = var.grafana_admin_password == "" || length(var.grafana_admin_password) >= 8
    error_message = "The password needs at least 8 characters."
  }

  validation {
    condition     = var.grafana_admin_password == "" ? true : can(regex("^[^[:cntrl:][:space:]]([^[:cntrl:]]*[^[:cntrl:][:space:]])?$", replace(var.grafana_admin_password, "%(", "\n")))
    error_message = "The password is one line that neither begins nor ends with a space nor has %( in it."
  }
}

variable "monitoring_tls" {
  description = "The certificate with which the monitoring instance speaks HTTPS, followed by those between it and its authority, and its private key, both in PEM. By default the instance makes one, and says its fingerprint on the console."
  type = object({
    certificate = string
    key         = string
  })
  default   = null
  sensitive = true

  validation {
    condition     = var.monitoring_tls == null ? true : strcontains(var.monitoring_tls.certificate, "-----BEGIN CERTIFICATE-----")
    error_message = "monitoring_tls.certificate is the text of a certificate in PEM, such as that of fullchain.pem."
  }

  validation {
    condition     = var.monitoring_tls == null ? true : can(regex("-----BEGIN ([A-Z]+ )?PRIVATE KEY-----", replace(var.monitoring_tls.key, "ENCRYPTED", "encrypted")))
    error_message = "monitoring_tls.key is the text of a private key in PEM that asks for no password, such as that of privkey.pem."
  }
}

variable "operator_emails" {
  description = "E-mail addresses that Grafana writes to when the autoscaler needs a person; needs operator_smtp. None by default: then nobody is written to."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.operator_emails : can(regex("^[A-Za-z0-9.!#&'*+/=?^_~-]+@[A-Za-z0-9.-]+$", address))])
    error_message = "Write each address such as ops@example.com, without a name."
  }
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

  validation {
    condition     = var.operator_smtp == null ? true : can(regex("^[][A-Za-z0-9.:-]+:[1-9][0-9]{0,4}$", var.operator_smtp.host))
    error_message = "operator_smtp.host is HOST:PORT, such as mail.example.com:587."
  }

  validation {
    condition     = var.operator_smtp == null ? true : can(regex("^[A-Za-z0-9.!#&'*+/=?^_~-]+@[A-Za-z0-9.-]+$", var.operator_smtp.from))
    error_message = "operator_smtp.from is an address such as autoscaler@example.com, without a name."
  }

  validation {
    condition     = var.operator_smtp == null ? true : (var.operator_smtp.user == null) == (var.operator_smtp.password == null)
    error_message = "operator_smtp needs user and password, or neither."
  }

  validation {
    condition     = try(var.operator_smtp.user, null) == null ? true : can(regex("^[!#&-\\[\\]-_a-~]+$", var.operator_smtp.user))
    error_message = "operator_smtp.user is visible ASCII without quotes, backslash, $ and %."
  }

  validation {
    condition     = try(var.operator_smtp.password, null) == null ? true : can(regex("^[^[:cntrl:][:space:]]([^[:cntrl:]]*[^[:cntrl:][:space:]])?$", replace(var.operator_smtp.password, "%(", "\n")))
    error_message = "operator_smtp.password is one line that neither begins nor ends with a space nor has %( in it."
  }

  validation {
    condition     = (var.operator_smtp == null) == (length(var.operator_emails) == 0)
    error_message = "E-mail needs somebody to tell and a server that takes it: set both operator_emails and operator_smtp, or neither."
  }
}

variable "operator_webhook" {
  description = "A URL that Grafana posts to when the autoscaler needs a person, in Grafana's own form, and a bearer token if it wants one. None by default: then nobody is told."
  type = object({
    url   = string
    token = optional(string)
  })
  default   = null
  sensitive = true

  validation {
    condition     = var.operator_webhook == null ? true : can(regex("^https?://[^/?#{}\"\\\\ ]+[^{}\"\\\\ ]*$", var.operator_webhook.url))
    error_message = "operator_webhook.url begins with https:// or http://."
  }

  validation {
    condition     = try(var.operator_webhook.token, null) == null ? true : can(regex("^[!-~]+$", var.operator_webhook.token))
    error_message = "operator_webhook.token is visible ASCII, without spaces."
  }
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

  validation {
    condition     = alltrue([for section in keys(var.agent_settings) : contains(["scaling", "scale_out", "scale_in", "drain", "discovery", "exoscale", "log"], section)])
    error_message = "Sections are scaling, scale_out, scale_in, drain, discovery, exoscale and log."
  }
}
