# What the cases share. Each defines prepare_units (on the host, before the boot), stand_in and checks
# (in the machine), and ends with `main "$@"`.
# shellcheck shell=bash

export PATH=/nix/store/autoscaler-0.1.0/bin:/nix/store/slow-app-0.1.0/bin:$PATH

# Says what holds; the first that does not ends the case.
holds() {
  local what=$1
  shift
  if "$@" >/tmp/said 2>&1; then
    echo "CASE ok: $what"
  else
    echo "CASE FAILED: $what ($*)"
    tail -n 5 /tmp/said
    systemctl --no-pager --failed || true
    journalctl --no-pager --lines 40 --unit instance-data --unit slow-app --unit autoscaler || true
    exit 1
  fi
}

# await SECONDS COMMAND…
await() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 0.5
  done
}

fails() { ! "$@"; }
get() { curl --noproxy '*' --silent --show-error --fail --max-time 5 "$@"; }
status_of() { curl --noproxy '*' --silent --output /dev/null --write-out '%{http_code}' --max-time 5 "$@"; }
answers() { [[ $(status_of "${@:2}") = "$1" ]]; }
active() { systemctl --quiet is-active "$1"; }
failed() { systemctl --quiet is-failed "$1"; }
main_pid() { systemctl show --property MainPID --value "$1"; }
is() { [[ $1 = "$2" ]]; }
another_pid() { active "$1" && [[ $(main_pid "$1") != "$2" && $(main_pid "$1") != 0 ]]; }

# The kernel's word on a service's process: filtered calls, no new privileges, no capability.
confined() {
  local status
  status=/proc/$(main_pid "$1")/status
  grep -qx $'Seccomp:\t2' "$status" && grep -qx $'NoNewPrivs:\t1' "$status" && grep -qx $'CapBnd:\t0000000000000000' "$status"
}

not_root() { [[ $(awk '/^Uid:/ { print $2 }' "/proc/$(main_pid "$1")/status") != 0 ]]; }

# The address of the metadata service, on an interface that leads nowhere.
metadata_address() {
  ip link add metadata type dummy
  ip address add 169.254.169.254/32 dev metadata
  ip link set metadata up
}

# Answers with the document on standard input.
serve_metadata() {
  mkdir -p /srv/metadata/latest
  cat >/srv/metadata/latest/user-data
  busybox httpd -p 169.254.169.254:80 -h /srv/metadata
}

main() {
  set -euo pipefail
  case $1 in
    units) prepare_units "$2" ;;
    stand-in) stand_in ;;
    check)
      checks
      echo "CASE passed"
      ;;
    *) echo "usage: $0 units ROOT | stand-in | check" >&2; exit 2 ;;
  esac
}

# starts ROOT UNIT: the unit starts at boot.
starts() { ln -s "../$2.service" "$1/etc/systemd/system/multi-user.target.wants/"; }

# For the cases of a pool's member: the units in nixos/units are the monitoring host's.
member_role() {
  local unit dropin
  for unit in instance-data instance-data-again; do
    dropin=$1/etc/systemd/system/$unit.service.d
    mkdir -p "$dropin"
    cat >"$dropin/role.conf" <<TEXT
[Service]
ExecStart=
ExecStart=/nix/store/autoscaler-0.1.0/bin/autoscaler instance-data --role slow-app --output /run/instance --wait 20s
ExecStartPost=
ExecStartPost=+/nix/store/take-over /run/instance-records /run/instance slow-app.service=slow-app.env
TEXT
  done
  starts "$1" slow-app
}
