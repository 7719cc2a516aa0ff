#!/usr/bin/env bash
# Makes an image's disk as the image's own derivation does before it starts a virtual machine: in a Debian
# with the image's text in /nix/store.
#
#   disk.sh PRE_VM STORE_PATHS DISK
#
# PRE_VM is the derivation's text of that name. Partitions and file systems are its own; Debian's mke2fs
# copies the files, for which nixpkgs takes lkl's cptofs.
set -euo pipefail
pre_vm=$1 paths=$2 disk=$3
toplevel=$(head -n 1 "$paths")

work=$(mktemp -d -p "$(dirname "$disk")")
trap 'rm -rf "$work"' EXIT
cd "$work"
export TMPDIR=$work
# The derivation's text makes both.
export out=$work/out root

# The image's closure, and the Debian whose programs stand in for real packages.
nixos-install() {
  local profiles=$root/nix/var/nix/profiles
  tar -C / --create --exclude=usr/share/{doc,man,locale,info,OVMF,qemu,i18n,bug,lintian} --exclude='usr/src/*' \
    --exclude=usr/share/{zsh,bash-completion} --exclude=usr/lib/systemd/{system,user} \
    usr bin sbin lib lib64 opt/programs | tar -C "$root" --extract
  mkdir -p "$root/nix/store" "$profiles" "$root/etc"
  xargs -d '\n' cp --archive --target-directory="$root/nix/store" <"$paths"
  ln -s "$toplevel" "$profiles/system-1-link"
  ln -s system-1-link "$profiles/system"
  touch "$root/etc/NIXOS"
}
nix-store() { :; }
cptofs() { :; }
# The folders of the root that NixOS makes do not follow a umask.
mkfs.ext4() { command mkfs.ext4 -q -d "$root" "$@"; }

umask 022
# shellcheck source=/dev/null
. <(sed -e '/^export PATH=/d' -e 's| < /nix/store/[^ ]*/registration$||' "$pre_vm")
# shellcheck disable=SC2154 # the derivation's text sets it
mv "$diskImage" "$disk"
