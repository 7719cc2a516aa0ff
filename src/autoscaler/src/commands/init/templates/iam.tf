# The agent's own key: it can do what the agent does with this pool, and nothing else.
#
#   terraform init && terraform apply
#   export EXOSCALE_API_KEY=$(terraform output -raw agent_key)
#   export EXOSCALE_API_SECRET=$(terraform output -raw agent_secret)

terraform {
  required_providers {
    exoscale = {
      source = "exoscale/exoscale"
    }
  }
}

resource "exoscale_iam_role" "autoscaler" {
  name        = "autoscaler-agent"
  description = "Reads instance pools and resizes the autoscaler's"
  editable    = true

  policy = {
    default_service_strategy = "deny"
    services = {
      compute = {
        type = "rules"
        rules = [
          {
            action     = "allow"
            expression = "@READS@"
          },
          {
            action     = "allow"
            expression = "@WRITES@"
          },
        ]
      }
    }
  }
}

resource "exoscale_iam_api_key" "autoscaler" {
  name    = "autoscaler-agent"
  role_id = exoscale_iam_role.autoscaler.id
}

output "agent_key" {
  value = exoscale_iam_api_key.autoscaler.key
}

output "agent_secret" {
  value     = exoscale_iam_api_key.autoscaler.secret
  sensitive = true
}
