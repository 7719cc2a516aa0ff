# Roles whose rules use the forms of the provider's own examples, and their keys.

resource "exoscale_iam_role" "private_instances" {
  name        = "private-instances"
  description = "Instances without public addresses."
  editable    = true

  policy = {
    default_service_strategy = "allow"
    services = {
      compute = {
        type = "rules"
        rules = [
          {
            expression = "operation == 'create-instance' && (!parameters.has('public_ip_assignment') || parameters.public_ip_assignment != 'none')"
            action     = "deny"
          },
          {
            expression = "true"
            action     = "allow"
          }
        ]
      }
      "compute-legacy" = {
        type = "deny"
      }
    }
  }
}

resource "exoscale_iam_role" "buckets" {
  name     = "buckets"
  editable = true
  labels   = { team = var.changed ? "two" : "one" }

  policy = {
    default_service_strategy = "deny"
    services = {
      sos = {
        type = "rules"
        rules = [
          {
            expression = "operation in ['list-sos-buckets-usage', 'list-buckets']"
            action     = "allow"
          },
          {
            expression = var.changed ? "!(parameters.bucket in ['one', 'two'])" : "parameters.bucket != 'one'"
            action     = "deny"
          },
          {
            expression = "true"
            action     = "allow"
          }
        ]
      }
      dbaas = {
        type = "rules"
        rules = [
          {
            expression = "resources.dbaas_service.name != 'mine'"
            action     = "deny"
          },
          {
            expression = "true"
            action     = "allow"
          }
        ]
      }
    }
  }
}

resource "exoscale_iam_api_key" "buckets" {
  name    = "buckets"
  role_id = exoscale_iam_role.buckets.id
}

resource "exoscale_iam_api_key" "instances" {
  name    = "instances"
  role_id = exoscale_iam_role.private_instances.id
}
