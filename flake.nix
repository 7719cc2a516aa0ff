{
  description = "Autoscaling for Exoscale instance pools: immutable images, the agent, and a load generator";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
    crane.url = "github:ipetkov/crane";
  };

  outputs =
    {
      self,
      nixpkgs,
      crane,
    }:
    let
      inherit (nixpkgs) lib;
      perSystem =
        lib.genAttrs
          [
            "x86_64-linux"
            "aarch64-linux"
          ]
          (
            system:
            import ./nixos/packages.nix {
              inherit
                self
                nixpkgs
                crane
                system
                ;
            }
          );
      each = name: lib.mapAttrs (_: outputs: outputs.${name}) perSystem;
    in
    {
      packages = each "packages";
      apps = each "apps";
      checks = each "checks";
      devShells = each "devShells";
      formatter = each "formatter";

      # What is in the images: `nix eval .#nixosConfigurations.monitoring.config.…`.
      nixosConfigurations = perSystem.x86_64-linux.configurations;

      # For other people's machines: docs/nixos.md.
      nixosModules = {
        slow-app =
          { lib, pkgs, ... }:
          {
            imports = [ ./nixos/slow-app.nix ];
            services.slow-app.package = lib.mkDefault self.packages.${pkgs.stdenv.hostPlatform.system}.slow-app;
          };
        agent =
          { lib, pkgs, ... }:
          {
            imports = [ ./nixos/agent.nix ];
            services.autoscaler.package = lib.mkDefault self.packages.${pkgs.stdenv.hostPlatform.system}.agent;
          };
        monitoring.imports = [
          self.nixosModules.agent
          ./nixos/monitoring.nix
        ];
        instance-data =
          { lib, pkgs, ... }:
          {
            imports = [ ./nixos/instance-data.nix ];
            services.instance-data.package =
              lib.mkDefault
                self.packages.${pkgs.stdenv.hostPlatform.system}.agent;
          };
      };
    };
}
