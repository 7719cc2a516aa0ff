# What holds in every image, checked inside it. Follows scripts/boot-units/lib.sh in one script.
# shellcheck shell=bash

# Units that fail for want of what only a compiler makes: the wrappers of programs that run as root.
stand_ins=(suid-sgid-wrappers.service)

note() { echo "CASE note: $*"; }
settled() { [[ $(systemctl is-system-running) =~ ^(running|degraded)$ ]]; }
units() { systemctl list-units --output json "$@" | jq --raw-output '.[].unit'; }

nothing_failed() {
  local failed unit
  failed=$(units --state failed) || return
  for unit in $failed; do
    [[ " ${stand_ins[*]} " == *" $unit "* ]] || { journalctl --unit "$unit" --lines 12 --output cat; return 1; }
  done
}

never_restarted() {
  local service
  for service in "$@"; do
    [[ $(systemctl show --property NRestarts --value "$service") = 0 ]] ||
      { journalctl --unit "$service" --lines 60 --output cat | grep -v '^{' | tail -n 5; return 1; }
  done
}

# image_checks SERVICE…: the system has come up, with these services running.
image_checks() {
  local service
  holds "the system has settled" await 300 settled
  note "failed: $(units --state failed | tr '\n' ' ')"
  note "running: $(units --type service --state running | tr '\n' ' ')"
  note "boot: $(systemd-analyze time | head -n 1)"
  holds "nothing failed but what Debian cannot stand in for" nothing_failed
  for service in "$@"; do
    holds "$service runs" active "$service"
  done
  holds "none of them was restarted" never_restarted "$@"
  # shellcheck disable=SC2154 # set by the last line of the script
  holds "$firmware has loaded GRUB" is "$(test -d /sys/firmware/efi && echo uefi || echo bios)" "$firmware"
  holds "stage 1 was NixOS'" test -e /run/booted-system/prepare-root
  holds "activation has made /etc" test -L /etc/static
  holds "the root has grown over the disk" test "$(df --output=size --block-size=1M / | tail -n 1)" -gt 13000
  holds "the firewall refuses what it does not know" grep --quiet 'policy drop' <(nft list ruleset)
}
