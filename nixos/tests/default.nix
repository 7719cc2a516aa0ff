# Tests in virtual machines. Their builder needs the features `nixos-test` and `kvm`: a minute or two each with them.
{
  self,
  pkgs,
  hasImages,
}:

let
  test =
    file:
    pkgs.testers.runNixOSTest {
      imports = [ file ];
      _module.args = { inherit self; };
    };
in
{
  vm-slow-app = test ./slow-app.nix;
  vm-autoscaling = test ./autoscaling.nix;
}
// pkgs.lib.optionalAttrs hasImages {
  # Its machines are the script's, not the framework's, which would leave `vm` out of its name.
  vm-image = (test ./image.nix).overrideTestDerivation { name = "vm-test-run-image"; };
}
