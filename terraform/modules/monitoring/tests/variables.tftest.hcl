# What the variables refuse and accept, and what comes of them. The provider is a stand-in: `terraform test` here needs no
# account and no cloud.

mock_provider "exoscale" {}

variables {
  zone             = "at-vie-1"
  name             = "shop"
  template_id      = "0d3fd9ce-0000-4000-8000-000000000002"
  instance_pool_id = "5b1f3c2e-6d55-4a0f-9d0c-2f6f0c7a1f10"
  load_balancer_id = "77a0c0de-0000-4000-8000-000000000001"
  admin_cidr       = "203.0.113.7/32"
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

run "nobody_is_let_in_without_admin_cidr" {
  command = plan
  variables {
    admin_cidr = ""
  }

  assert {
    condition     = length(exoscale_security_group_rule.pages) == 0 && length(exoscale_security_group_rule.ssh) == 0
    error_message = "Without admin_cidr nobody may reach the monitoring instance."
  }
}

run "everyone_may_be_let_in_by_a_second_word" {
  command = plan
  variables {
    admin_cidr                 = "0.0.0.0/0"
    admin_cidr_may_be_everyone = true
  }

  assert {
    condition     = alltrue([for rule in exoscale_security_group_rule.pages : rule.cidr == "0.0.0.0/0"])
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

run "the_agents_key_is_for_this_pool" {
  command = plan

  assert {
    condition     = strcontains(join("", exoscale_iam_role.agent.policy.services["compute"].rules[*].expression), var.instance_pool_id)
    error_message = "By default the role lets the agent resize this pool alone."
  }
}

run "the_agents_key_can_be_for_every_pool" {
  command = plan
  variables {
    restrict_agent_to_pool = false
  }

  assert {
    condition     = !strcontains(join("", local.agent_rules), "resources.")
    error_message = "Without the restriction the role looks at operations alone."
  }
}

run "the_agents_key_has_no_right_to_object_storage" {
  command = plan

  assert {
    condition     = join(",", keys(exoscale_iam_role.agent.policy.services)) == "compute"
    error_message = "Without a lease the role allows nothing in SOS."
  }
}

run "a_lease_adds_the_rights_to_its_bucket" {
  command = plan
  variables {
    agent_settings = { lease = { bucket = "leases" } }
  }

  assert {
    condition = (
      [for rule in exoscale_iam_role.agent.policy.services["sos"].rules : rule.expression]
      == ["parameters.bucket == 'leases' && operation in ['get-object', 'put-object']"]
    )
    error_message = "With a lease the role allows to read and write objects of its one bucket."
  }
}

run "a_lease_with_a_key_of_its_own_adds_no_rights" {
  command = plan
  variables {
    agent_settings = { lease = { bucket = "leases", key = "EXO0123456789abcdef", secret = "hush" } }
  }

  assert {
    condition     = join(",", keys(exoscale_iam_role.agent.policy.services)) == "compute"
    error_message = "A bucket of another account is none of this role's."
  }
}

run "without_a_load_balancer_and_a_token_the_agent_is_told_of_none" {
  variables {
    load_balancer_id = null
    agent_settings   = { drain = { enabled = "false" }, exoscale = { timeout = "5s" } }
  }

  assert {
    condition = alltrue([
      !can(jsondecode(local.document).agent.exoscale.load_balancer),
      jsondecode(local.document).agent.drain == { enabled = "false" },
      jsondecode(local.document).agent.exoscale.timeout == "5s",
      jsondecode(local.document).agent.exoscale.zone == "at-vie-1",
    ])
    error_message = "What is not given is not written, and settings of one section are brought together."
  }
}

run "the_members_metrics_are_open_to_the_host" {
  command = plan

  variables {
    pool_security_group_ids = { web = "6d8c8f9e-0000-4000-8000-000000000003" }
  }

  assert {
    condition     = exoscale_security_group_rule.node_metrics["web"].start_port == 9100
    error_message = "Prometheus reaches the node exporter in each of these groups."
  }
}

run "a_package_makes_a_host_of_debian" {
  command = plan

  variables {
    package         = { url = "https://example.com/autoscaler_1.2.3_amd64.deb", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
    ssh_public_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKD9Hp8hcRZ3N4BHkXxJCVfLhH3H4OhCm3qjeVwIeOCN me"]
  }

  assert {
    condition     = length(exoscale_compute_instance.debian) == 1 && length(exoscale_compute_instance.monitoring) == 0
    error_message = "There is one host."
  }

  assert {
    condition     = length(exoscale_security_group_rule.pages) == 0 && length(exoscale_security_group_rule.ssh) == 1
    error_message = "Its pages have no HTTPS, and are reached through SSH alone."
  }

  assert {
    condition     = output.agent_url == "http://127.0.0.1:8090/" && output.grafana_url == null
    error_message = "The outputs name what there is."
  }
}

run "on_debian_alertmanager_tells_the_operator" {
  variables {
    package          = { url = "https://example.com/autoscaler_1.2.3_amd64.deb", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
    thresholds       = { up = 0.7, down = 0.3 }
    operator_emails  = ["ops@example.com", "boss@example.com"]
    operator_smtp    = { host = "mail.example.com:587", from = "autoscaler@example.com", user = "me", password = "hush" }
    operator_webhook = { url = "https://ops.example.com/hook", token = "secret" }
  }

  assert {
    condition = alltrue([
      yamldecode(local.alertmanager).receivers[2].email_configs[0].to == "ops@example.com, boss@example.com",
      yamldecode(local.alertmanager).receivers[2].email_configs[0].smarthost == "mail.example.com:587",
      yamldecode(local.alertmanager).receivers[2].email_configs[0].auth_password == "hush",
      yamldecode(local.alertmanager).receivers[2].webhook_configs[0].url == "https://ops.example.com/hook",
      yamldecode(local.alertmanager).receivers[2].webhook_configs[0].http_config.authorization.credentials == "secret",
    ])
    error_message = "Alertmanager writes e-mail and calls the webhook."
  }

  assert {
    condition = (
      strcontains(local.debian_files["/etc/prometheus/rules/scaling.yml"].content, "> 0.7\n")
      && strcontains(local.debian_files["/etc/prometheus/rules/scaling.yml"].content, "< 0.3\n")
      && !strcontains(local.debian_files["/etc/prometheus/rules/scaling.yml"].content, "> UP\n")
      && strcontains(local.debian_files["/etc/prometheus/rules/operator.yml"].content, "> 0.7\n")
    )
    error_message = "The rules have the thresholds."
  }
}

run "a_package_comes_over_https" {
  command = plan
  variables {
    package = { url = "http://example.com/a.deb", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
  }
  expect_failures = [var.package]
}

run "a_package_has_a_checksum" {
  command = plan
  variables {
    package = { url = "https://example.com/a.deb", sha256 = "" }
  }
  expect_failures = [var.package]
}

run "a_host_of_debian_takes_no_certificate" {
  command = plan
  variables {
    package = { url = "https://example.com/a.deb", sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }
    tls     = { certificate = "-----BEGIN CERTIFICATE-----", key = "-----BEGIN PRIVATE KEY-----" }
  }
  expect_failures = [var.tls]
}

run "a_certificate_is_in_pem" {
  command = plan
  variables {
    tls = { certificate = "fullchain.pem", key = "-----BEGIN PRIVATE KEY-----" }
  }
  expect_failures = [var.tls]
}

run "a_key_of_a_certificate_asks_for_no_password" {
  command = plan
  variables {
    tls = { certificate = "-----BEGIN CERTIFICATE-----", key = "-----BEGIN ENCRYPTED PRIVATE KEY-----" }
  }
  expect_failures = [var.tls]
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
    instance_type = "small"
  }
  expect_failures = [var.instance_type]
}

run "a_disk_has_ten_gib" {
  command = plan
  variables {
    disk_size = 5
  }
  expect_failures = [var.disk_size]
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
