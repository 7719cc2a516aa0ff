# What can be set about the stack as a whole. Settings of one part are beside it.

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

locals {
  ssh_public_keys = var.ssh_public_key == "" ? [] : [trimspace(var.ssh_public_key)]
  ssh_key_names   = exoscale_ssh_key.admin[*].name
}

resource "exoscale_ssh_key" "admin" {
  count = length(local.ssh_public_keys)

  name       = "${var.name}-admin"
  public_key = local.ssh_public_keys[count.index]
}
