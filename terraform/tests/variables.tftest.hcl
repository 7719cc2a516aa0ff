# What the variables refuse and accept. Nothing is made, but templates are looked up: run it against
# the local cloud (docs/terraform.md), `terraform test`.

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
    condition     = exoscale_instance_pool.pool.size == 3
    error_message = "The pool is made with initial_size."
  }

  assert {
    condition     = output.operator_alerts == "ops@example.com, the webhook"
    error_message = "An output says whom Grafana tells."
  }
}

run "elsewhere_than_on_this_machine_the_monitoring_instance_speaks_https" {
  command = plan

  override_resource {
    target          = exoscale_compute_instance.monitoring
    override_during = plan
    values          = { public_ip_address = "203.0.113.5" }
  }

  assert {
    condition = (
      [output.grafana_url, output.agent_url, output.prometheus_url]
      == ["https://203.0.113.5:3443/", "https://203.0.113.5:8443/", "https://203.0.113.5:9443/"]
    )
    error_message = "On Exoscale Grafana, the agent's page and Prometheus speak HTTPS."
  }
}

run "on_the_local_cloud_it_speaks_plain_http" {
  command = plan

  override_resource {
    target          = exoscale_compute_instance.monitoring
    override_during = plan
    values          = { public_ip_address = "127.12.0.5" }
  }

  assert {
    condition = (
      [output.grafana_url, output.agent_url, output.prometheus_url]
      == ["http://127.12.0.5:3000/", "http://127.12.0.5:8090/", "http://127.12.0.5:9090/"]
    )
    error_message = "The local cloud's stand-in speaks plain HTTP on the programs' own ports."
  }
}

run "a_certificate_is_in_pem" {
  command = plan
  variables {
    monitoring_tls = { certificate = "fullchain.pem", key = "-----BEGIN PRIVATE KEY-----" }
  }
  expect_failures = [var.monitoring_tls]
}

run "a_key_of_a_certificate_asks_for_no_password" {
  command = plan
  variables {
    monitoring_tls = { certificate = "-----BEGIN CERTIFICATE-----", key = "-----BEGIN ENCRYPTED PRIVATE KEY-----" }
  }
  expect_failures = [var.monitoring_tls]
}

run "nobody_is_let_in_without_admin_cidr" {
  command = plan
  variables {
    admin_cidr     = ""
    ssh_public_key = ""
  }

  assert {
    condition     = length(exoscale_security_group_rule.monitoring) == 0 && length(exoscale_security_group_rule.ssh) == 0
    error_message = "Without admin_cidr nobody may reach the monitoring instance."
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

run "admin_cidr_is_a_network" {
  command = plan
  variables {
    admin_cidr = "203.0.113.7"
  }
  expect_failures = [var.admin_cidr]
}

run "admin_cidr_is_not_everyone" {
  command = plan
  variables {
    admin_cidr = "0.0.0.0/0"
  }
  expect_failures = [var.admin_cidr]
}

run "admin_cidr_is_not_half_of_everyone" {
  command = plan
  variables {
    admin_cidr = "0.0.0.0/1"
  }
  expect_failures = [var.admin_cidr]
}

run "admin_cidr_is_not_the_other_half" {
  command = plan
  variables {
    admin_cidr = "128.0.0.0/1"
  }
  expect_failures = [var.admin_cidr]
}

run "admin_cidr_is_not_a_large_part_of_everyone" {
  command = plan
  variables {
    admin_cidr = "64.0.0.0/2"
  }
  expect_failures = [var.admin_cidr]
}

run "admin_cidr_is_not_more_than_a_slash_eight" {
  command = plan
  variables {
    admin_cidr = "10.0.0.0/7"
  }
  expect_failures = [var.admin_cidr]
}

run "admin_cidr_is_not_everyone_over_ipv6" {
  command = plan
  variables {
    admin_cidr = "::/0"
  }
  expect_failures = [var.admin_cidr]
}

run "admin_cidr_is_not_half_of_everyone_over_ipv6" {
  command = plan
  variables {
    admin_cidr = "8000::/1"
  }
  expect_failures = [var.admin_cidr]
}

run "admin_cidr_is_not_all_public_ipv6_addresses" {
  command = plan
  variables {
    admin_cidr = "2000::/3"
  }
  expect_failures = [var.admin_cidr]
}

run "everyone_may_be_let_in_by_a_second_word" {
  command = plan
  variables {
    admin_cidr                 = "0.0.0.0/0"
    admin_cidr_may_be_everyone = true
  }

  assert {
    condition     = alltrue([for rule in exoscale_security_group_rule.monitoring : rule.cidr == "0.0.0.0/0"])
    error_message = "Whoever says it twice is believed."
  }
}

run "a_large_network_of_ones_own_is_let_in" {
  command = plan
  variables {
    admin_cidr = "10.0.0.0/8"
  }
}

run "an_ipv6_network_is_let_in" {
  command = plan
  variables {
    admin_cidr = "2001:db8::/32"
  }
}

run "the_agents_key_can_be_for_every_pool" {
  command = plan
  variables {
    restrict_agent_to_pool = false
  }

  assert {
    condition     = !strcontains(jsonencode(exoscale_iam_role.agent.policy), "resources.")
    error_message = "Without the restriction the role looks at operations alone."
  }
}

run "a_public_key_is_one_line" {
  command = plan
  variables {
    ssh_public_key = "-----BEGIN OPENSSH PRIVATE KEY-----"
  }
  expect_failures = [var.ssh_public_key]
}

run "a_pool_is_never_empty" {
  command = plan
  variables {
    min_size = 0
  }
  expect_failures = [var.min_size]
}

run "the_bounds_are_in_order" {
  command = plan
  variables {
    min_size = 4
    max_size = 3
  }
  expect_failures = [var.max_size]
}

run "the_first_size_is_within_the_bounds" {
  command = plan
  variables {
    initial_size = 6
  }
  expect_failures = [var.initial_size]
}

run "thresholds_are_in_order" {
  command = plan
  variables {
    thresholds = { up = 0.2, down = 0.8 }
  }
  expect_failures = [var.thresholds]
}

run "thresholds_do_not_flap" {
  command = plan
  variables {
    thresholds = { up = 0.8, down = 0.4 }
  }
  expect_failures = [var.thresholds]
}

run "a_health_check_ends_before_the_next" {
  command = plan
  variables {
    health_check = { interval = 5, timeout = 6 }
  }
  expect_failures = [var.health_check]
}

run "a_health_check_is_not_too_frequent" {
  command = plan
  variables {
    health_check = { interval = 1, timeout = 1 }
  }
  expect_failures = [var.health_check]
}

run "a_token_is_long" {
  command = plan
  variables {
    webhook_token = "short"
  }
  expect_failures = [var.webhook_token]
}

run "a_control_token_is_long" {
  command = plan
  variables {
    control_token = "short"
  }
  expect_failures = [var.control_token]
}

run "orders_have_a_token_of_their_own" {
  command = plan
  variables {
    webhook_token = "0123456789abcdef"
    control_token = "0123456789abcdef"
  }
  expect_failures = [var.control_token]
}

run "a_password_is_one_that_grafana_keeps" {
  command = plan
  variables {
    grafana_admin_password = "correct%(admin_user)s"
  }
  expect_failures = [var.grafana_admin_password]
}

run "a_password_is_long" {
  command = plan
  variables {
    grafana_admin_password = "short"
  }
  expect_failures = [var.grafana_admin_password]
}

run "instance_types_have_a_family" {
  command = plan
  variables {
    pool_instance_type       = "micro"
    monitoring_instance_type = "small"
  }
  expect_failures = [var.pool_instance_type, var.monitoring_instance_type]
}

run "a_disk_has_ten_gib" {
  command = plan
  variables {
    monitoring_disk_size = 5
  }
  expect_failures = [var.monitoring_disk_size]
}

run "settings_have_a_section" {
  command = plan
  variables {
    agent_settings = { scalling = { cooldown = "60s" } }
  }
  expect_failures = [var.agent_settings]
}

run "an_address_has_no_name" {
  command = plan
  variables {
    operator_emails = ["Ops <ops@example.com>"]
    operator_smtp   = { host = "mail.example.com:587", from = "autoscaler@example.com" }
  }
  expect_failures = [var.operator_emails]
}

run "mail_needs_a_server" {
  command = plan
  variables {
    operator_emails = ["ops@example.com"]
  }
  expect_failures = [var.operator_smtp]
}

run "a_mail_server_needs_somebody_to_tell" {
  command = plan
  variables {
    operator_smtp = { host = "mail.example.com:587", from = "autoscaler@example.com" }
  }
  expect_failures = [var.operator_smtp]
}

run "a_mail_server_has_a_port" {
  command = plan
  variables {
    operator_emails = ["ops@example.com"]
    operator_smtp   = { host = "mail.example.com", from = "autoscaler@example.com" }
  }
  expect_failures = [var.operator_smtp]
}

run "a_sender_is_an_address" {
  command = plan
  variables {
    operator_emails = ["ops@example.com"]
    operator_smtp   = { host = "mail.example.com:587", from = "autoscaler" }
  }
  expect_failures = [var.operator_smtp]
}

run "a_user_of_mail_has_a_password" {
  command = plan
  variables {
    operator_emails = ["ops@example.com"]
    operator_smtp   = { host = "mail.example.com:587", from = "autoscaler@example.com", user = "me" }
  }
  expect_failures = [var.operator_smtp]
}

run "a_webhook_is_a_url" {
  command = plan
  variables {
    operator_webhook = { url = "ops.example.com" }
  }
  expect_failures = [var.operator_webhook]
}

run "a_webhooks_token_has_no_spaces" {
  command = plan
  variables {
    operator_webhook = { url = "https://ops.example.com", token = "a b" }
  }
  expect_failures = [var.operator_webhook]
}

run "a_user_of_mail_is_plain" {
  command = plan
  variables {
    operator_emails = ["ops@example.com"]
    operator_smtp   = { host = "mail.example.com:587", from = "autoscaler@example.com", user = "a$b", password = "hush" }
  }
  expect_failures = [var.operator_smtp]
}

run "a_password_of_mail_is_one_line" {
  command = plan
  variables {
    operator_emails = ["ops@example.com"]
    operator_smtp   = { host = "mail.example.com:587", from = "autoscaler@example.com", user = "me", password = "hush\n" }
  }
  expect_failures = [var.operator_smtp]
}

run "a_webhooks_token_is_not_empty" {
  command = plan
  variables {
    operator_webhook = { url = "https://ops.example.com", token = "" }
  }
  expect_failures = [var.operator_webhook]
}
