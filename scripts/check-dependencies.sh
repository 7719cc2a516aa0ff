#!/usr/bin/env bash
# Checks the dependencies against deny.toml: licences, second versions, sources, and published
# vulnerabilities. That list is fetched from GitHub; where it cannot be had, this says so and goes on.
#
#   scripts/check-dependencies.sh
#
# Needs cargo-deny (`cargo install --locked cargo-deny`).
set -euo pipefail
cd "$(dirname "$0")/.."

command -v cargo-deny >/dev/null || {
  echo "check-dependencies: cargo-deny is not on PATH (cargo install --locked cargo-deny)" >&2
  exit 1
}

# An exception that nothing needs any more is a mistake too.
cargo deny --locked check --deny unmatched-skip --deny unnecessary-skip bans licenses sources

if timeout 120 cargo deny --log-level off fetch db; then
  cargo deny --locked check --disable-fetch advisories
else
  echo "check-dependencies: the list of vulnerabilities (github.com/RustSec/advisory-db) cannot be fetched, skipped"
fi
