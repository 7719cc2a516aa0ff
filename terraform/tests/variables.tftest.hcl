# What the root's own variables refuse, and that it hands the others on: what a module takes, the tests of
# modules/*/tests show. Nothing is made, but templates are looked up: run it against the local cloud
# (docs/terraform.md), `terraform test`.

run "defaults_are_valid" {
  command = plan

  assert {
    condition     = startswith(output.operator_alerts, "Nobody is told")
    error_message = "By default nobody is told of the operator's alerts, and an output says so."
  }
}

run "everything_can_be_set" {
  command = plan

  variables {
    name                   = "other"
    admin_cidr             = "203.0.113.7/32"
    ssh_public_key         = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKD9Hp8hcRZ3N4BHkXxJCVfLhH3H4OhCm3qjeVwIeOCN me"
    min_size               = 2
    max_size               = 8
    initial_size           = 3
    thresholds             = { up = 0.7, down = 0.3 }
    health_check           = { interval = 10, timeout = 10, retries = 3 }
    slow_app               = { work_ms = 50 }
    webhook_token          = "0123456789abcdef"
    control_token          = "fedcba9876543210"
    grafana_admin_password = "correct horse"
    agent_settings         = { scale_in = { stabilisation = "5m" } }
    monitoring_tls         = { certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n", key = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n" }
    operator_emails        = ["ops@example.com"]
    operator_smtp          = { host = "mail.example.com:587", from = "autoscaler@example.com", user = "me", password = "hush" }
    operator_webhook       = { url = "https://ops.example.com/hook?a=$b" }
  }

  assert {
    condition     = output.operator_alerts == "ops@example.com, the webhook"
    error_message = "An output says whom Grafana tells."
  }
}

run "a_key_is_recognised" {
  command = plan
  variables {
    exoscale_key = "AKIA0123456789"
  }
  expect_failures = [var.exoscale_key]
}

run "a_secret_is_long" {
  command = plan
  variables {
    exoscale_secret = "short"
  }
  expect_failures = [var.exoscale_secret]
}

run "a_zone_is_known" {
  command = plan
  variables {
    exoscale_zone = "mars-1"
  }
  expect_failures = [var.exoscale_zone]
}

run "a_name_fits_into_host_names" {
  command = plan
  variables {
    name = "My Stack"
  }
  expect_failures = [var.name]
}

run "a_public_key_is_one_line" {
  command = plan
  variables {
    ssh_public_key = "-----BEGIN OPENSSH PRIVATE KEY-----"
  }
  expect_failures = [var.ssh_public_key]
}

run "the_first_size_is_within_the_bounds" {
  command = plan
  variables {
    initial_size = 6
  }
  expect_failures = [var.initial_size]
}
