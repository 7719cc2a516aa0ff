#!/usr/bin/env bash
# Boots both images, as far as that goes without a compiler and without KVM: everything in them that is text,
# and that is all that this project adds, is made from the flake by a real evaluation, at its own path in
# /nix/store. Programs of Debian stand in for real packages, and its kernel and systemd for NixOS'. The disk,
# its boot loader, stage 1, activation and units are the image's own. QEMU boots it in BIOS or UEFI, with a
# metadata service, and with a local cloud on the host. Nothing can reach any other network.
#
#   sudo NIXPKGS=… CRANE=… scripts/boot-images.sh [CASE…]
#
#   slow-app     reads its user-data, grows its root, serves, has its firewall
#   monitoring   runs agent, Prometheus and node exporter; a recorded message of Grafana scales the pool of a
#                local cloud. Grafana itself is not here: its unit has a stand-in that does nothing
#
# A case's disk boots by BIOS, and with -uefi at the end of the case's name by UEFI. Without a CASE there are
# slow-app, slow-app-uefi and monitoring-uefi.
#
#   NIXPKGS   a tree of nixpkgs, as flake.lock names it
#   CRANE     a tree of crane, likewise
#   BOOT_IMAGES_PROFILE   the programs' build: release (the default) or dev
#   BOOT_IMAGES_ACCEL     tcg (the default) or kvm
#   BOOT_IMAGES_FOLDER    where everything is made; target/boot-images
#
# Needs root, qemu-system-x86_64, debootstrap, mke2fs and cargo, 6 GB of disk, and once a Debian mirror. Ends
# with 0, with 75 where something that it needs is missing, or with 1. Ctrl-C ends everything it started.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '== %s (%ss)\n' "$*" "$SECONDS"; }
missing() { printf 'boot-images: skipped: %s\n' "$*" >&2; exit 75; }
fail() { printf 'boot-images: %s\n' "$*" >&2; exit 1; }

case ${1:-} in
  -h | --help)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '$d'
    exit 0
    ;;
esac
cases=("$@")
[[ ${#cases[@]} -gt 0 ]] || cases=(slow-app slow-app-uefi monitoring-uefi)
for case in "${cases[@]}"; do
  [[ -e scripts/boot-images/cases/${case%-uefi}.sh ]] || fail "there is no case $case; --help lists them"
done

# shellcheck source=scripts/boot-units/debian.sh
. scripts/boot-units/debian.sh

[[ -n ${NIXPKGS:-} && -n ${CRANE:-} ]] || missing "NIXPKGS and CRANE must name trees of nixpkgs and crane"
for file in "$NIXPKGS/lib/default.nix" "$CRANE/default.nix"; do
  [[ -e $file ]] || missing "there is no $file"
done
for program in qemu-system-x86_64 debootstrap mke2fs cargo unshare; do
  command -v "$program" >/dev/null ||
    missing "$program is not on PATH (Debian: qemu-system-x86, debootstrap, e2fsprogs, util-linux)"
done
[[ $(id -u) = 0 ]] || missing "debootstrap needs root"

folder=${BOOT_IMAGES_FOLDER:-$PWD/target/boot-images}
# Nix, what the builders of text run, what stands in for the images' packages, and what makes a disk.
packages=systemd-sysv,systemd-resolved,systemd-timesyncd,systemd-coredump,systemd-oomd,udev,libpam-systemd
packages+=,libnss-systemd,libnss-resolve,libnss-myhostname,dbus,dbus-broker,linux-image-cloud-amd64,initramfs-tools
packages+=,iproute2,iputils-ping,nftables,curl,jq,kmod,procps,file,acl,libcap2-bin,sudo,uidmap,fuse3,whois,nscd
packages+=,nginx-light,openssl,openssh-server,prometheus,prometheus-node-exporter,python3,libdbi-perl,nix-bin,xsltproc,xutils-dev
packages+=,perl,libxml-libxml-perl,libxml-sax-perl,libfile-slurp-perl,libfile-copy-recursive-perl,libjson-perl,liblist-compare-perl
packages+=,libconfig-inifiles-perl,parted,gdisk,fdisk,cloud-guest-utils,dosfstools,mtools,e2fsprogs,cpio,zstd
packages+=,xz-utils,rsync,busybox,grub2-common,grub-common,grub-pc-bin,grub-efi-amd64-bin,efibootmgr,ovmf
make_debian "$folder/base" "$packages" || missing "debootstrap failed; there may be no mirror"

say "our programs"
profile=${BOOT_IMAGES_PROFILE:-release}
cargo build --profile "$profile" --package autoscaler --package slow-app --locked --quiet
export BOOT_IMAGES_PROGRAMS=${CARGO_TARGET_DIR:-$PWD/target}/${profile/#dev/debug}
export BOOT_IMAGES_FOLDER=$folder BOOT_IMAGES_START=$SECONDS

# Of its own: what is mounted, the network, and the processes, which all end with the first.
inner=
clean_up() {
  if [[ -n $inner ]]; then kill -KILL "$inner" 2>/dev/null || true; fi
  rm -rf "$BOOT_IMAGES_WORK"
}
BOOT_IMAGES_WORK=$(mktemp -d -p "$folder" work.XXXX)
export BOOT_IMAGES_WORK
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
unshare --mount --net --pid --fork --kill-child --mount-proc scripts/boot-images/run.sh "${cases[@]}" &
inner=$!
wait "$inner" || { code=$?; inner=; exit "$code"; }
inner=
