# Container images: one program each, with CA certificates and the folders that it writes to, and nothing else.
#
#   $(nix build --no-link --print-out-paths .#agent-oci) | docker load
{
  lib,
  pkgs,
  packages,
  version,
}:

let
  # No name resolves it: nothing else on the host should have these numbers.
  user = "65532";

  image =
    name:
    {
      package,
      folders ? [ ],
      ports ? [ ],
    }:
    pkgs.dockerTools.streamLayeredImage {
      inherit name;
      tag = version;
      contents = [ pkgs.dockerTools.caCertificates ];
      # A volume that is new gets their owner.
      fakeRootCommands = lib.concatMapStrings (folder: ''
        install -d -o ${user} -g ${user} -m 0755 .${folder}
      '') folders;
      config = {
        Entrypoint = [ (lib.getExe package) ];
        User = "${user}:${user}";
        ExposedPorts = lib.genAttrs (map (port: "${toString port}/tcp") ports) (_: { });
        Volumes = lib.genAttrs folders (_: { });
        Labels = {
          "org.opencontainers.image.title" = name;
          "org.opencontainers.image.description" = package.meta.description;
          "org.opencontainers.image.version" = version;
          "org.opencontainers.image.licenses" = package.meta.license.spdxId;
        };
      };
      meta = {
        description = "${package.meta.description}, as a container image";
        inherit (package.meta) license platforms;
      };
    };
in
{
  # It starts the agent where its variables name a pool, and otherwise says how to.
  agent-oci = image "autoscaler" {
    package = packages.agent;
    folders = [
      "/srv/service-discovery"
      "/var/lib/autoscaler"
    ];
    ports = [ 8090 ];
  };
  slow-app-oci = image "slow-app" {
    package = packages.slow-app;
    ports = [ 8080 ];
  };
  loadtest-oci = image "loadtest" { package = packages.loadtest; };
}
