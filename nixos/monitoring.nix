# The monitoring host: Prometheus, Grafana and the agent, from the plain files beside this one.
#
# Grafana's database is in memory: everything in it that matters comes from files, so each boot begins with the password,
# the token and the rules of today. Prometheus' measurements and the agent's journal are kept on the disk.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.services.autoscaler.monitoring;
  grafanaState = "/run/grafana-state";

  credential = name: file: lib.optional (file != null) "${name}:${file}";
in
{
  imports = [
    ./agent.nix
    ./https.nix
  ];

  options.services.autoscaler.monitoring = {
    enable = lib.mkEnableOption "Prometheus and Grafana, which tell the agent of the pool's load";

    retentionSize = lib.mkOption {
      type = lib.types.str;
      default = "2GB";
      description = "How much of the disk Prometheus may use, whatever the number of members.";
    };

    alertsTokenFile = lib.mkOption {
      type = lib.types.path;
      example = "/run/instance/alerts-token";
      description = ''
        A file with the token that Grafana shows to the agent: one line of visible ASCII, the agent's `alerts.token`; empty
        for none.
      '';
    };

    adminPasswordFile = lib.mkOption {
      type = lib.types.nullOr lib.types.path;
      default = null;
      example = "/run/instance/grafana-admin-password";
      description = ''
        A file with the password of Grafana's user `admin`: one line without `%(`. If it is empty or not given, nobody can
        log in.
      '';
    };

    environmentFile = lib.mkOption {
      type = lib.types.nullOr lib.types.path;
      default = null;
      example = "/run/instance/grafana.env";
      description = ''
        A file with variables for Grafana: `THRESHOLD_UP` and `THRESHOLD_DOWN`, if not 0.8 and 0.2; `REQUESTS_PER_MEMBER`,
        the requests a second for which one member is meant, to add the rule by request rate; and Grafana's own, such as
        `GF_SMTP_HOST`. In the latter Grafana takes `''${NAME}` and `$__file{PATH}` for what they name, and `%(NAME)s` for
        another setting.
      '';
    };

    operatorContactPointFile = lib.mkOption {
      type = lib.types.nullOr lib.types.path;
      default = null;
      example = "/run/keys/operator-contact-point.yml";
      description = ''
        Whom Grafana tells when the autoscaler needs a person: a provisioning file of Grafana with a contact point of the
        name `operator`, of any type. If it is empty or not given, nobody is told, and these alerts show in Grafana only.
      '';
    };

    publicDashboards = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = ''
        Let everyone see the dashboards without a login. Whoever reaches the port can then send any query to Prometheus,
        through `/api/ds/query`, and read the alert rules, the notification policies and the contact points (their
        secrets are redacted). Grafana cannot open one without the other.
      '';
    };

    openFirewall = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Open the ports of Prometheus and Grafana: those of `https`, or without it their own.";
    };
  };

  config = lib.mkIf cfg.enable {
    # Where prometheus.yml looks for them.
    environment.etc."prometheus/rules/pool.yml".source = ./prometheus-rules.yml;

    services = {
      autoscaler.enable = true;

      prometheus = {
        enable = true;
        configText = builtins.readFile ./prometheus.yml;
        retentionTime = "30d";
        extraFlags = [ "--storage.tsdb.retention.size=${cfg.retentionSize}" ];
        exporters.node = {
          enable = true;
          listenAddress = "127.0.0.1";
        };
      };

      grafana = {
        enable = true;
        dataDir = grafanaState;
        settings = {
          paths.provisioning = "/run/grafana/provisioning";
          server.http_addr = lib.mkDefault "0.0.0.0";
          security = {
            admin_password = "$__file{/run/grafana/admin-password}";
            secret_key = "$__file{${grafanaState}/secret-key}";
            disable_gravatar = true;
          };
          users = {
            allow_sign_up = false;
            # Light or dark as the visitor's browser has it.
            default_theme = "system";
          };
          "auth.anonymous" = {
            enabled = cfg.publicDashboards;
            org_role = "Viewer";
          };
          dashboards = {
            default_home_dashboard_path = "/run/grafana/dashboards/autoscaling.json";
            min_refresh_interval = "5s";
          };
          unified_alerting = {
            # The rules are evaluated every 10 s, and without a random delay on top.
            min_interval = "10s";
            disable_jitter = true;
          };
          # Grafana by itself asks nothing of anyone outside, and tells nothing. It talks to Prometheus and the agent on
          # this machine, and to whom the operator's contact point names.
          analytics = {
            reporting_enabled = false;
            check_for_updates = false;
            check_for_plugin_updates = false;
            feedback_links_enabled = false;
          };
          news.news_feed_enabled = false;
          snapshots.external_enabled = false;
          plugins = {
            plugin_admin_enabled = false;
            preinstall_disabled = true;
            # They are grafana.com's, for the signatures of plugins that nobody installs.
            public_key_retrieval_disabled = true;
          };
        };
      };
    };

    systemd = {
      tmpfiles.settings.grafana.${grafanaState}.d = {
        user = "grafana";
        group = "grafana";
        mode = "0700";
      };

      services.grafana = {
        startLimitIntervalSec = 0;
        preStart = lib.mkBefore ''
          ALERTS_TOKEN_FILE="$CREDENTIALS_DIRECTORY/alerts-token" ${pkgs.runtimeShell} \
            ${./grafana}/install.sh ${./grafana} /run/grafana "$CREDENTIALS_DIRECTORY/operator-contact-point"
          umask 0077
          random() { head --bytes 32 /dev/urandom | base64; }
          # It encrypts secrets in the database, which lives as long as this key does.
          [ -s ${grafanaState}/secret-key ] || random > ${grafanaState}/secret-key
          random > /run/grafana/admin-password
          if [ -s "$CREDENTIALS_DIRECTORY/admin-password" ]; then
            if grep --quiet --fixed-strings '%(' "$CREDENTIALS_DIRECTORY/admin-password"; then
              echo "adminPasswordFile has %( in it, which Grafana takes for the name of a setting" >&2
              exit 1
            fi
            cp --no-preserve=mode "$CREDENTIALS_DIRECTORY/admin-password" /run/grafana/admin-password
          fi
        '';
        serviceConfig = {
          LoadCredential =
            credential "alerts-token" cfg.alertsTokenFile
            ++ credential "admin-password" cfg.adminPasswordFile
            ++ credential "operator-contact-point" cfg.operatorContactPointFile;
          EnvironmentFile = lib.mkIf (cfg.environmentFile != null) cfg.environmentFile;
          # The files that Grafana reads hold secrets.
          RuntimeDirectoryMode = lib.mkForce "0700";
          # Also after it ended without an error.
          Restart = lib.mkForce "always";
          RestartSec = "1s";
          RestartSteps = 5;
          RestartMaxDelaySec = "30s";
          # The instance's user-data holds the agent's keys.
          IPAddressDeny = [ "169.254.169.254" ];
        };
      };

      services.prometheus = {
        startLimitIntervalSec = 0;
        serviceConfig = {
          RestartSec = "1s";
          RestartSteps = 5;
          RestartMaxDelaySec = "30s";
          IPAddressDeny = [ "169.254.169.254" ];
        };
      };
    };

    networking.firewall.allowedTCPPorts = lib.mkIf (cfg.openFirewall && !cfg.https.enable) [
      config.services.prometheus.port
      config.services.grafana.settings.server.http_port
    ];
  };
}
