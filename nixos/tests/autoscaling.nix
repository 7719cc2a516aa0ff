# The monitoring host from end to end: settings from user-data, Prometheus finds the members through the agent's file,
# load makes Grafana alert and the agent grow the pool, and quiet makes it shrink.
#
# The pool is the local cloud's (`autoscaler local-cloud`). Its instances are processes on addresses of 127.0.0.0/8, so
# it runs on the machine that watches them; the metadata service is another machine.
{
  self,
  lib,
  pkgs,
  ...
}:

let
  metadata = import ./metadata.nix { inherit lib; };
  programs = self.packages.${pkgs.stdenv.hostPlatform.system};
  afterInstanceData = {
    requires = [ "instance-data.service" ];
    after = [ "instance-data.service" ];
  };
in
{
  name = "autoscaling";

  nodes = {
    cloud = {
      imports = [ (metadata.server { }) ];
      environment.systemPackages = [ pkgs.openssl ];
    };

    monitoring =
      { pkgs, ... }:
      {
        imports = [
          self.nixosModules.monitoring
          self.nixosModules.instance-data
          (metadata.instance 1)
        ];
        virtualisation = {
          cores = 4;
          memorySize = 3072;
        };
        environment.systemPackages = [
          pkgs.jq
          programs.agent
          programs.loadtest
        ];

        services.instance-data = {
          enable = true;
          role = "monitoring";
        };
        services.autoscaler = {
          settingsFile = "/run/instance/agent.toml";
          openFirewall = true;
          monitoring = {
            enable = true;
            openFirewall = true;
            alertsTokenFile = "/run/instance/alerts-token";
            adminPasswordFile = "/run/instance/grafana-admin-password";
            environmentFile = "/run/instance/grafana.env";
          };
        };
        systemd.services = {
          # The document names a pool that the test makes first.
          instance-data.wantedBy = lib.mkForce [ ];
          autoscaler = afterInstanceData // {
            wantedBy = lib.mkForce [ ];
          };
          grafana = afterInstanceData // {
            wantedBy = lib.mkForce [ ];
          };
          local-cloud = {
            wantedBy = [ "multi-user.target" ];
            serviceConfig.ExecStart = "${lib.getExe programs.agent} local-cloud --with-pool 1 --speed 5";
          };
        };
      };
  };

  testScript = ''
    import json
    import re

    PASSWORD = "a-long-password"
    TOKEN = "a-long-token"


    def environment():
        """The local cloud's variables."""
        text = monitoring.wait_until_succeeds("autoscaler local-cloud env")
        return dict(re.findall(r"export (\w+)='([^']*)'", text))


    def document(variables, operator):
        return json.dumps({
            "version": 1,
            "role": "monitoring",
            "agent": {
                "exoscale": {
                    "zone": variables["EXOSCALE_ZONE"],
                    "key": variables["EXOSCALE_API_KEY"],
                    "secret": variables["EXOSCALE_API_SECRET"],
                    "endpoint": variables["EXOSCALE_API_ENDPOINT"],
                    "instance_pool": variables["EXOSCALE_INSTANCEPOOL_ID"],
                },
                "scaling": {"min_size": 1, "max_size": 2},
                "alerts": {"token": TOKEN},
            },
            "grafana": {"admin_password": PASSWORD},
            "operator": operator,
        })


    def start_with_a_pool(operator):
        cloud.succeed(f"echo '{document(environment(), operator)}' > /srv/metadata/1.json")
        monitoring.succeed("systemctl start autoscaler.service grafana.service")
        # Grafana serves before it has read its files.
        wait_for_grafana("/api/v1/provisioning/policies", ".routes | length == 2")
        wait_for_grafana("/api/v1/provisioning/alert-rules", "length > 10")
        wait_for_grafana("/api/dashboards/uid/autoscaling", ".meta.provisioned")


    def request(path):
        return f"curl --fail --silent --max-time 10 --user admin:{PASSWORD} http://127.0.0.1:3000{path}"


    def wait_for_grafana(path, condition):
        """Waits until the answer is there and meets jq's condition."""
        monitoring.wait_until_succeeds(f"{request(path)} | jq --exit-status '{condition}'")


    def grafana(path):
        return json.loads(monitoring.succeed(request(path)))


    def wait_for_size(size):
        """Waits for the pool's size, at most the 900 s of the test driver."""
        monitoring.wait_until_succeeds(
            f"curl --silent http://127.0.0.1:8090/metrics | grep --line-regexp 'autoscaler_pool_members_running {size}.0'"
        )


    start_all()
    cloud.wait_for_unit("nginx.service")
    monitoring.wait_for_unit("local-cloud.service")
    start_with_a_pool({})

    with subtest("Grafana has what the files say"):
        rules = grafana("/api/v1/provisioning/alert-rules")
        scaling = {rule["uid"] for rule in rules if "scale" in rule["labels"]}
        operators = {rule["uid"] for rule in rules if rule["labels"].get("audience") == "operator"}
        assert scaling == {"pool-cpu-high", "pool-cpu-jump", "pool-cpu-low"}, rules
        assert len(operators) == len(rules) - 3 == 11, rules
        policy = grafana("/api/v1/provisioning/policies")
        assert policy["routes"][0]["repeat_interval"] == "45s", policy
        assert policy["routes"][1]["mute_time_intervals"] == ["always"], policy

    with subtest("nobody sees it without a login"):
        status = monitoring.succeed(
            "curl --silent --output /dev/null --write-out '%{http_code}'"
            " http://127.0.0.1:3000/api/dashboards/uid/autoscaling"
        )
        assert status == "401", status

    with subtest("from elsewhere Grafana, the agent and Prometheus are there over HTTPS alone"):
        told = monitoring.succeed("journalctl --unit https-certificate --output cat")
        fingerprint = re.search(r"SHA-256 fingerprint ([0-9A-F:]{95})", told)
        assert fingerprint, told
        address = monitoring.succeed("ip -4 -oneline address show dev eth1").split()[3].split("/")[0]
        cloud.succeed(
            f"openssl s_client -connect {address}:3443 </dev/null 2>/dev/null | openssl x509 -out /tmp/monitoring.pem"
        )
        shown = cloud.succeed("openssl x509 -in /tmp/monitoring.pem -noout -fingerprint -sha256")
        assert fingerprint.group(1) in shown, (told, shown)
        for port, path in [(3443, "/api/health"), (8443, "/healthz"), (9443, "/-/ready")]:
            cloud.succeed(
                f"curl --fail --silent --max-time 10 --cacert /tmp/monitoring.pem https://{address}:{port}{path}"
            )
        for port in [3000, 8090, 9090]:
            cloud.fail(f"curl --silent --max-time 10 http://{address}:{port}/")

    with subtest("Prometheus finds the member in the agent's file"):
        query = "http://127.0.0.1:9090/api/v1/query --data-urlencode 'query=up{job=\"exoscale\"} == 1'"
        monitoring.wait_until_succeeds(f"curl --silent {query} | jq --exit-status '.data.result | length == 1'")

    with subtest("load makes the pool grow"):
        # An instance has a quarter of a core and a request costs 100 ms of it: 2.5 a second are all it can do.
        said = monitoring.succeed("journalctl --unit local-cloud.service --output cat")
        balancer = re.search(r"serves on (http://[0-9.:]+)/", said)
        assert balancer, said
        monitoring.succeed(
            f"systemd-run --unit load loadtest --rate 4 --duration 20m '{balancer.group(1)}/?ms=100'"
        )
        wait_for_size(2)

    with subtest("quiet makes it shrink"):
        monitoring.succeed("systemctl stop load.service")
        wait_for_size(1)

    with subtest("a reboot begins with the settings of today"):
        monitoring.shutdown()
        monitoring.start()
        monitoring.wait_for_unit("local-cloud.service")
        start_with_a_pool({"webhook": {"url": "https://ops.example.com/a?b=$c"}})
        wait_for_size(1)
        policy = grafana("/api/v1/provisioning/policies")
        assert not policy["routes"][1].get("mute_time_intervals"), policy
  '';
}
