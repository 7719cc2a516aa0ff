# The autoscaling agent.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.services.autoscaler;
  format = pkgs.formats.toml { };
in
{
  options.services.autoscaler = {
    enable = lib.mkEnableOption "the agent that scales an Exoscale instance pool";

    package = lib.mkOption {
      type = lib.types.package;
      description = "The package with the program `autoscaler`.";
    };

    settings = lib.mkOption {
      inherit (format) type;
      default = { };
      example = {
        exoscale.zone = "at-vie-1";
        scaling.max_size = 5;
      };
      description = ''
        Its settings; `autoscaler check-config --explain` lists them. Everyone can read them, so secrets belong into
        `settingsFile` or `environmentFile`.
      '';
    };

    settingsFile = lib.mkOption {
      type = lib.types.nullOr lib.types.path;
      default = null;
      example = "/run/instance/agent.toml";
      description = "A TOML file with its settings, secrets too, instead of `settings`. Only root has to be able to read it.";
    };

    environmentFile = lib.mkOption {
      type = lib.types.nullOr lib.types.path;
      default = null;
      example = "/run/keys/autoscaler.env";
      description = "A file with further settings, such as `EXOSCALE_API_KEY` and `EXOSCALE_API_SECRET`. They win over the others.";
    };

    openFirewall = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Open the port of its page, its metrics and its webhook. Without a token, a password or a signature that senders must
        show, the agent still listens on 127.0.0.1 alone; `settings.alerts.allow_unauthenticated` changes that.
      '';
    };

    publicPort = lib.mkOption {
      type = lib.types.port;
      internal = true;
      default = cfg.settings.alerts.port or 8090;
      defaultText = lib.literalExpression "settings.alerts.port or 8090";
      description = "The port that `openFirewall` opens: its own, or one of a web server in front of it.";
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = cfg.settingsFile == null || cfg.settings == { };
        message = "services.autoscaler has both settings and settingsFile; the agent reads one file.";
      }
    ];

    # Prometheus reads the targets in it. The group is fixed, since the service's user is not.
    users.groups.service-discovery = { };
    systemd.tmpfiles.settings.autoscaler."/srv/service-discovery".d = {
      user = "root";
      group = "service-discovery";
      mode = "2775";
    };

    systemd.services.autoscaler = {
      description = "Autoscaling agent for an Exoscale instance pool";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      startLimitIntervalSec = 0;
      environment.AUTOSCALER_CONFIG =
        if cfg.settingsFile != null then "%d/agent.toml" else format.generate "agent.toml" cfg.settings;

      serviceConfig = import ./hardening.nix // {
        Type = "notify";
        ExecStart = "${lib.getExe cfg.package} agent";
        # It reads its settings again. A credential stays the copy that systemd made at the start.
        ExecReload = "/bin/sh -c 'kill -HUP $MAINPID'";
        LoadCredential = lib.mkIf (cfg.settingsFile != null) [ "agent.toml:${cfg.settingsFile}" ];
        EnvironmentFile = lib.mkIf (cfg.environmentFile != null) cfg.environmentFile;

        # It withholds the watchdog ping while one of its actors hangs, and ends when one has died.
        WatchdogSec = "60s";
        Restart = "always";
        RestartSec = "1s";
        RestartSteps = 5;
        RestartMaxDelaySec = "30s";
        TimeoutStopSec = "15s";

        StateDirectory = "autoscaler";
        StateDirectoryMode = "0700";
        SupplementaryGroups = [ "service-discovery" ];
        # Again, if somebody removed it since the boot. Without the dash systemd would not come as far as this.
        ExecStartPre = "+/bin/sh -c 'install --directory --mode=2775 --group=service-discovery /srv/service-discovery'";
        ReadWritePaths = [ "-/srv/service-discovery" ];

        # Unix sockets for the signs of life and for looking names up.
        RestrictAddressFamilies = [
          "AF_INET"
          "AF_INET6"
          "AF_UNIX"
        ];
        IPAddressDeny = [ "169.254.169.254" ];
        MemoryMax = "256M";
        # The agent keeps its connections below it, with room for files.
        LimitNOFILE = 65536;
        TasksMax = 64;
      };
    };

    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall [ cfg.publicPort ];
  };
}
