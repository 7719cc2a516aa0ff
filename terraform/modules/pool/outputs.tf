output "instance_pool_id" {
  description = "The instance pool."
  value       = exoscale_instance_pool.pool.id
}

output "load_balancer_id" {
  description = "The load balancer."
  value       = exoscale_nlb.front.id
}

output "security_group_id" {
  description = "The instances' security group; the module monitoring opens the node exporter's port in it."
  value       = exoscale_security_group.pool.id
}

output "application_url" {
  description = "The application, through the load balancer."
  value       = "http://${exoscale_nlb.front.ip_address}${var.port == 80 ? "" : ":${var.port}"}/"

  depends_on = [exoscale_nlb_service.http]
}
