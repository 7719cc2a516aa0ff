output "templates" {
  description = "The names for the stack's variables pool_template and monitoring_template."
  value       = keys(terraform_data.template)
}
