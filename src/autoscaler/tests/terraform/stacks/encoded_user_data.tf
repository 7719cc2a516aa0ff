# User-data in the forms that are not plain text: packed, in parts, for Ignition.

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
