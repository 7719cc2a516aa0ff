variable "zone" {
  description = "Zone of the generators: another one than the target's, or the load stays in the same building."
  type        = string
  default     = "at-vie-1"
  nullable    = false
}

variable "generators" {
  description = "How many machines make the load: as many as `loadtest fleet --machines` was told."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.generators >= 1 && var.generators <= 100 && floor(var.generators) == var.generators
    error_message = "generators must be a whole number from 1 to 100: the URLs of more do not fit into user-data."
  }
}

variable "fleet_file" {
  description = "What `loadtest fleet` wrote: the start, and for each slice the presigned URLs of its results."
  type        = string
  default     = "fleet.json"
  nullable    = false
}

variable "target" {
  description = "URL that gets the load."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^https?://[^[:space:]]+$", var.target))
    error_message = "target must be a URL such as http://192.0.2.1/."
  }
}

variable "load" {
  description = "Arguments of loadtest for the whole load, of which each generator makes its slice."
  type        = list(string)
  default     = ["--profile", "1m:0..3000, 5m@3000", "--connections", "3000"]
  nullable    = false
}

variable "program" {
  description = "The archive of the static load generator, `loadtest-VERSION-x86_64-linux.tar.gz` of a release."
  type = object({
    url    = string
    sha256 = string
  })
  nullable = false

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.program.sha256))
    error_message = "program.sha256 must be the 64 hexadecimal digits that SHA256SUMS has for the archive."
  }
}

variable "name" {
  description = "Begins the name of everything that is made."
  type        = string
  default     = "load"
  nullable    = false
}

variable "template" {
  description = "Name of a public template with cloud-init, of Debian or Ubuntu."
  type        = string
  default     = "Linux Debian 13 (Trixie) 64-bit"
  nullable    = false
}

variable "instance_type" {
  description = "Instance type of a generator."
  type        = string
  default     = "standard.medium"
  nullable    = false
}

variable "ssh_key" {
  description = "Name of an SSH key for a look at a generator, if any. No port is open for it unless a rule is added."
  type        = string
  default     = null
}
