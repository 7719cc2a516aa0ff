# What contributors do. `just` lists the recipes; each calls cargo or a script that works without just.

# List the recipes.
[private]
default:
    @just --list

# Everything that continuous integration does; installs what it needs on Debian.
ci:
    .ci/run

# Formatting, lints, comments, paths, scripts and dependencies, without running tests.
check: fmt-check lint
    scripts/comment-width.py
    scripts/check-paths.sh
    scripts/check-words.py
    scripts/check-versions.py
    scripts/draw-pictures.sh --check
    scripts/check-dependencies.sh

# All tests, or those whose name has NAME: `just test g07`.
test *NAME:
    cargo test --workspace --locked {{ NAME }}

# Clippy as in continuous integration, and shellcheck.
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings
    shellcheck .ci/run scripts/*.sh scripts/boot-units/*.sh scripts/package/*.sh scripts/boot-images/*.sh scripts/boot-images/cases/*.sh
    shellcheck nixos/grafana/install.sh nixos/https/certificate.sh nixos/instance-data/take-over.sh nixos/tests/imds.sh
    shellcheck --shell bash nixos/publish-images.sh

# Format the Rust files, and wrap comments.
fmt:
    cargo fmt --all
    scripts/comment-width.py --fix

# Say what `just fmt` would change.
fmt-check:
    cargo fmt --all --check

# The complete autoscaling loop on this machine; `just demo --help` has the arguments.
demo *ARGUMENTS:
    cargo run --release -- demo {{ ARGUMENTS }}

# A whole deployment with Terraform against the local cloud; needs terraform and Go.
rehearse:
    scripts/rehearse.sh

# Static programs, Debian packages, bills of materials; scripts/package.sh --help says what it needs.
package *STEPS:
    scripts/package.sh {{ STEPS }}

# The services in a small booted machine; needs root, QEMU and debootstrap.
boot-units *CASES:
    sudo --preserve-env=PATH scripts/boot-units.sh {{ CASES }}

# The images, with Debian's programs in place of packages; needs root, QEMU, and NIXPKGS and CRANE.
boot-images *CASES:
    sudo --preserve-env=PATH,NIXPKGS,CRANE scripts/boot-images.sh {{ CASES }}

# The agent under a flood of alerts, and the slow application's own overhead.
bench:
    cargo bench -p autoscaler --bench agent_webhooks
    cargo bench -p slow-app --bench slow_app_overhead

# The load balancer against haproxy; needs haproxy, nginx and wrk.
bench-nlb *ARGUMENTS:
    scripts/bench-nlb.sh {{ ARGUMENTS }}

# Does a test notice when the policy is wrong? Needs cargo-mutants.
mutants:
    PROPTEST_CASES=400 cargo mutants -p policy

# Fuzz one target of fuzz/fuzz_targets for SECONDS; needs cargo-fuzz and a C++ compiler.
fuzz TARGET SECONDS="600":
    cargo fuzz run -s none {{ TARGET }} -- -max_total_time={{ SECONDS }}

# The Nix files; evaluates them where NIXPKGS and CRANE name the trees.
nix:
    scripts/check-nix.sh
    scripts/check-units.sh

# The Terraform files.
terraform:
    scripts/check-terraform.sh

# Licences, second versions, sources and known vulnerabilities of dependencies.
dependencies:
    scripts/check-dependencies.sh

# Whether the oldest Rust promised still compiles everything.
oldest-rust:
    scripts/check-oldest-rust.sh

# The pages of docs/ as a book in target/book, with its links checked; needs mdbook.
book:
    scripts/check-book.sh

# Make every page, or part of one, that is made of the code or of what a command prints.
pages:
    UPDATE_DOCS=1 cargo test -p agent settings_page
    UPDATE_DOCS=1 cargo test -p agent -p slow-app -p loadtest metrics_page
    UPDATE_DOCS=1 cargo test -p autoscaler http_api_pages
    UPDATE_DOCS=1 cargo test -p policy reasons_page
    UPDATE_DOCS=1 cargo test -p local-cloud local_cloud_page
    UPDATE_DOCS=1 cargo test -p autoscaler own_pool
    UPDATE_DOCS=1 cargo test -p autoscaler the_pages_table_is_what_the_command_prints
    UPDATE_DOCS=1 cargo test -p autoscaler the_packaged_settings_file
    scripts/check-terraform.sh --update-docs

# The crates' documentation, with what is private, in a browser.
docs:
    cargo doc --workspace --no-deps --document-private-items --open
