# Evaluates the flake over trees of its inputs without copying them, for `scripts/check-nix.sh` and `scripts/boot-images.sh`.
{
  nixpkgs,
  crane,
  flake,
}:

let
  lib = import "${nixpkgs}/lib";
  inputs = {
    nixpkgs = {
      outPath = nixpkgs;
      lib = lib // {
        nixosSystem =
          arguments: import "${nixpkgs}/nixos/lib/eval-config.nix" ({ system = null; } // arguments);
      };
    };
    crane = (import "${crane}/flake.nix").outputs { self = inputs.crane; };
    self = (import "${flake}/flake.nix").outputs inputs // {
      outPath = flake;
    };
  };
  inherit (inputs) self;

  perSystem = name: lib.mapAttrs' (system: lib.nameValuePair "${name}.${system}") self.${name};
  derivations =
    lib.concatMapAttrs (path: lib.mapAttrs' (attribute: lib.nameValuePair "${path}.${attribute}")) (
      perSystem "packages" // perSystem "checks" // perSystem "devShells"
    )
    // perSystem "formatter";
  programs = lib.concatMapAttrs (
    path: lib.mapAttrs' (attribute: app: lib.nameValuePair "${path}.${attribute}" app.program)
  ) (perSystem "apps");

  # Warnings and failed assertions of a configuration that is not built are silent otherwise.
  complaints = lib.concatMapAttrs (
    name: configuration:
    let
      inherit (configuration) config;
      failed = lib.filter (assertion: !assertion.assertion) config.assertions;
      all = map (assertion: assertion.message) failed ++ config.warnings;
    in
    lib.optionalAttrs (all != [ ]) { ${name} = all; }
  ) self.nixosConfigurations;
in
{
  units = import ../units.nix self.nixosConfigurations;

  # For `scripts/boot-images.sh`.
  images = lib.mapAttrs (
    _: configuration: configuration.config.system.build.images.exoscale
  ) self.nixosConfigurations;

  report =
    if complaints != { } then
      throw "complaints: ${builtins.toJSON complaints}"
    else
      lib.concatLines (
        lib.mapAttrsToList (name: derivation: "${name}: ${derivation.drvPath}") derivations
        ++ lib.mapAttrsToList (name: program: "${name}: ${program}") programs
      );
}
