#!/bin/sh
# Checks the Nix files, as far as this machine can: every file parses (any nix-instantiate), nothing is unused (deadnix)
# or out of form (nixfmt), and, where Nix 2.18 or later and a nixpkgs tree are at hand, everything evaluates. Without Nix,
# `cargo install deadnix nixfmt_rs` brings both linters, and Debian's nix-bin the parser.
#
# usage: scripts/check-nix.sh [--update-units]
#
#   NIXPKGS  a nixpkgs tree; without it nothing is evaluated
#   CRANE    a crane tree, as flake.lock names it; needed with NIXPKGS
#
# --update-units rewrites nixos/units/ from the evaluation, which is otherwise only compared with it.
# With AUTOSCALER_REQUIRE_PROGRAMS set, a missing nix-instantiate, deadnix or nixfmt is a failure.
set -eu
cd "$(dirname "$0")/.."

update_units=
case ${1:-} in
  '') ;;
  --update-units) update_units=yes ;;
  *)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac

# Whether a program is there; where it is required, it has to be.
have() {
  if command -v "$1" >/dev/null; then
    return 0
  fi
  if [ -n "${AUTOSCALER_REQUIRE_PROGRAMS:-}" ]; then
    echo "check-nix: $1 is not on PATH" >&2
    exit 1
  fi
  echo "check-nix: $1 is not on PATH, skipped"
  return 1
}

files="flake.nix $(find nixos -name '*.nix' | sort)"

# A file that a program includes must be among the sources that Nix builds it from, or its folder.
sources=$(sed -n '/fileset.unions/,$p' nixos/packages.nix | sed '/\]/q')
grep -rhoE 'include_(str|bytes)!\("(\.\./)+nixos/[^"]+' src loadtest --include='*.rs' | sed 's/.*nixos\//.\//' | sort -u |
  while read -r included; do
    listed=$included
    until echo "$sources" | grep -qE "^ +$listed\$"; do
      listed=$(dirname "$listed")
      if [ "$listed" = . ]; then
        echo "check-nix: a program includes nixos/${included#./}, which nixos/packages.nix does not copy" >&2
        exit 1
      fi
    done
  done
echo "check-nix: what programs include is among the sources"

if have nix-instantiate; then
  for file in $files; do
    nix-instantiate --parse "$file" >/dev/null
  done
  echo "check-nix: all files parse"
fi

if have deadnix; then
  # shellcheck disable=SC2086 # one argument a file
  deadnix --fail $files
  echo "check-nix: nothing is unused"
fi

if have nixfmt; then
  # shellcheck disable=SC2086 # one argument a file
  nixfmt --check $files
  echo "check-nix: all files have nixfmt's form"
fi

if [ -z "${NIXPKGS:-}" ]; then
  echo "check-nix: NIXPKGS is not set, so nothing is evaluated"
  [ -z "$update_units" ] || exit 1
  exit 0
fi
: "${CRANE:?is needed with NIXPKGS: a crane tree}"

evaluate() {
  nix --extra-experimental-features nix-command eval --impure \
    --argstr nixpkgs "$NIXPKGS" --argstr crane "$CRANE" --argstr flake "$PWD" \
    --file nixos/tests/evaluate.nix "$@"
}

evaluate --raw report

folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
for unit in slow-app autoscaler instance-data instance-data-again https-certificate; do
  evaluate --raw "units.$unit" >"$folder/$unit.service"
done
if [ -n "$update_units" ]; then
  mkdir -p nixos/units
  cp "$folder"/*.service nixos/units/
  echo "check-nix: nixos/units/ is rewritten"
elif diff -ru nixos/units "$folder"; then
  echo "check-nix: nixos/units/ is what the modules make"
else
  echo "check-nix: nixos/units/ differs; scripts/check-nix.sh --update-units rewrites it" >&2
  exit 1
fi
