# The Debian package: the agent's static program, its service, settings, manual pages and completions.
# shellcheck shell=bash disable=SC2154 # package.sh sets version, out, stage

# stage_deb ARCH: lays out what [package.metadata.deb] names.
stage_deb() {
  local arch=$1 files=$stage/deb/files scripts=$stage/deb/scripts program=$stage/$1/agent/autoscaler shell
  rm -rf "$stage/deb"
  mkdir -p "$files/doc" "$scripts"
  install -D "$program" "$files/usr/bin/autoscaler"
  install -D -m 640 packaging/debian/agent.toml "$files/etc/autoscaler/agent.toml"
  runs "$arch" "$program" man "$files/man1"
  gzip -n9 "$files"/man1/*
  for shell in bash fish zsh; do
    runs "$arch" "$program" completions "$shell" >"$files/autoscaler.$shell"
  done
  gzip -n9 <CHANGELOG.md >"$files/doc/NEWS.gz"
  printf 'autoscaler (%s-1) unstable; urgency=medium\n\n  * Version %s; see NEWS.gz.\n\n -- %s  %s\n' "$version" "$version" \
    "$(sed -n 's/^maintainer = "\(.*\)"/\1/p' src/autoscaler/Cargo.toml)" "$(date -uRd "@$SOURCE_DATE_EPOCH")" |
    gzip -n9 >"$files/doc/changelog.Debian.gz"

  cp packaging/debian/{postinst,postrm} "$scripts"
  cp packaging/debian/sysusers.conf "$scripts/autoscaler.sysusers"
  cp packaging/debian/tmpfiles.conf "$scripts/autoscaler.tmpfile"
  make_unit
}

# One source for both: the NixOS module's unit, with this package's paths and user.
make_unit() {
  mkdir -p "$stage/deb/scripts"
  sed -f packaging/debian/unit.sed nixos/units/autoscaler.service >"$stage/deb/scripts/autoscaler.service"
}

# The unit, as systemd on this machine sees it: paths of programs that are not installed here do not matter.
judge_unit() {
  needs systemd-analyze
  local unit=$stage/deb/unit/autoscaler.service
  mkdir -p "${unit%/*}"
  sed 's|/usr/bin/autoscaler|/bin/true|; /^Documentation=/d' "$stage/deb/scripts/autoscaler.service" >"$unit"
  if systemd-analyze verify --man=no "$unit" 2>&1 | grep -v 'Unknown key .Restart\(Steps\|MaxDelaySec\)' | grep "${unit##*/}"; then
    fail "systemd does not like the unit"
  fi
  scripts/check-units.sh "${unit%/*}"
}

make_deb() {
  local arch=$1 deb
  deb=$out/autoscaler_$version-1_$([[ $arch = x86_64 ]] && echo amd64 || echo arm64).deb
  needs cargo-deb lintian
  [[ -x $stage/$arch/agent/autoscaler ]] || fail "there are no programs for $arch; run: scripts/package.sh --arch $arch programs"
  say "Debian package for $arch"
  stage_deb "$arch"
  judge_unit
  cargo deb --quiet --no-build --no-strip --profile dist --target "$arch-unknown-linux-musl" --package autoscaler --output "$deb"
  lintian --allow-root --fail-on error,warning "$deb"
}
