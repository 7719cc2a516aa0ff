# A web pool as most begin: a public template, cloud-init, a load balancer in front.

resource "exoscale_security_group" "web" {
  name = "web"
}

resource "exoscale_security_group_rule" "http" {
  security_group_id = exoscale_security_group.web.id
  type              = "INGRESS"
  protocol          = "TCP"
  cidr              = "0.0.0.0/0"
  start_port        = 80
  end_port          = 80
}

resource "exoscale_instance_pool" "web" {
  zone               = var.zone
  name               = "web"
  template_id        = data.exoscale_template.ubuntu.id
  instance_type      = "standard.small"
  disk_size          = 10
  size               = var.changed ? 3 : 2
  security_group_ids = [exoscale_security_group.web.id]
  user_data          = <<-EOT
    #cloud-config
    packages: [nginx]
    runcmd:
      - systemctl enable --now nginx
  EOT
}

resource "exoscale_nlb" "web" {
  zone        = var.zone
  name        = "web"
  description = var.changed ? "in front of three" : "in front of two"
}

resource "exoscale_nlb_service" "http" {
  zone             = var.zone
  nlb_id           = exoscale_nlb.web.id
  name             = "http"
  instance_pool_id = exoscale_instance_pool.web.id
  protocol         = "tcp"
  port             = 80
  target_port      = 80
  strategy         = "round-robin"

  healthcheck {
    mode     = "http"
    port     = 80
    uri      = "/"
    interval = 10
    timeout  = 5
    retries  = 1
  }
}
