variable "zone" {
  description = "Zone of the pool."
  type        = string
  default     = "at-vie-1"
  nullable    = false
}

variable "instance_pool" {
  description = "Name of the pool that is there."
  type        = string
  nullable    = false
}

variable "load_balancer" {
  description = "Name of the load balancer before it."
  type        = string
  nullable    = false
}

variable "monitoring_template" {
  description = "Name of the monitoring image's template, or with `package` a public one such as `Linux Debian 13 (Trixie) 64-bit`."
  type        = string
  default     = "monitoring"
  nullable    = false
}

variable "package" {
  description = "The agent's Debian package for a host of a public template. Nothing: the host is this project's image."
  type = object({
    url    = string
    sha256 = string
  })
  default = null
}

variable "name" {
  description = "Begins the name of everything that is made."
  type        = string
  default     = "web"
  nullable    = false
}

variable "min_size" {
  description = "Smallest size that the agent gives the pool."
  type        = number
  default     = 1
  nullable    = false
}

variable "max_size" {
  description = "Largest size that the agent gives the pool. It bounds the bill."
  type        = number
  default     = 4
  nullable    = false
}

variable "admin_cidr" {
  description = "Network that may open Grafana, Prometheus and the agent's page, such as your own address with /32."
  type        = string
  default     = ""
  nullable    = false
}
