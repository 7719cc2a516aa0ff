# HTTPS for whoever opens Grafana, Prometheus or the agent's page. nginx speaks it on ports of its own; the three listen in
# plain HTTP on this machine alone, where also Grafana's messages to the agent and Prometheus' scrapes stay.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.services.autoscaler.monitoring;
  inherit (cfg) https;
  hardening = import ./hardening.nix;

  given = name: file: lib.optional (file != null) "${name}:${file}";
  runtime = "/run/https-certificate";
  credentials = "/run/credentials/nginx.service";

  site = port: backend: {
    onlySSL = true;
    listen = [
      {
        addr = "0.0.0.0";
        inherit port;
        ssl = true;
      }
    ];
    sslCertificate = "${credentials}/certificate.pem";
    sslCertificateKey = "${credentials}/key.pem";
    # They would fill the disk: a log, and what waits for a slow reader or sender. The agent's page also reads events.
    extraConfig = ''
      access_log off;
      proxy_buffering off;
      proxy_request_buffering off;
    '';
    locations."/" = {
      proxyPass = "http://${backend}";
      proxyWebsockets = true;
      # With the port, which Grafana and the agent compare with the page that asks. The build's linter refuses $http_host.
      extraConfig = ''
        proxy_set_header Host $host:$server_port;
        proxy_read_timeout 130s;
      '';
    };
  };

  # As root, for the one who makes the certificate may do nothing to other services. Connections end only when the
  # certificate is another one, which is once in a year.
  restartIfChanged = pkgs.writeShellScript "restart-if-changed" ''
    if [ -e ${runtime}/changed ]; then
      rm ${runtime}/changed
      exec ${config.systemd.package}/bin/systemctl --no-block try-restart nginx.service
    fi
  '';
in
{
  options.services.autoscaler.monitoring.https = {
    enable = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = ''
        Serve Grafana, Prometheus and the agent's page over HTTPS alone, on ports of their own. Without it they speak plain
        HTTP on their usual ports, and passwords can be read on the way.
      '';
    };

    certificateFile = lib.mkOption {
      type = lib.types.nullOr lib.types.path;
      default = null;
      example = "/var/lib/acme/monitoring.example.com/fullchain.pem";
      description = ''
        A file with the certificate in PEM, followed by those between it and its authority. If it is empty or not given, the
        host makes one for its addresses, and says its fingerprint in the journal. New files are taken over once a day, and
        when `https-certificate.service` is started.
      '';
    };

    keyFile = lib.mkOption {
      type = lib.types.nullOr lib.types.path;
      default = null;
      example = "/var/lib/acme/monitoring.example.com/key.pem";
      description = "A file with the private key of the certificate in PEM. Only root has to be able to read it.";
    };

    grafanaPort = lib.mkOption {
      type = lib.types.port;
      default = 3443;
      description = "The port of Grafana.";
    };

    agentPort = lib.mkOption {
      type = lib.types.port;
      default = 8443;
      description = "The port of the agent's page. It leads nowhere while the agent listens on 127.0.0.1 alone.";
    };

    prometheusPort = lib.mkOption {
      type = lib.types.port;
      default = 9443;
      description = "The port of Prometheus.";
    };
  };

  config = lib.mkIf (cfg.enable && https.enable) {
    assertions = [
      {
        assertion = (https.certificateFile == null) == (https.keyFile == null);
        message = "services.autoscaler.monitoring.https needs both certificateFile and keyFile, or neither.";
      }
    ];

    services = {
      autoscaler.publicPort = https.agentPort;
      grafana.settings = {
        server.http_addr = "127.0.0.1";
        security.cookie_secure = true;
      };
      prometheus.listenAddress = "127.0.0.1";

      nginx = {
        enable = true;
        recommendedTlsSettings = true;
        virtualHosts = {
          autoscaler-grafana = site https.grafanaPort "127.0.0.1:${toString config.services.grafana.settings.server.http_port}";
          # An agent without a token listens on 127.0.0.1, so that nobody else can have it scale; this is not that address.
          autoscaler-agent = site https.agentPort "127.0.0.2:${
            toString (config.services.autoscaler.settings.alerts.port or 8090)
          }";
          autoscaler-prometheus = site https.prometheusPort "127.0.0.1:${toString config.services.prometheus.port}";
        };
      };
    };

    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall [
      https.grafanaPort
      https.prometheusPort
    ];

    systemd.services = {
      https-certificate = {
        description = "The certificate with which the monitoring host speaks HTTPS";
        wants = [ "network-online.target" ];
        after = [ "network-online.target" ];
        startAt = "daily";
        path = [
          pkgs.diffutils
          pkgs.gnugrep
          pkgs.gnused
          pkgs.iproute2
          pkgs.openssl
        ];

        serviceConfig = hardening // {
          Type = "oneshot";
          ExecStart = lib.concatStringsSep " " [
            "${pkgs.writeShellScript "certificate.sh" (builtins.readFile ./https/certificate.sh)}"
            "/var/lib/https-certificate"
            runtime
            "%d/certificate.pem"
            "%d/key.pem"
          ];
          ExecStartPost = "+${restartIfChanged}";
          LoadCredential = given "certificate.pem" https.certificateFile ++ given "key.pem" https.keyFile;
          TimeoutStartSec = "1min";
          # Whoever opens Grafana for the first time compares the fingerprint with this.
          StandardOutput = "journal+console";
          StandardError = "journal+console";

          StateDirectory = "https-certificate";
          StateDirectoryMode = "0700";
          RuntimeDirectory = "https-certificate";
          RuntimeDirectoryMode = "0700";
          RuntimeDirectoryPreserve = true;

          # To ask for the host's own addresses: `ip` gives up its capabilities first, and ends without a word where it cannot.
          RestrictAddressFamilies = [ "AF_NETLINK" ];
          SystemCallFilter = hardening.SystemCallFilter ++ [ "capset" ];
          IPAddressDeny = [ "any" ];
          MemoryMax = "64M";
          TasksMax = 16;
        };
      };

      nginx = {
        requires = [ "https-certificate.service" ];
        after = [ "https-certificate.service" ];
        startLimitIntervalSec = lib.mkForce 0;
        serviceConfig = {
          LoadCredential = [
            "certificate.pem:${runtime}/certificate.pem"
            "key.pem:${runtime}/key.pem"
          ];
          RestartSec = lib.mkForce "1s";
          RestartSteps = 5;
          RestartMaxDelaySec = "30s";
          IPAddressDeny = [ "169.254.169.254" ];
        };
      };
    };
  };
}
