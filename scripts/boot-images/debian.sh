# The Debian whose programs stand in for packages, as a place to run something in.
# shellcheck shell=bash
# shellcheck disable=SC2154 # folder, base and work are run.sh's

# Mounts what is used in it. All of it is in a namespace that ends with the script.
mount_debian() {
  new_store
  rm -rf "$folder/programs"
  mkdir -p "$folder/programs"
  mkdir -p "$base"/{nix,opt/programs,repo,nixpkgs,crane,work}
  mount --bind "$folder/nix" "$base/nix"
  mount --bind "$folder/programs" "$base/opt/programs"
  mount --bind "$work" "$base/work"
  mount --bind --options ro . "$base/repo"
  mount --bind --options ro "$NIXPKGS" "$base/nixpkgs"
  mount --bind --options ro "$CRANE" "$base/crane"
  mount --type proc proc "$base/proc"
  mount --rbind /dev "$base/dev"
  mount --type tmpfs tmpfs "$base/tmp"
  link_programs
}

# An output's path says what it was made of, but not which stand-ins: with others the store begins empty.
new_store() {
  local key
  key=$(cat "$base/.complete" scripts/boot-images/{text_build/*.py,programs/*} \
    "$BOOT_IMAGES_PROGRAMS"/{autoscaler,slow-app} | sha256sum)
  if [[ ! -e $folder/nix/key || $(<"$folder/nix/key") != "$key" ]]; then
    rm -rf "$folder/nix"
    mkdir -p "$folder/nix"
    printf %s "$key" >"$folder/nix/key"
  fi
}

in_debian() {
  chroot "$base" env --ignore-environment HOME=/root PATH=/usr/sbin:/usr/bin PYTHONDONTWRITEBYTECODE=1 "$@"
}

# Debian's programs where NixOS puts nothing: it replaces /bin/sh and /usr/bin/env by links to packages, for
# which these stand in. With them our own programs, and what Debian has no program for.
link_programs() {
  # Alternatives are links by way of /etc, which an image has of its own.
  # shellcheck disable=SC2016 # for the shell in Debian
  in_debian bash -c 'for program in /usr/sbin/* /usr/bin/*; do
    target=$program
    [[ $(readlink "$program") != /etc/* ]] || target=$(readlink --canonicalize "$program")
    ln -sf "$target" "/opt/programs/${program##*/}"
  done'
  ln -sf /usr/bin/bash "$folder/programs/sh"
  ln -sf /usr/bin/prometheus-node-exporter "$folder/programs/node_exporter"
  # Debian's keeps what is under way where its unit may not write; the other path has the same length.
  rm "$folder/programs/nginx"
  sed 's#/var/lib/nginx/#/run/nginx/////#g' "$base/usr/sbin/nginx" >"$folder/programs/nginx"
  chmod 755 "$folder/programs/nginx"
  rm "$folder/programs/env"
  cp "$base/usr/bin/env" scripts/boot-images/programs/* "$folder/programs/"
  cp "$BOOT_IMAGES_PROGRAMS"/{autoscaler,slow-app} "$folder/programs/"
}
