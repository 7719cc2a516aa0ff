# One load of many machines: an instance pool of generators, each of which claims a slice of it and pushes its results to
# a bucket. The members get the same user-data, with presigned URLs in the place of a key.

# Key and secret: EXOSCALE_API_KEY and EXOSCALE_API_SECRET.
provider "exoscale" {}

data "exoscale_template" "generator" {
  zone       = var.zone
  name       = var.template
  visibility = "public"
}

locals {
  fleet = jsondecode(file(var.fleet_file))

  cloud_config = "#cloud-config\n${yamlencode({
    package_update = true
    packages       = ["ca-certificates", "curl"]
    write_files = [
      {
        path        = "/etc/loadtest/fleet.json"
        content     = jsonencode(local.fleet)
        permissions = "0600"
      },
      {
        path        = "/usr/local/sbin/run-loadtest"
        content     = file("${path.module}/run.sh")
        permissions = "0755"
      },
    ]
    runcmd = [concat(
      ["/usr/local/sbin/run-loadtest", var.program.url, var.program.sha256],
      var.load,
      [var.target],
    )]
  })}"
}

# No rule: a generator takes no connection.
resource "exoscale_security_group" "generators" {
  name        = "${var.name}-generators"
  description = "The load generators, which nobody calls"
}

resource "exoscale_instance_pool" "generators" {
  zone               = var.zone
  name               = "${var.name}-generators"
  description        = "Load generators; each makes a slice of the load and pushes its results"
  template_id        = data.exoscale_template.generator.id
  instance_type      = var.instance_type
  instance_prefix    = var.name
  disk_size          = 10
  size               = var.generators
  key_pair           = var.ssh_key
  security_group_ids = [exoscale_security_group.generators.id]
  user_data          = sensitive(base64gzip(local.cloud_config))

  lifecycle {
    # cloud-init reads it once, and a slice is claimed once: another load has other generators.
    replace_triggered_by = [terraform_data.load]

    precondition {
      condition     = length(local.fleet.slices) == var.generators
      error_message = "${var.fleet_file} is for ${length(local.fleet.slices)} machines and generators is ${var.generators}; run loadtest fleet --machines ${var.generators}."
    }

    precondition {
      condition     = length(base64gzip(local.cloud_config)) <= 32768
      error_message = "The URLs of so many generators do not fit into the 32 KiB of user-data: make two fleets."
    }
  }
}

resource "terraform_data" "load" {
  input = sha256(local.cloud_config)
}
