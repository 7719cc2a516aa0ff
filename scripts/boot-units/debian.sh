# A small Debian in a folder, for machines that are booted without Nix.
# shellcheck shell=bash

# make_debian FOLDER PACKAGES: makes it, unless it is there with these packages. Needs a mirror and, on a
# machine of two cores, a minute or two. Fails where there is no mirror; FOLDER.log says why.
make_debian() {
  local folder=$1 packages=$2
  [[ ! -e $folder/.complete || $(<"$folder/.complete") != "$packages" ]] || return 0
  say "a Debian with a kernel and systemd, once"
  rm -rf "$folder"
  mkdir -p "${folder%/*}"
  debootstrap --variant=minbase --include="$packages" trixie "$folder" >"$folder.log" 2>&1 || {
    tail -n 5 "$folder.log" >&2
    return 1
  }
  printf %s "$packages" >"$folder/.complete"
}
