variable "exoscale_key" {
  description = "API key with access to object storage and templates."
  type        = string
  nullable    = false
}

variable "exoscale_secret" {
  description = "Secret of that key."
  type        = string
  sensitive   = true
  nullable    = false
}

variable "exoscale_zone" {
  description = "Zone of the bucket and the templates: the stack's."
  type        = string
  default     = "at-vie-1"
  nullable    = false
}

variable "bucket" {
  description = "Name of the bucket to make; unique among all of Exoscale's."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "A bucket's name has 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "images" {
  description = "Image files (qcow2) by the names of their templates."
  type        = map(string)
  nullable    = false
  default = {
    slow-app   = "../../result-slow-app/slow-app.qcow2"
    monitoring = "../../result-monitoring/monitoring.qcow2"
  }

  validation {
    condition     = alltrue([for name in keys(var.images) : can(regex("^[a-z0-9][a-z0-9.-]{0,60}$", name))])
    error_message = "Names of templates have lower-case letters, digits, dots and hyphens."
  }
}

variable "boot_mode" {
  description = "Firmware that the images boot with: legacy or uefi."
  type        = string
  default     = "legacy"
  nullable    = false

  validation {
    condition     = contains(["legacy", "uefi"], var.boot_mode)
    error_message = "Boot modes are legacy and uefi."
  }
}

variable "autoscaler" {
  description = "The autoscaler program."
  type        = string
  default     = "autoscaler"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9/._-]+$", var.autoscaler))
    error_message = "A path without spaces."
  }
}
