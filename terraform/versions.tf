# Everything here is Exoscale's own; no other provider is needed.

terraform {
  required_version = ">= 1.9"

  required_providers {
    exoscale = {
      source  = "exoscale/exoscale"
      version = "~> 0.69"
    }
  }

  # The state holds secrets (docs/terraform.md, "State"): keep it where only its owners read it and where
  # two applies at a time lock each other out. See backend.tf.example.
}
