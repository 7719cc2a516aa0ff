#!/usr/bin/env bash
# Checks that the oldest Rust promised, `rust-version` in Cargo.toml, compiles all libraries and programs.
#
#   scripts/check-oldest-rust.sh
#
# Needs rustup, which installs that version once. Where it cannot, this says so and succeeds:
# `cargo clippy` still refuses newer items of the standard library (incompatible_msrv).
set -euo pipefail
cd "$(dirname "$0")/.."

oldest=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
[[ -n $oldest ]] || { echo "check-oldest-rust: Cargo.toml has no rust-version" >&2; exit 1; }

installed() { rustup run "$oldest" rustc --version >/dev/null 2>&1; }
if ! installed && ! rustup toolchain install "$oldest" --profile minimal --no-self-update; then
  echo "check-oldest-rust: rustup cannot install Rust $oldest here, skipped"
  exit
fi

# A folder of its own, so that both compilers keep what they built. Nothing of it runs, so dependencies
# in C need not be optimised.
cargo "+$oldest" check --workspace --locked \
  --target-dir "${CARGO_TARGET_DIR:-target}/oldest-rust" --config 'profile.dev.package."*".opt-level=0'
echo "check-oldest-rust: Rust $oldest compiles everything"
