# The image of the monitoring host.
{ config, ... }:

let
  instance = config.services.instance-data;
  afterInstanceData = {
    requires = [ "instance-data.service" ];
    after = [ "instance-data.service" ];
  };
in
{
  imports = [
    ../image.nix
    ../monitoring.nix
  ];

  system.name = "monitoring";
  services.instance-data = {
    role = "monitoring";
    restarts = {
      autoscaler = [ "agent.toml" ];
      grafana = [
        "alerts-token"
        "grafana-admin-password"
        "grafana.env"
        "operator-contact-point.yml"
        "smtp-password"
      ];
      https-certificate = [
        "tls-certificate.pem"
        "tls-key.pem"
      ];
      sshd = [ "authorized_keys" ];
    };
  };

  services.autoscaler = {
    settingsFile = "${instance.folder}/agent.toml";
    openFirewall = true;
    monitoring = {
      enable = true;
      alertsTokenFile = "${instance.folder}/alerts-token";
      adminPasswordFile = "${instance.folder}/grafana-admin-password";
      environmentFile = "${instance.folder}/grafana.env";
      operatorContactPointFile = "${instance.folder}/operator-contact-point.yml";
      https = {
        certificateFile = "${instance.folder}/tls-certificate.pem";
        keyFile = "${instance.folder}/tls-key.pem";
      };
      openFirewall = true;
    };
  };

  # Where e-mail goes and from whom it comes is in grafana.env, which also turns it on.
  services.grafana.settings.smtp = {
    password = "$__file{/run/credentials/grafana.service/smtp-password}";
    startTLS_policy = "MandatoryStartTLS";
  };

  systemd.services.autoscaler = afterInstanceData;
  systemd.services.https-certificate = afterInstanceData;
  systemd.services.grafana = afterInstanceData // {
    serviceConfig.LoadCredential = [ "smtp-password:${instance.folder}/smtp-password" ];
  };
}
