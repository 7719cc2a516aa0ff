# The pool.

variable "zone" {
  description = "Zone of the pool, and of the monitoring host."
  type        = string
  nullable    = false
}

variable "name" {
  description = "Begins the name of everything that is made: 2 to 19 lower-case letters, digits and hyphens."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,17}[a-z0-9]$", var.name))
    error_message = "Use 2 to 19 lower-case letters, digits and hyphens, with a letter first and no hyphen last."
  }
}

variable "instance_pool_id" {
  description = "The pool to scale. Whoever makes it must ignore changes of its size, or each of their applies undoes what the agent did."
  type        = string
  nullable    = false
}

variable "load_balancer_id" {
  description = "The load balancer before the pool: the agent asks it which members are healthy, and when a drain is noticed. Nothing: it goes without."
  type        = string
  default     = null
}

variable "pool_security_group_ids" {
  description = "Security groups of the pool's members, each by a name of your own, in which port 9100 is opened to the monitoring host: there a node exporter tells Prometheus of CPU use."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "drain_token" {
  description = "Token with which the agent proves that it may drain a member. Nothing: the members ask for none."
  type        = string
  default     = null
  sensitive   = true
}

# The host.

variable "template_id" {
  description = "Template of the host: this project's monitoring image, or with `package` a public one of Debian or Ubuntu. Another one is another host."
  type        = string
  nullable    = false
}

variable "package" {
  description = "The agent's Debian package, by its address and its SHA-256 checksum, for a host of Debian 12 or Ubuntu 22.04 and later. Nothing: the template is this project's image."
  type = object({
    url    = string
    sha256 = string
  })
  default = null

  validation {
    condition     = var.package == null ? true : can(regex("^https://[^ '\"]+\\.deb$", var.package.url))
    error_message = "package.url begins with https:// and ends with .deb."
  }

  validation {
    condition     = var.package == null ? true : can(regex("^[0-9a-f]{64}$", var.package.sha256))
    error_message = "package.sha256 is 64 hexadecimal digits, as `sha256sum` prints them."
  }
}

variable "instance_type" {
  description = "Size of the host."
  type        = string
  default     = "standard.small"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]+\\.[a-z0-9-]+$", var.instance_type))
    error_message = "Write family.size, such as standard.small."
  }
}

variable "disk_size" {
  description = "Disk of the host in GiB: Prometheus keeps its samples on it."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.disk_size >= 10 && var.disk_size <= 51200
    error_message = "A disk has 10 to 51200 GiB."
  }
}

variable "ssh_public_keys" {
  description = "Public keys that may log in to the host as root, from admin_cidr."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "ssh_key_names" {
  description = "Names of the same keys in the account, for the instance's own metadata."
  type        = list(string)
  default     = []
  nullable    = false
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

# The agent, and whom it tells.

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

variable "tls" {
  description = "The certificate with which the monitoring instance speaks HTTPS, followed by those between it and its authority, and its private key, both in PEM. By default the instance makes one, and says its fingerprint on the console."
  type = object({
    certificate = string
    key         = string
  })
  default   = null
  sensitive = true

  validation {
    condition     = var.tls == null ? true : strcontains(var.tls.certificate, "-----BEGIN CERTIFICATE-----")
    error_message = "tls.certificate is the text of a certificate in PEM, such as that of fullchain.pem."
  }

  validation {
    condition     = var.tls == null ? true : can(regex("-----BEGIN ([A-Z]+ )?PRIVATE KEY-----", replace(var.tls.key, "ENCRYPTED", "encrypted")))
    error_message = "tls.key is the text of a private key in PEM that asks for no password, such as that of privkey.pem."
  }

  validation {
    condition     = var.tls == null || var.package == null
    error_message = "A host of Debian or Ubuntu has no web server that would take tls: open its pages through SSH."
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
  description = "A URL that Grafana posts to when the autoscaler needs a person, in Grafana's own form or with `package` in Alertmanager's, and a bearer token if it wants one. None by default: then nobody is told."
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
    condition     = alltrue([for section in keys(var.agent_settings) : contains(["scaling", "scale_out", "scale_in", "drain", "discovery", "exoscale", "lease", "log"], section)])
    error_message = "Sections are scaling, scale_out, scale_in, drain, discovery, exoscale, lease and log."
  }
}
