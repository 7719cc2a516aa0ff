# Tests in virtual machines. They need /dev/kvm: a minute or two each with it.
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
// pkgs.lib.optionalAttrs hasImages { vm-image = test ./image.nix; }
