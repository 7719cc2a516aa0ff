# The image of the pool's members.
{ config, ... }:

let
  instance = config.services.instance-data;
in
{
  imports = [
    ../image.nix
    ../slow-app.nix
  ];

  system.name = "slow-app";
  services.instance-data.role = "slow-app";

  services.slow-app = {
    enable = true;
    environmentFile = "${instance.folder}/slow-app.env";
    openFirewall = true;
  };

  systemd.services.slow-app = {
    requires = [ "instance-data.service" ];
    after = [ "instance-data.service" ];
  };
}
