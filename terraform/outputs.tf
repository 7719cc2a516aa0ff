# The local cloud's instances are processes of this machine, and speak plain HTTP on the programs' own ports.
locals {
  monitoring_ip = exoscale_compute_instance.monitoring.public_ip_address
  monitoring_urls = {
    for name, ports in {
      grafana    = { https = local.grafana_port, local = 3000 }
      prometheus = { https = local.prometheus_port, local = 9090 }
      agent      = { https = local.agent_port, local = 8090 }
    } :
    name => (
      startswith(local.monitoring_ip, "127.")
      ? "http://${local.monitoring_ip}:${ports.local}/"
      : "https://${local.monitoring_ip}:${ports.https}/"
    )
  }
}

output "application_url" {
  description = "The slow application, through the load balancer."
  value       = "http://${exoscale_nlb.front.ip_address}/"

  depends_on = [exoscale_nlb_service.http]
}

output "grafana_url" {
  description = "Dashboards and alerts; for admin_cidr."
  value       = local.monitoring_urls.grafana
}

output "grafana_admin_password" {
  description = "Password of Grafana's user admin."
  value       = local.grafana_admin_password
  sensitive   = true
}

output "prometheus_url" {
  description = "Metrics; for admin_cidr."
  value       = local.monitoring_urls.prometheus
}

output "agent_url" {
  description = "What the agent sees, decides and did; for admin_cidr."
  value       = local.monitoring_urls.agent
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
    ? "Nobody is told; they show in Grafana only. Set operator_emails or operator_webhook."
    : join(", ", concat(var.operator_emails, nonsensitive(var.operator_webhook != null) ? ["the webhook"] : []))
  )
}

output "load_test" {
  description = "Loads the application so that the pool grows."
  value       = "loadtest --rate 30 --duration 10m 'http://${exoscale_nlb.front.ip_address}/'"
}

output "instance_pool_id" {
  description = "The instance pool."
  value       = exoscale_instance_pool.pool.id
}

output "load_balancer_id" {
  description = "The load balancer."
  value       = exoscale_nlb.front.id
}
