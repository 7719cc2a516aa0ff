variable "zone" {
  description = "Zone of the pool and its load balancer, such as at-vie-1."
  type        = string
  nullable    = false
}

variable "name" {
  description = "Begins the name of everything that is made: 2 to 19 lower-case letters, digits and hyphens."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,17}[a-z0-9]$", var.name))
    error_message = "Use 2 to 19 lower-case letters, digits and hyphens, with a letter first and no hyphen last."
  }
}

variable "application" {
  description = "What the instances run, in two or three words: for descriptions."
  type        = string
  default     = "application"
  nullable    = false

  validation {
    condition     = length(var.application) >= 1 && length(var.application) <= 60
    error_message = "The application's name has 1 to 60 characters."
  }
}

variable "template_id" {
  description = "Template of the instances. Instances that are there keep theirs."
  type        = string
  nullable    = false
}

variable "instance_type" {
  description = "Size of the instances; see `exo compute instance-type list`."
  type        = string
  default     = "standard.micro"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]+\\.[a-z0-9-]+$", var.instance_type))
    error_message = "Write family.size, such as standard.micro."
  }
}

variable "disk_size" {
  description = "Disk of an instance in GiB."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.disk_size >= 10 && var.disk_size <= 51200
    error_message = "A disk has 10 to 51200 GiB."
  }
}

variable "min_size" {
  description = "Smallest size that the agent gives the pool: so many instances Exoscale keeps running in maintenance."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.min_size >= 1 && floor(var.min_size) == var.min_size
    error_message = "A pool has at least one instance: the smallest size is a whole number from 1 up."
  }
}

variable "initial_size" {
  description = "Size with which the pool is made; afterwards the agent chooses. Nothing: min_size."
  type        = number
  default     = null

  validation {
    condition     = var.initial_size == null ? true : var.initial_size >= var.min_size && floor(var.initial_size) == var.initial_size
    error_message = "initial_size must be a whole number from min_size up."
  }
}

variable "user_data" {
  description = "What an instance reads at boot, such as a cloud-config. Instances that are there keep theirs."
  type        = string
  default     = null
}

variable "ssh_key" {
  description = "Name of an SSH key of the account that may log in to the instances. Nothing: none."
  type        = string
  default     = null
}

variable "admin_cidr" {
  description = "Network from which SSH is open where there is an ssh_key. The empty text: it is closed."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.admin_cidr == "" || can(cidrhost(var.admin_cidr, 0))
    error_message = "Write a network such as 203.0.113.7/32."
  }
}

variable "security_group_ids" {
  description = "Further security groups of the instances."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "clients" {
  description = "Networks from which the application is open, each by a name of your own. The load balancer keeps the client's address."
  type        = map(string)
  default     = { ipv4 = "0.0.0.0/0", ipv6 = "::/0" }
  nullable    = false

  validation {
    condition     = alltrue([for network in var.clients : can(cidrhost(network, 0))])
    error_message = "Write networks such as 203.0.113.0/24."
  }
}

variable "port" {
  description = "Port of the load balancer."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.port >= 1 && var.port <= 65535 && floor(var.port) == var.port
    error_message = "A port is a whole number from 1 to 65535."
  }
}

variable "application_port" {
  description = "Port of the application on each instance."
  type        = number
  default     = 8080
  nullable    = false

  validation {
    condition     = var.application_port >= 1 && var.application_port <= 65535 && floor(var.application_port) == var.application_port
    error_message = "A port is a whole number from 1 to 65535."
  }
}

variable "health_check" {
  description = "How the load balancer finds out which instances are well: path, seconds between two checks, seconds to wait for an answer, failures in a row."
  type = object({
    uri      = optional(string, "/health")
    interval = optional(number, 5)
    timeout  = optional(number, 3)
    retries  = optional(number, 1)
  })
  default  = {}
  nullable = false

  validation {
    condition     = startswith(var.health_check.uri, "/")
    error_message = "health_check.uri begins with a slash."
  }

  validation {
    condition     = var.health_check.interval >= 5 && var.health_check.interval <= 300
    error_message = "health_check.interval must be from 5 to 300 s."
  }

  validation {
    condition     = var.health_check.timeout >= 2 && var.health_check.timeout <= min(60, var.health_check.interval)
    error_message = "health_check.timeout must be from 2 to 60 s, and not longer than the interval."
  }

  validation {
    condition     = var.health_check.retries >= 1 && var.health_check.retries <= 20
    error_message = "health_check.retries must be from 1 to 20."
  }
}
