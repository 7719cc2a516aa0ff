# A host of a public template of Debian or Ubuntu: cloud-init installs the agent's package, Prometheus and Alertmanager. It
# reads this at its first boot only, so other settings are another host.

locals {
  is_debian = var.package != null

  # Texts and numbers of JSON are TOML's, too.
  agent_toml = join("\n", [
    for section, keys in local.agent : "[${section}]\n${join("", [for key, value in keys : "${key} = ${jsonencode(value)}\n"])}"
  ])

  alertmanager = yamlencode({
    route = {
      receiver = "nobody"
      routes = [
        {
          # At once, and each 60 s while it lasts.
          matchers        = ["scale =~ \"up|down\""]
          receiver        = "autoscaler"
          group_by        = ["alertname"]
          group_wait      = "0s"
          group_interval  = "30s"
          repeat_interval = "45s"
        },
        {
          matchers        = ["audience = \"operator\""]
          receiver        = "operator"
          group_by        = ["alertname"]
          group_wait      = "30s"
          group_interval  = "5m"
          repeat_interval = "4h"
        },
      ]
    }
    receivers = [
      { name = "nobody" },
      {
        name = "autoscaler"
        webhook_configs = [{
          url           = "http://127.0.0.1:8090/webhook"
          send_resolved = false
          http_config   = { authorization = { credentials = local.webhook_token } }
        }]
      },
      merge(
        { name = "operator" },
        length(var.operator_emails) == 0 ? {} : {
          email_configs = [merge(
            {
              to            = join(", ", var.operator_emails)
              from          = var.operator_smtp.from
              smarthost     = var.operator_smtp.host
              send_resolved = true
            },
            var.operator_smtp.user == null ? {} : {
              auth_username = var.operator_smtp.user
              auth_password = var.operator_smtp.password
            },
          )]
        },
        var.operator_webhook == null ? {} : {
          webhook_configs = [merge(
            { url = var.operator_webhook.url },
            var.operator_webhook.token == null ? {} : {
              http_config = { authorization = { credentials = var.operator_webhook.token } }
            },
          )]
        },
      ),
    ]
  })

  # By path: content, and who may read it besides root.
  debian_files = {
    "/etc/autoscaler/agent.toml"            = { content = local.agent_toml, mode = "0640" }
    "/etc/prometheus/prometheus.yml"        = { content = file("${path.module}/debian/prometheus.yml"), mode = "0644" }
    "/etc/prometheus/rules/recording.yml"   = { content = file("${path.module}/debian/recording-rules.yml"), mode = "0644" }
    "/etc/prometheus/rules/operator.yml"    = { content = replace(file("${path.module}/debian/operator-rules.yml"), "> 0.8\n", "> ${var.thresholds.up}\n"), mode = "0644" }
    "/etc/prometheus/rules/scaling.yml"     = { content = replace(replace(file("${path.module}/debian/scaling-rules.yml"), "> UP\n", "> ${var.thresholds.up}\n"), "< DOWN\n", "< ${var.thresholds.down}\n"), mode = "0644" }
    "/etc/prometheus/alertmanager.yml"      = { content = local.alertmanager, mode = "0640" }
    "/etc/default/prometheus"               = { content = "ARGS=\"--web.listen-address=127.0.0.1:9090 --storage.tsdb.retention.time=30d --storage.tsdb.retention.size=2GB\"\n", mode = "0644" }
    "/etc/default/prometheus-alertmanager"  = { content = "ARGS=\"--web.listen-address=127.0.0.1:9093 --cluster.listen-address=\"\n", mode = "0644" }
    "/etc/default/prometheus-node-exporter" = { content = "ARGS=\"--web.listen-address=127.0.0.1:9100\"\n", mode = "0644" }
    "/usr/local/sbin/install-autoscaler"    = { content = file("${path.module}/debian/install.sh"), mode = "0755" }
  }

  cloud_config = local.is_debian ? "#cloud-config\n${yamlencode(merge({
    package_update = true
    packages       = ["ca-certificates", "curl", "prometheus", "prometheus-alertmanager", "prometheus-node-exporter"]
    write_files = [for path, file in local.debian_files : {
      path        = path
      content     = file.content
      permissions = file.mode
    }]
    runcmd = [["/usr/local/sbin/install-autoscaler", var.package.url, var.package.sha256]]
  }, length(var.ssh_public_keys) == 0 ? {} : { ssh_authorized_keys = var.ssh_public_keys }))}" : ""
}
