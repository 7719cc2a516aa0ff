# Uploads both images and registers them as private templates, under the names that the stack looks
# for. Exoscale's provider can look a template up and cannot make one, so the registration is a
# command of this project's own program: it needs nothing else installed, and it does nothing when
# the image (by its checksum) is registered already, so an apply may be repeated.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

# Object storage (SOS) speaks S3 and is not AWS.
provider "aws" {
  region     = var.exoscale_zone
  access_key = var.exoscale_key
  secret_key = var.exoscale_secret

  endpoints {
    s3 = "https://sos-${var.exoscale_zone}.exo.io"
  }

  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
}

# Images hold no secret. Whoever knows an object's address can read it, as Exoscale must.
resource "aws_s3_bucket" "images" {
  bucket        = var.bucket
  force_destroy = true
}

resource "aws_s3_object" "image" {
  for_each = var.images

  bucket      = aws_s3_bucket.images.id
  key         = "${each.key}-${filemd5(each.value)}.qcow2"
  source      = each.value
  source_hash = filemd5(each.value)
  acl         = "public-read"
}

resource "terraform_data" "template" {
  for_each = var.images

  input = {
    name     = each.key
    checksum = filemd5(each.value)
    zone     = var.exoscale_zone
    program  = var.autoscaler
  }
  triggers_replace = [filemd5(each.value), var.exoscale_zone]

  provisioner "local-exec" {
    command = join(" ", [
      "'${self.input.program}' template register --zone '${self.input.zone}'",
      "--name '${self.input.name}' --checksum '${self.input.checksum}' --boot-mode '${var.boot_mode}'",
      "--url 'https://sos-${var.exoscale_zone}.exo.io/${aws_s3_bucket.images.id}/${aws_s3_object.image[each.key].key}'",
    ])
    environment = {
      EXOSCALE_API_KEY    = var.exoscale_key
      EXOSCALE_API_SECRET = var.exoscale_secret
    }
  }

  # A destroy knows no variables: the credentials are those of the shell, as docs/terraform.md says.
  provisioner "local-exec" {
    when = destroy
    command = join(" ", [
      "'${self.input.program}' template remove --zone '${self.input.zone}'",
      "--name '${self.input.name}' --checksum '${self.input.checksum}'",
    ])
  }

  # The new template is there before the old one goes.
  lifecycle {
    create_before_destroy = true
  }
}
