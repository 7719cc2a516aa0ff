output "start_at" {
  description = "When the load starts."
  value       = local.fleet.start_at
}

output "merge" {
  description = "Shows the results of all generators as one, when the load has ended."
  value       = "loadtest merge ${local.fleet.place}"
}

output "instance_pool_id" {
  description = "The generators."
  value       = exoscale_instance_pool.generators.id
}
