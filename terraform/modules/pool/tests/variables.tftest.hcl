# What the variables refuse and accept, and what comes of them. The provider is a stand-in: `terraform test` here needs no
# account and no cloud.

mock_provider "exoscale" {}

variables {
  zone        = "at-vie-1"
  name        = "shop"
  template_id = "5b1f3c2e-6d55-4a0f-9d0c-2f6f0c7a1f10"
}

run "the_size_is_the_autoscalers" {
  command = plan

  variables {
    min_size     = 2
    initial_size = 3
  }

  assert {
    condition     = exoscale_instance_pool.pool.size == 3 && exoscale_instance_pool.pool.min_available == 2
    error_message = "The pool is made with initial_size, and keeps min_size in maintenance."
  }
}

run "without_initial_size_it_begins_with_the_smallest" {
  command = plan

  assert {
    condition     = exoscale_instance_pool.pool.size == 1
    error_message = "The pool is made with min_size."
  }
}

run "ssh_needs_a_key_and_a_network" {
  command = plan

  variables {
    admin_cidr = "203.0.113.7/32"
  }

  assert {
    condition     = length(exoscale_security_group_rule.ssh) == 0
    error_message = "Without a key SSH stays closed."
  }
}

run "ssh_is_open_with_both" {
  command = plan

  variables {
    admin_cidr = "203.0.113.7/32"
    ssh_key    = "me"
  }

  assert {
    condition     = exoscale_security_group_rule.ssh[0].cidr == "203.0.113.7/32"
    error_message = "With a key SSH is open to admin_cidr."
  }
}

run "the_application_can_be_another" {
  command = plan

  variables {
    application      = "shop"
    application_port = 3000
    clients          = { office = "198.51.100.0/24" }
    health_check     = { uri = "/ready" }
  }

  assert {
    condition     = exoscale_nlb_service.http.target_port == 3000 && exoscale_security_group_rule.application["office"].start_port == 3000
    error_message = "Port and clients are the application's."
  }

  assert {
    condition     = exoscale_instance_pool.pool.description == "Shop; its size is the autoscaler's"
    error_message = "Descriptions name the application."
  }
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

run "a_pool_is_never_empty" {
  command = plan
  variables {
    min_size = 0
  }
  expect_failures = [var.min_size]
}

run "the_first_size_is_no_smaller" {
  command = plan
  variables {
    initial_size = 0
  }
  expect_failures = [var.initial_size]
}

run "a_name_fits_into_host_names" {
  command = plan
  variables {
    name = "My Stack"
  }
  expect_failures = [var.name]
}

run "instance_types_have_a_family" {
  command = plan
  variables {
    instance_type = "micro"
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

run "admin_cidr_is_a_network" {
  command = plan
  variables {
    admin_cidr = "203.0.113.7"
  }
  expect_failures = [var.admin_cidr]
}

run "clients_are_networks" {
  command = plan
  variables {
    clients = { office = "198.51.100.0" }
  }
  expect_failures = [var.clients]
}

run "a_port_is_a_port" {
  command = plan
  variables {
    port = 70000
  }
  expect_failures = [var.port]
}

run "the_applications_port_is_a_port" {
  command = plan
  variables {
    application_port = 80.5
  }
  expect_failures = [var.application_port]
}

run "a_health_check_asks_for_a_path" {
  command = plan
  variables {
    health_check = { uri = "health" }
  }
  expect_failures = [var.health_check]
}

run "health_checks_fail_once_at_least" {
  command = plan
  variables {
    health_check = { retries = 0 }
  }
  expect_failures = [var.health_check]
}

run "an_application_has_a_name" {
  command = plan
  variables {
    application = ""
  }
  expect_failures = [var.application]
}
