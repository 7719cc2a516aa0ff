# Reads the instance's settings from its user-data, once a boot (docs/instance-data.md). What needs them requires this
# service, so that a missing or wrong document starts nothing and shows on the console.
{ config, lib, ... }:

let
  cfg = config.services.instance-data;
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
  };

  config = lib.mkIf cfg.enable {
    systemd.services.instance-data = {
      description = "The instance's settings from its user-data";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];

      serviceConfig = import ./hardening.nix // {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = lib.escapeShellArgs [
          (lib.getExe cfg.package)
          "instance-data"
          "--role"
          cfg.role
          "--output"
          cfg.folder
          "--wait"
          cfg.wait
        ];
        # The program gives up by itself; this is for when it cannot.
        TimeoutStartSec = "10min";
        StandardError = "journal+console";

        # Root without capabilities, for sshd trusts no keys that belong to another user.
        DynamicUser = false;
        RuntimeDirectory = "instance";
        RuntimeDirectoryMode = "0700";
        RuntimeDirectoryPreserve = true;

        ProcSubset = "pid";
        RestrictAddressFamilies = [ "AF_INET" ];
        IPAddressAllow = [ "169.254.169.254" ];
        IPAddressDeny = [ "any" ];
        MemoryMax = "64M";
        TasksMax = 16;
      };
    };
  };
}
