# The deliberately slow web application, and a node exporter beside it.
{ config, lib, ... }:

let
  cfg = config.services.slow-app;
in
{
  options.services.slow-app = {
    enable = lib.mkEnableOption "the deliberately slow web application";

    package = lib.mkOption {
      type = lib.types.package;
      description = "The package with the program `slow-app`.";
    };

    port = lib.mkOption {
      type = lib.types.port;
      default = 8080;
      description = "The port on which it serves.";
    };

    settings = lib.mkOption {
      type = lib.types.attrsOf lib.types.str;
      default = { };
      example = {
        SLOW_APP_WORK_MS = "50";
      };
      description = "Its settings, as environment variables: see `slow-app --help`. Everyone can read them.";
    };

    environmentFile = lib.mkOption {
      type = lib.types.nullOr lib.types.path;
      default = null;
      example = "/run/instance/slow-app.env";
      description = "A file with further settings, such as the secret `SLOW_APP_DRAIN_TOKEN`.";
    };

    openFirewall = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Open the ports of the application and of its node exporter.";
    };
  };

  config = lib.mkIf cfg.enable {
    services.slow-app.settings = {
      SLOW_APP_LISTEN = "0.0.0.0:${toString cfg.port}";
      # The machine id: on a virtual machine's first boot systemd makes it of the machine's UUID.
      SLOW_APP_INSTANCE_ID = lib.mkDefault "%m";
    };

    systemd.services.slow-app = {
      description = "Deliberately slow web application";
      wantedBy = [ "multi-user.target" ];
      after = [ "network.target" ];
      environment = cfg.settings;
      startLimitIntervalSec = 0;

      serviceConfig = import ./hardening.nix // {
        ExecStart = lib.getExe cfg.package;
        EnvironmentFile = lib.mkIf (cfg.environmentFile != null) cfg.environmentFile;

        Restart = "always";
        RestartSec = "1s";
        RestartSteps = 5;
        RestartMaxDelaySec = "30s";
        # It drains for 20 s when it is asked to end.
        TimeoutStopSec = "30s";

        ProcSubset = "pid";
        RestrictAddressFamilies = [ "AF_INET" ];
        # The instance's user-data is not the application's to read.
        IPAddressDeny = [ "169.254.169.254" ];
        MemoryMax = "512M";
        LimitNOFILE = 65536;
        TasksMax = 256;
      };
    };

    services.prometheus.exporters.node = {
      enable = true;
      inherit (cfg) openFirewall;
    };

    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall [ cfg.port ];
  };
}
