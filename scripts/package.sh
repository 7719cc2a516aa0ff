#!/usr/bin/env bash
# Makes what people install, in target/packages, and tries each of it as far as this machine can:
#
#   programs   static programs, as archives with manual pages and completions: autoscaler, with everything;
#              autoscaler-agent, without demo, local cloud and simulator; loadtest
#   deb        a Debian package of the agent, with its service; lintian and systemd judge it
#   unit       only that service, for judgement
#   sbom       a software bill of materials (CycloneDX) for each program
#   sums       SHA256SUMS of all that is there
#
# usage: scripts/package.sh [--arch ARCH] [STEP…]
#
#   --arch ARCH  x86_64 or aarch64; may be repeated. Both, if it is not given
#   STEP         some of the steps above; programs, deb, sbom and sums, if none is given
#
# Needs: rustup target add {x86_64,aarch64}-unknown-linux-musl; pip install cargo-zigbuild ziglang; cargo install
# cargo-deb cargo-cyclonedx; and of Debian lintian, systemd, and qemu-user-static to try programs of another CPU.
# PACKAGES_FOLDER is another place for the results. Some 15 minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '== %s (%ss)\n' "$*" "$SECONDS"; }
fail() { printf 'package: %s\n' "$*" >&2; exit 1; }
usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; }

architectures=()
steps=()
while [[ $# -gt 0 ]]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --arch)
      case ${2:-} in
        x86_64 | aarch64) architectures+=("$2") ;;
        *) echo "package: --arch takes x86_64 or aarch64" >&2; exit 2 ;;
      esac
      shift
      ;;
    programs | deb | unit | sbom | sums) steps+=("$1") ;;
    *) echo "package: there is no step $1; scripts/package.sh --help lists them" >&2; exit 2 ;;
  esac
  shift
done
[[ ${#architectures[@]} -gt 0 ]] || architectures=(x86_64 aarch64)
[[ ${#steps[@]} -gt 0 ]] || steps=(programs deb sbom sums)

version=$(sed -n '/^\[workspace\.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
out=${PACKAGES_FOLDER:-$PWD/target/packages}
target=${CARGO_TARGET_DIR:-$PWD/target}
# Programs and the parts of the Debian package on their way; [package.metadata.deb] names this folder.
stage=$PWD/target/package
# The same sources make the same archives, whenever and by whom.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
mkdir -p "$out" "$stage"

needs() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || fail "$program is not on PATH; scripts/package.sh --help says where it comes from"
  done
}

# shellcheck source=scripts/package/programs.sh
. scripts/package/programs.sh
# shellcheck source=scripts/package/debian.sh
. scripts/package/debian.sh
# shellcheck source=scripts/package/sbom.sh
. scripts/package/sbom.sh

make_sums() {
  (cd "$out" && find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum >SHA256SUMS.new)
  mv "$out/SHA256SUMS.new" "$out/SHA256SUMS"
}

for step in "${steps[@]}"; do
  case $step in
    programs) for arch in "${architectures[@]}"; do make_programs "$arch"; done ;;
    unit) make_unit; judge_unit ;;
    deb) for arch in "${architectures[@]}"; do make_deb "$arch"; done ;;
    sbom) make_sboms ;;
    sums) make_sums ;;
  esac
done
say "in $out"
(cd "$out" && find . -maxdepth 1 -type f -printf '%10s  %P\n' | sort -k2)
