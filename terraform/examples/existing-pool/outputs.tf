output "agent_url" {
  description = "What the agent sees, decides and did."
  value       = module.autoscaler.agent_url
}

output "grafana_url" {
  description = "Dashboards and alerts."
  value       = module.autoscaler.grafana_url
}

output "grafana_admin_password" {
  description = "Password of Grafana's user admin."
  value       = module.autoscaler.grafana_admin_password
  sensitive   = true
}

output "control_token" {
  description = "AUTOSCALER_CONTROL_TOKEN of `autoscaler ctl`."
  value       = module.autoscaler.control_token
  sensitive   = true
}

output "monitoring_instance_id" {
  description = "The monitoring host."
  value       = module.autoscaler.instance_id
}
