# A pool's member: it takes its settings from user-data, serves, and does not start on a wrong document.
{
  self,
  lib,
  ...
}:

let
  metadata = import ./metadata.nix { inherit lib; };

  member = number: {
    imports = [
      self.nixosModules.slow-app
      self.nixosModules.instance-data
      (metadata.instance number)
    ];
    services.instance-data = {
      enable = true;
      role = "slow-app";
      # The tests of trouble wait for it to give up.
      wait = "20s";
    };
    services.slow-app = {
      enable = true;
      environmentFile = "/run/instance/slow-app.env";
      openFirewall = true;
    };
    systemd.services.slow-app = {
      requires = [ "instance-data.service" ];
      after = [ "instance-data.service" ];
    };
  };
in
{
  name = "slow-app";

  nodes = {
    cloud = metadata.server {
      "1" = builtins.toJSON {
        version = 1;
        role = "slow-app";
        slow_app = {
          drain_token = "hush";
          work_ms = 20;
        };
      };
      "2" = ''{ "version": 1, "role": "slow-app", "slow_app": { "work_mss": 20 } }'';
    };
    member = member 1;
    # Its document has a typing mistake.
    mistaken = member 2;
    # There is none for it.
    forgotten = member 3;
  };

  testScript =
    { nodes, ... }:
    ''
      # By its name the metadata service's address would ask it, from which its unit takes nothing.
      MEMBER = "http://${nodes.member.networking.primaryIPAddress}"
      CURL = "curl --fail --silent --max-time 10"

      cloud.start()
      cloud.wait_for_unit("nginx.service")
      cloud.wait_for_open_port(80)
      start_all()

      with subtest("the member serves with the settings of its user-data"):
          member.wait_for_unit("slow-app.service")
          cloud.wait_until_succeeds(f"{CURL} {MEMBER}:8080/health | grep --line-regexp OK")
          answer = cloud.succeed(f"{CURL} {MEMBER}:8080/")
          assert '"asked_ms":20' in answer, answer
          cloud.wait_until_succeeds(f"{CURL} {MEMBER}:9100/metrics | grep node_boot_time_seconds")

      with subtest("only the token drains it"):
          status = "curl --silent --max-time 10 --output /dev/null --write-out '%{http_code}'"
          assert cloud.succeed(f"{status} --request POST {MEMBER}:8080/drain") == "401"
          cloud.succeed(f"{CURL} --request POST --header 'Authorization: Bearer hush' {MEMBER}:8080/drain")
          assert cloud.succeed(f"{status} {MEMBER}:8080/health") == "503"

      with subtest("only root can read the settings"):
          member.succeed("test $(stat --format %a:%U /run/instance) = 700:root")
          member.succeed("test $(stat --format %a:%U /run/instance/slow-app.env) = 600:root")

      with subtest("a reboot is a new start"):
          member.shutdown()
          member.start()
          cloud.wait_until_succeeds(f"{CURL} {MEMBER}:8080/health | grep --line-regexp OK")

      with subtest("a mistake in the document starts nothing, and is named on the console"):
          mistaken.wait_until_succeeds("systemctl is-failed instance-data.service")
          mistaken.wait_for_console_text("work_mss")
          mistaken.fail("systemctl is-active slow-app.service")
          mistaken.fail("test -e /run/instance/slow-app.env")

      with subtest("without a document nothing starts"):
          forgotten.wait_until_succeeds("systemctl is-failed instance-data.service")
          forgotten.fail("systemctl is-active slow-app.service")
    '';
}
