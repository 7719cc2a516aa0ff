#!/bin/sh
# Has systemd rate the rights of our services' units, in nixos/units or the folder given. Needs systemd 250 or later, no
# running systemd and no Nix. 0 is best and 10 worst; more than 1.5 fails.
set -eu

limit=15 # tenths, as systemd-analyze wants it
folder=${1:-$(dirname "$0")/../nixos/units}

if ! command -v systemd-analyze >/dev/null; then
  if [ -n "${AUTOSCALER_REQUIRE_PROGRAMS:-}" ]; then
    echo "check-units: systemd-analyze is not on PATH (Debian: package systemd)" >&2
    exit 1
  fi
  echo "check-units: skipped, systemd-analyze is not on PATH (Debian: package systemd)"
  exit 0
fi

# A folder that is missing would otherwise keep systemd from starting the service (226/NAMESPACE).
if grep -nE '^(ReadWritePaths|ReadOnlyPaths|InaccessiblePaths|ExecPaths|NoExecPaths|BindPaths|BindReadOnlyPaths)=(.* )?/' \
  "$folder"/*.service; then
  echo "check-units: begin each path with a dash, and the service starts without it" >&2
  exit 1
fi

count=0
failed=
for unit in "$folder"/*.service; do
  [ -e "$unit" ] || break
  count=$((count + 1))
  # An older systemd says on standard error which settings it ignores. They do not matter here.
  if report=$(systemd-analyze security --no-pager --offline=true --threshold=$limit "$unit"); then
    echo "$report" | tail -n 1
  else
    echo "$report" | grep -v '✓'
    failed="$failed ${unit##*/}"
  fi
done

if [ "$count" -eq 0 ]; then
  echo "check-units: there are no units in $folder" >&2
  exit 1
fi
if [ -n "$failed" ]; then
  echo "check-units: above the limit of $limit tenths:$failed" >&2
  exit 1
fi
