# What the parts say of themselves.

output "application_url" {
  description = "The slow application, through the load balancer."
  value       = module.pool.application_url
}

output "grafana_url" {
  description = "Dashboards and alerts; for admin_cidr."
  value       = module.monitoring.grafana_url
}

output "grafana_admin_password" {
  description = "Password of Grafana's user admin."
  value       = module.monitoring.grafana_admin_password
  sensitive   = true
}

output "prometheus_url" {
  description = "Metrics; for admin_cidr."
  value       = module.monitoring.prometheus_url
}

output "agent_url" {
  description = "What the agent sees, decides and did; for admin_cidr."
  value       = module.monitoring.agent_url
}

output "control_token" {
  description = "AUTOSCALER_CONTROL_TOKEN of `autoscaler ctl`."
  value       = module.monitoring.control_token
  sensitive   = true
}

output "operator_alerts" {
  description = "Whom Grafana tells when the autoscaler needs a person."
  value       = module.monitoring.operator_alerts
}

output "load_test" {
  description = "Loads the application so that the pool grows."
  value       = "loadtest --rate 30 --duration 10m '${module.pool.application_url}'"
}

output "instance_pool_id" {
  description = "The instance pool."
  value       = module.pool.instance_pool_id
}

output "load_balancer_id" {
  description = "The load balancer."
  value       = module.pool.load_balancer_id
}
