# What each of our services may do: next to nothing. Data, not a module; a service adds what it needs.
# `scripts/check-units.sh` has systemd rate the result.
{
  DynamicUser = true;
  UMask = "0077";

  CapabilityBoundingSet = "";
  NoNewPrivileges = true;
  PrivateUsers = true;
  RestrictSUIDSGID = true;

  # The file system: all of it read-only, but for folders that systemd makes for the service.
  ProtectSystem = "strict";
  ProtectHome = true;
  PrivateMounts = true;
  PrivateTmp = true;
  PrivateDevices = true;
  DevicePolicy = "closed";
  RemoveIPC = true;

  # Other processes and the kernel.
  ProtectProc = "invisible";
  ProtectClock = true;
  ProtectControlGroups = true;
  ProtectHostname = true;
  ProtectKernelLogs = true;
  ProtectKernelModules = true;
  ProtectKernelTunables = true;
  RestrictNamespaces = true;
  RestrictRealtime = true;
  LockPersonality = true;
  MemoryDenyWriteExecute = true;

  SystemCallArchitectures = "native";
  SystemCallErrorNumber = "EPERM";
  SystemCallFilter = [
    "@system-service"
    "~@privileged @resources"
  ];
}
