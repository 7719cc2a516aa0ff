# What every stack begins with.

terraform {
  required_providers {
    exoscale = {
      source = "exoscale/exoscale"
    }
  }
}

variable "changed" {
  description = "Whether the second of the two states is wanted."
  type        = bool
  default     = false
}

variable "zone" {
  type    = string
  default = "at-vie-1"
}

data "exoscale_template" "ubuntu" {
  zone = var.zone
  name = "Linux Ubuntu 22.04 LTS 64-bit"
}
