# A network with a metadata service, for tests: each machine has an address in 169.254.0.0/16, the service has the one of
# Exoscale's, and what it answers depends on who asks.
{ lib }:

let
  address = ip: {
    networking.interfaces.eth1.ipv4.addresses = lib.mkAfter [
      {
        address = ip;
        prefixLength = 16;
      }
    ];
  };
in
{
  # A machine that asks.
  instance = number: address "169.254.1.${toString number}";

  # The machine that answers with `/srv/metadata/NUMBER.json`. `documents` are there from the start, by number.
  server = documents: {
    imports = [ (address "169.254.169.254") ];
    networking.firewall.allowedTCPPorts = [ 80 ];
    systemd.tmpfiles.settings.metadata = {
      "/srv/metadata".d.mode = "0755";
    }
    // lib.mapAttrs' (
      number: document: lib.nameValuePair "/srv/metadata/${number}.json" { f.argument = document; }
    ) documents;
    services.nginx = {
      enable = true;
      appendHttpConfig = ''
        map $remote_addr $number {
          "~^169\.254\.1\.(?<last>\d+)$" $last;
          default none;
        }
      '';
      virtualHosts.metadata = {
        default = true;
        root = "/srv/metadata";
        locations."= /latest/user-data".tryFiles = "/$number.json =404";
      };
    };
  };
}
