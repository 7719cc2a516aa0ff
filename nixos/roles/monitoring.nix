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
  services.instance-data.role = "monitoring";

  services.autoscaler = {
    settingsFile = "${instance.folder}/agent.toml";
    openFirewall = true;
    monitoring = {
      enable = true;
      alertsTokenFile = "${instance.folder}/alerts-token";
      adminPasswordFile = "${instance.folder}/grafana-admin-password";
      thresholdsFile = "${instance.folder}/grafana.env";
      openFirewall = true;
    };
  };

  systemd.services.autoscaler = afterInstanceData;
  systemd.services.grafana = afterInstanceData;
}
