# Where what an older version of this configuration made is now: nothing of it is made again.

moved {
  from = exoscale_anti_affinity_group.pool
  to   = module.pool.exoscale_anti_affinity_group.pool
}

moved {
  from = exoscale_instance_pool.pool
  to   = module.pool.exoscale_instance_pool.pool
}

moved {
  from = exoscale_nlb.front
  to   = module.pool.exoscale_nlb.front
}

moved {
  from = exoscale_nlb_service.http
  to   = module.pool.exoscale_nlb_service.http
}

moved {
  from = exoscale_security_group.pool
  to   = module.pool.exoscale_security_group.pool
}

moved {
  from = exoscale_security_group_rule.application
  to   = module.pool.exoscale_security_group_rule.application
}

moved {
  from = exoscale_compute_instance.monitoring
  to   = module.monitoring.exoscale_compute_instance.monitoring[0]
}

moved {
  from = exoscale_iam_api_key.agent
  to   = module.monitoring.exoscale_iam_api_key.agent
}

moved {
  from = exoscale_iam_role.agent
  to   = module.monitoring.exoscale_iam_role.agent
}

moved {
  from = exoscale_security_group.monitoring
  to   = module.monitoring.exoscale_security_group.monitoring
}

moved {
  from = terraform_data.control_token
  to   = module.monitoring.terraform_data.control_token
}

moved {
  from = terraform_data.grafana_admin_password
  to   = module.monitoring.terraform_data.grafana_admin_password
}

moved {
  from = terraform_data.webhook_token
  to   = module.monitoring.terraform_data.webhook_token
}

moved {
  from = exoscale_security_group_rule.node_metrics
  to   = module.monitoring.exoscale_security_group_rule.node_metrics["pool"]
}

moved {
  from = exoscale_security_group_rule.monitoring
  to   = module.monitoring.exoscale_security_group_rule.pages
}

moved {
  from = exoscale_security_group_rule.ssh["monitoring"]
  to   = module.monitoring.exoscale_security_group_rule.ssh[0]
}

moved {
  from = exoscale_security_group_rule.ssh["pool"]
  to   = module.pool.exoscale_security_group_rule.ssh[0]
}

# New settings replaced the monitoring host by this; the host now reads them while it runs.
removed {
  from = terraform_data.monitoring_data

  lifecycle {
    destroy = false
  }
}
