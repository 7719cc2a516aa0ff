output "instance_id" {
  description = "The monitoring host."
  value       = local.host_id
}

output "security_group_id" {
  description = "The host's security group, for rules of your own that let it in elsewhere."
  value       = exoscale_security_group.monitoring.id
}

output "public_ip_address" {
  description = "The host's address."
  value       = local.address
}

output "agent_url" {
  description = "What the agent sees, decides and did; for admin_cidr. With `package` it is an address of the host itself: `ssh -L 8090:127.0.0.1:8090 HOST` leads there."
  value       = local.urls.agent
}

output "grafana_url" {
  description = "Dashboards and alerts; for admin_cidr. Nothing with `package`, which installs no Grafana."
  value       = local.is_debian ? null : local.urls.grafana
}

output "prometheus_url" {
  description = "Metrics; for admin_cidr. With `package` an address of the host itself, as agent_url."
  value       = local.urls.prometheus
}

output "grafana_admin_password" {
  description = "Password of Grafana's user admin."
  value       = local.is_debian ? null : local.grafana_admin_password
  sensitive   = true
}

output "control_token" {
  description = "AUTOSCALER_CONTROL_TOKEN of `autoscaler ctl`."
  value       = local.control_token
  sensitive   = true
}

output "operator_alerts" {
  description = "Whom Grafana tells when the autoscaler needs a person."
  value = (
    length(var.operator_emails) == 0 && nonsensitive(var.operator_webhook == null)
    ? "Nobody is told; they show in ${local.is_debian ? "Prometheus" : "Grafana"} only. Set operator_emails or operator_webhook."
    : join(", ", concat(var.operator_emails, nonsensitive(var.operator_webhook != null) ? ["the webhook"] : []))
  )
}
