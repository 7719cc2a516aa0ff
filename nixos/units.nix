# The text of our services' units, as the images have them. `scripts/check-nix.sh` keeps nixos/units/ equal to it, where
# `scripts/check-units.sh` finds it on machines without Nix.
configurations:

let
  text = role: name: configurations.${role}.config.systemd.units."${name}.service".text;
  # Which build of a program it is, and the environment that NixOS gives every unit, say nothing of a unit's rights.
  isInteresting = line: builtins.match "Environment=\"(LOCALE_ARCHIVE|PATH|TZDIR)=.*" line == null;
  hash = "[0-9a-z]{32}-";
  withoutHash =
    line: builtins.concatStringsSep "" (builtins.filter builtins.isString (builtins.split hash line));
  lines = unit: builtins.filter builtins.isString (builtins.split "\n" unit);
  plain =
    unit: builtins.concatStringsSep "\n" (map withoutHash (builtins.filter isInteresting (lines unit)));
in
{
  slow-app = plain (text "slow-app" "slow-app");
  autoscaler = plain (text "monitoring" "autoscaler");
  instance-data = plain (text "monitoring" "instance-data");
  instance-data-again = plain (text "monitoring" "instance-data-again");
  https-certificate = plain (text "monitoring" "https-certificate");
}
