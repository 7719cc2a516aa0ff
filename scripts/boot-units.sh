#!/usr/bin/env bash
# Boots a small machine with our services' units (nixos/units) as they stand, under a real systemd,
# and checks that they run within the rights they are given: a member of the pool, a monitoring host,
# and machines whose user-data is wrong or missing. It is Debian's systemd and kernel, not the image's:
# the machine tests in nixos/tests are for that.
#
#   sudo scripts/boot-units.sh [CASE…]       cases: slow-app monitoring mistaken forgotten; and package, if it is named
#
# The case `package` takes the Debian package of target/packages (scripts/package.sh --arch x86_64 programs deb).
#
# Needs root (debootstrap), qemu-system-x86_64, debootstrap and mke2fs, and no KVM; BOOT_UNITS_ACCEL=kvm
# uses one.
# Building the base takes a minute and a Debian mirror, once; without it the status is 75. A case takes half a
# minute, monitoring four. BOOT_UNITS_PROFILE=dev takes the programs of that build instead of release's.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '== %s\n' "$*"; }
fail() { printf 'boot-units: %s\n' "$*" >&2; exit 1; }

cases=("$@")
[[ ${#cases[@]} -gt 0 ]] || cases=(slow-app monitoring mistaken forgotten)
for case in "${cases[@]}"; do
  [[ -x scripts/boot-units/$case.sh ]] || fail "there is no case $case"
done
for program in qemu-system-x86_64 debootstrap mke2fs cargo; do
  command -v "$program" >/dev/null || fail "$program is not on PATH (Debian: qemu-system-x86, debootstrap, e2fsprogs)"
done
[[ $(id -u) = 0 ]] || fail "debootstrap needs root"

accel=${BOOT_UNITS_ACCEL:-tcg}
folder=${BOOT_UNITS_FOLDER:-$PWD/target/boot-units}
base=$folder/base
packages=systemd-sysv,dbus,linux-image-cloud-amd64,initramfs-tools,iproute2,curl,busybox,jq,ca-certificates
# shellcheck source=scripts/boot-units/debian.sh
. scripts/boot-units/debian.sh
make_debian "$base" "$packages" || { echo "boot-units: debootstrap failed" >&2; exit 75; }

deb=
[[ ! -d target/packages ]] || deb=$(find target/packages -name 'autoscaler_*_amd64.deb' | sort --version-sort | tail -n 1)
if [[ " ${cases[*]} " = *" package "* && -z $deb ]]; then
  fail "there is no Debian package; run: scripts/package.sh --arch x86_64 programs deb"
fi

say "our programs"
profile=${BOOT_UNITS_PROFILE:-release}
cargo build --profile "$profile" --workspace --locked --quiet
programs=${CARGO_TARGET_DIR:-$PWD/target}/${profile/#dev/debug}

work=$(mktemp -d)
machine=
clean_up() {
  if [[ -n $machine ]]; then kill "$machine" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

enable() { ln -s "../$2.service" "$1/etc/systemd/system/multi-user.target.wants/"; }

# The base, our programs where the units look for them, the units, and what the case checks.
make_root() {
  local root=$1 case=$2 program unit
  cp -a --reflink=auto "$base" "$root"
  for program in autoscaler slow-app; do
    install -D "$programs/$program" "$root/nix/store/$program-0.1.0/bin/$program"
  done
  install nixos/instance-data/take-over.sh "$root/nix/store/take-over"
  for unit in nixos/units/*.service; do
    install -m 644 "$unit" "$root/etc/systemd/system/"
  done
  install -d "$root/opt/case"
  install scripts/boot-units/*.sh "$root/opt/case/"
  ln -s "$case.sh" "$root/opt/case/case.sh"
  [[ $case != package ]] || cp "$deb" "$root/opt/case/autoscaler.deb"
  chroot "$root" groupadd --system service-discovery
  echo 'd /srv/service-discovery 2775 root service-discovery' >"$root/etc/tmpfiles.d/autoscaler.conf"
  # As on the images: the log is not kept.
  install -D /dev/stdin "$root/etc/systemd/journald.conf.d/volatile.conf" <<<$'[Journal]\nStorage=volatile'
  install -m 644 scripts/boot-units/*.service "$root/etc/systemd/system/"
  install -d "$root/etc/systemd/system/multi-user.target.wants"
  for unit in stand-in instance-data case; do enable "$root" "$unit"; done
  "$root/opt/case/case.sh" units "$root"
}

run_case() {
  local case=$1 root=$work/$1 disk=$work/$1.ext4 log=$folder/$1.log code=0
  make_root "$root" "$case"
  mke2fs -q -t ext4 -d "$root" "$disk" "$(($(du -sm "$root" | cut -f1) + 400))M" >/dev/null
  # No network but its own loopback: nothing can leave it.
  timeout 900 qemu-system-x86_64 -machine accel="$accel" -cpu max -smp 2 -m 1024 -nic none \
    -display none -no-reboot -serial "file:$log" \
    -kernel "$(echo "$root"/boot/vmlinuz-*)" -initrd "$(echo "$root"/boot/initrd.img-*)" \
    -drive "file=$disk,format=raw,if=virtio,cache=unsafe" \
    -append "root=/dev/vda rw console=ttyS0 loglevel=4 systemd.show_status=no panic=1" 2>"$work/qemu.log" &
  machine=$!
  wait "$machine" || code=$?
  machine=
  # The console says before each line when and by whom.
  tr -d '\r' <"$log" | sed -n 's/^.*: CASE \(ok: \|FAILED: \)/\1/p'
  if ! tr -d '\r' <"$log" | grep -q ': CASE passed$'; then
    cat "$work/qemu.log" >&2
    fail "$case did not pass (status $code); the machine's console is in $log"
  fi
  rm -rf "$root" "$disk"
}

for case in "${cases[@]}"; do
  say "$case"
  run_case "$case"
done
say "all passed"
