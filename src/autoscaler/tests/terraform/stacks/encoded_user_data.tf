# User-data in the forms that are not plain text: packed, in parts, for Ignition.

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

locals {
  parts = <<-EOT
    MIME-Version: 1.0
    Content-Type: multipart/mixed; boundary="part"

    --part
    Content-Type: text/x-shellscript

    #!/bin/sh
    echo ${var.changed ? "two" : "one"}
    --part--
  EOT
  ignition = jsonencode({
    ignition = { version = "3.3.0" }
    passwd   = { users = [{ name = "core" }] }
  })
}

resource "exoscale_instance_pool" "parts" {
  zone          = var.zone
  name          = "parts"
  template_id   = data.exoscale_template.ubuntu.id
  instance_type = "standard.small"
  disk_size     = 10
  size          = 1
  user_data     = local.parts
}

resource "exoscale_compute_instance" "ignition" {
  zone        = var.zone
  name        = "ignition"
  template_id = data.exoscale_template.ubuntu.id
  type        = "standard.small"
  disk_size   = 10
  user_data   = local.ignition
}

resource "exoscale_compute_instance" "packed" {
  zone        = var.zone
  name        = "packed"
  template_id = data.exoscale_template.ubuntu.id
  type        = "standard.small"
  disk_size   = 10
  user_data   = base64gzip("#cloud-config\npackages: [${var.changed ? "apache2" : "nginx"}]\n")
}
