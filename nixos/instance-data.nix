# Reads the instance's settings from its user-data at boot (docs/instance-data.md). What needs them requires this service,
# so that a missing or wrong document starts nothing and shows on the console. Afterwards a timer reads them again, and
# services start again whose settings have changed.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.services.instance-data;
  records = "/run/instance-records";
  takeOver = pkgs.writeShellScript "take-over" (builtins.readFile ./instance-data/take-over.sh);

  read =
    wait:
    lib.escapeShellArgs [
      (lib.getExe cfg.package)
      "instance-data"
      "--role"
      cfg.role
      "--output"
      cfg.folder
      "--wait"
      wait
    ];
  restart = lib.escapeShellArgs (
    [
      takeOver
      records
      cfg.folder
    ]
    ++ lib.mapAttrsToList (
      unit: files: "${unit}.service=${lib.concatStringsSep "," files}"
    ) cfg.restarts
  );

  rights = import ./hardening.nix // {
    Type = "oneshot";
    # The program gives up by itself; this is for when it cannot.
    TimeoutStartSec = "10min";
    StandardError = "journal+console";

    # Root without capabilities, for sshd trusts no keys that belong to another user.
    DynamicUser = false;
    RuntimeDirectory = [
      "instance"
      "instance-records"
    ];
    RuntimeDirectoryMode = "0700";
    RuntimeDirectoryPreserve = true;

    ProcSubset = "pid";
    RestrictAddressFamilies = [ "AF_INET" ];
    IPAddressAllow = [ "169.254.169.254" ];
    IPAddressDeny = [ "any" ];
    MemoryMax = "64M";
    TasksMax = 16;
  };
in
{
  options.services.instance-data = {
    enable = lib.mkEnableOption "reading the instance's settings from its user-data at boot";

    package = lib.mkOption {
      type = lib.types.package;
      description = "The package with the program `autoscaler`.";
    };

    role = lib.mkOption {
      type = lib.types.enum [
        "slow-app"
        "monitoring"
      ];
      description = "The role that the document must be for.";
    };

    folder = lib.mkOption {
      type = lib.types.path;
      default = "/run/instance";
      readOnly = true;
      description = "Where the files are once the service has started. Only root can read them.";
    };

    wait = lib.mkOption {
      type = lib.types.str;
      default = "5m";
      description = "How long the metadata service is asked until the service fails.";
    };

    restarts = lib.mkOption {
      type = lib.types.attrsOf (lib.types.listOf lib.types.str);
      default = { };
      example = {
        autoscaler = [ "agent.toml" ];
      };
      description = ''
        Services that start again when one of these files has changed. Without any, the settings are read at boot only.
      '';
    };

    every = lib.mkOption {
      type = lib.types.str;
      default = "30s";
      description = "The pause between two reads of the settings, where there are `restarts`.";
    };
  };

  config = lib.mkIf cfg.enable {
    systemd.services.instance-data = {
      description = "The instance's settings from its user-data";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      serviceConfig = rights // {
        RemainAfterExit = true;
        ExecStart = read cfg.wait;
        ExecStartPost = lib.mkIf (cfg.restarts != { }) "+${restart}";
      };
    };

    systemd.services.instance-data-again = lib.mkIf (cfg.restarts != { }) {
      description = "The instance's settings, if they have changed";
      after = [ "instance-data.service" ];
      environment.BOOT_UNIT = "instance-data.service";
      serviceConfig = rights // {
        ExecStart = read "10s";
        ExecStartPost = "+${restart}";
      };
    };

    systemd.timers.instance-data-again = lib.mkIf (cfg.restarts != { }) {
      wantedBy = [ "timers.target" ];
      timerConfig = {
        OnActiveSec = cfg.every;
        OnUnitInactiveSec = cfg.every;
        AccuracySec = "1s";
      };
    };
  };
}
