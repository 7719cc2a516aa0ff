# Everything that exists once per system: packages, apps, checks, the development shell.
{
  self,
  nixpkgs,
  crane,
  system,
}:

let
  inherit (nixpkgs) lib;

  pkgs = import nixpkgs {
    inherit system;
    # Terraform's licence is not a free one; its plugin wrapper has the same name.
    config.allowUnfreePredicate = package: lib.getName package == "terraform";
  };
  craneLib = crane.mkLib pkgs;

  workspace = {
    pname = "autoscaler";
    version = (lib.importTOML ../Cargo.toml).workspace.package.version;
    strictDeps = true;
    src = sources [ ];
  };

  # Only what the compiler reads, so that editing Terraform files or a README rebuilds nothing.
  sources =
    more:
    lib.fileset.toSource {
      root = ../.;
      fileset = lib.fileset.unions (
        [
          ../Cargo.toml
          ../Cargo.lock
          ../clippy.toml
          ../src
          ../fuzz/entries
          (lib.fileset.fileFilter (file: !file.hasExt "md") ../loadtest)
          ./prometheus.yml
          ./prometheus-rules.yml
          ../terraform/modules/monitoring/iam.tf
          ../terraform/modules/monitoring/debian/scaling-rules.yml
          ./grafana/dashboards
          ./grafana/optional
          ./grafana/provisioning/alerting
        ]
        ++ more
      );
    };
  withTests = workspace // {
    cargoArtifacts = testDependencies;
    # Nothing builds upon a check.
    doInstallCargoArtifacts = false;
    # No CA certificates: a test that needs some brings them (scripts/check-sandbox.sh).
    nativeBuildInputs = prometheus ++ [ pkgs.openssl ];
    src = sources [
      ../ARCHITECTURE.md
      ../docs/compose
      ../docs/course
      ../docs/guarantees.md
      ../docs/http-api.md
      ../docs/local-cloud-api.md
      ../docs/local-cloud.md
      ../docs/metrics.md
      ../docs/openapi
      ../docs/own-pool.md
      ../docs/scaling.md
      ../docs/settings.md
      ../fuzz/corpus
      ../packaging/debian
      ../terraform/modules/monitoring
      ./grafana
      ./https
      ./monitoring.nix
      ./oci.nix
      ./prometheus-alerts.yml
      ./tests/alerts_test.yml
      ./tests/operator_alerts_test.yml
      ./units
    ];
  };

  # Without the crates that serve tests, whose dependencies and features no program needs.
  buildPrograms = "cargoWithProfile build --locked --package autoscaler --package slow-app --package loadtest";

  # Other people's crates, compiled once for all programs.
  dependencies = craneLib.buildDepsOnly (
    workspace
    // {
      buildPhaseCargoCommand = buildPrograms;
      doCheck = false;
    }
  );

  # And what clippy and the tests need beyond that, so that a program is built without it.
  testDependencies = craneLib.mkCargoDerivation (
    workspace
    // {
      src = craneLib.mkDummySrc workspace;
      cargoVendorDir = craneLib.vendorCargoDeps workspace;
      cargoArtifacts = dependencies;
      pname = "${workspace.pname}-test-deps";
      buildPhaseCargoCommand = ''
        cargoWithProfile check --locked --workspace --all-targets
        cargoWithProfile test --locked --workspace --no-run
      '';
    }
  );

  programs = craneLib.buildPackage (
    workspace
    // {
      cargoArtifacts = dependencies;
      cargoBuildCommand = buildPrograms;
      cargoExtraArgs = "";
      # The tests are a check of their own.
      doCheck = false;
    }
  );

  # One program of it, so that an image holds no other; with its completions and manual, which it writes itself.
  program =
    name: description:
    pkgs.runCommand "${name}-${workspace.version}"
      {
        nativeBuildInputs = [ pkgs.installShellFiles ];
        meta = {
          inherit description;
          license = lib.licenses.asl20;
          mainProgram = name;
          platforms = lib.platforms.linux;
        };
      }
      ''
        install -D -t $out/bin ${programs}/bin/${name}
        ${lib.optionalString (pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform) ''
          for shell in bash fish zsh; do
            $out/bin/${name} completions $shell >${name}.$shell
          done
          installShellCompletion ${name}.{bash,fish,zsh}
          mkdir manual
          $out/bin/${name} man manual
          installManPage manual/*
        ''}
      '';

  # The text of our services' units.
  units = pkgs.linkFarm "units" (
    lib.mapAttrs' (
      name: text: lib.nameValuePair "${name}.service" (pkgs.writeText "${name}.service" text)
    ) (import ./units.nix configurations)
  );

  # Exoscale's instances have x86-64 CPUs.
  hasImages = system == "x86_64-linux";

  configuration =
    role: programs:
    lib.nixosSystem {
      modules = [
        ./roles/${role}.nix
        programs
        {
          nixpkgs.pkgs = pkgs;
          services.instance-data.package = packages.agent;
          system.stateVersion = "26.05";
        }
      ];
    };
  configurations = {
    slow-app = configuration "slow-app" { services.slow-app.package = packages.slow-app; };
    monitoring = configuration "monitoring" { services.autoscaler.package = packages.agent; };
  };

  packages = {
    default = packages.agent;
    agent = program "autoscaler" "Scales an Exoscale instance pool on alerts";
    slow-app = program "slow-app" "A deliberately slow web application";
    loadtest = program "loadtest" "Generates HTTP load and says what became of it";
  }
  // import ./oci.nix {
    inherit lib pkgs packages;
    inherit (workspace) version;
  }
  // lib.optionalAttrs hasImages {
    slow-app-image = configurations.slow-app.config.system.build.images.exoscale;
    monitoring-image = configurations.monitoring.config.system.build.images.exoscale;
  };

  app = package: {
    type = "app";
    program = lib.getExe package;
    meta = { inherit (package.meta) description; };
  };

  # With its plugins, so that `terraform init` needs no network.
  terraform = pkgs.terraform.withPlugins (plugins: [
    plugins.exoscale_exoscale
    plugins.hashicorp_aws
  ]);

  # promtool and prometheus are two outputs of one package.
  prometheus = [
    pkgs.prometheus
    pkgs.prometheus.cli
  ];
in
{
  inherit configurations packages;

  apps = {
    default = app packages.agent;
    loadtest = app packages.loadtest;
    demo = app (
      pkgs.writeShellApplication {
        name = "demo";
        meta.description = "The complete autoscaling loop on this machine, with a real Prometheus";
        runtimeInputs = prometheus ++ [ packages.agent ];
        text = ''exec autoscaler demo "$@"'';
      }
    );
  }
  // lib.optionalAttrs hasImages {
    # No check: systemd-analyze wants /run/systemd, which the sandbox of a build does not have.
    check-units = app (
      pkgs.writeShellApplication {
        name = "check-units";
        meta.description = "Has systemd rate the rights of the services' units, as the images have them";
        runtimeInputs = [ pkgs.systemd ];
        text = "AUTOSCALER_REQUIRE_PROGRAMS=1 exec sh ${../scripts/check-units.sh} ${units}";
      }
    );
    publish-images = app (
      pkgs.writeShellApplication {
        name = "publish-images";
        meta.description = "Builds both images and registers them as templates";
        runtimeInputs = [
          packages.agent
          pkgs.nix
          terraform
        ];
        text = builtins.readFile ./publish-images.sh;
      }
    );
  };

  checks = {
    inherit (packages) agent loadtest slow-app;
    clippy = craneLib.cargoClippy (
      withTests
      // {
        cargoClippyExtraArgs = "--workspace --all-targets -- --deny warnings";
      }
    );
    formatting = craneLib.cargoFmt (
      workspace
      // {
        src = sources [ (lib.fileset.maybeMissing ../rustfmt.toml) ];
        cargoExtraArgs = "--all";
      }
    );
    tests = craneLib.cargoTest (withTests // { cargoTestExtraArgs = "--workspace"; });
    # Prometheus' configuration, the alert rules and the dashboards. Here promtool must not be missing.
    monitoring-files = craneLib.cargoTest (
      withTests
      // {
        pname = "${workspace.pname}-monitoring-files";
        cargoTestExtraArgs = "--package autoscaler --test integration monitoring_files";
        AUTOSCALER_REQUIRE_PROGRAMS = "1";
      }
    );
    nix-files =
      pkgs.runCommand "nix-files"
        {
          nativeBuildInputs = [
            pkgs.deadnix
            pkgs.nixfmt
            pkgs.statix
          ];
          src = lib.fileset.toSource {
            root = ../.;
            fileset = lib.fileset.fileFilter (file: file.hasExt "nix") ../.;
          };
        }
        ''
          cd $src
          find . -name '*.nix' -exec nixfmt --check {} +
          deadnix --fail .
          statix check .
          touch $out
        '';
  }
  // import ./tests { inherit self pkgs hasImages; };

  devShells.default = craneLib.devShell {
    packages = prometheus ++ [
      pkgs.cargo-deny
      pkgs.deadnix
      pkgs.exoscale-cli
      pkgs.go
      pkgs.grafana
      pkgs.mdbook
      pkgs.nixfmt
      pkgs.python3
      pkgs.rust-analyzer
      pkgs.shellcheck
      pkgs.statix
      terraform
    ];
  };

  formatter = pkgs.nixfmt-tree;
}
