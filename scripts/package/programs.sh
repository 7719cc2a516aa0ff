# Static programs, and archives of them.
# shellcheck shell=bash disable=SC2154 # package.sh sets version, out, stage, target

# What an agent for a server may weigh: it is downloaded by small machines.
agent_limit=15000000

# runs ARCH PROGRAM ARGUMENTS…: on a CPU of that kind, or in its place.
runs() {
  local arch=$1
  shift
  if [[ $arch = "$(uname -m)" ]]; then "$@"; else "qemu-$arch-static" "$@"; fi
}

# build ARCH FOLDER PACKAGES [ARGUMENTS…]: and keeps the programs in the folder, since two builds have one of the same name.
build() {
  local folder=$stage/$1/$2 triple=$1-unknown-linux-musl packages package
  IFS=, read -ra packages <<<"$3"
  shift 3
  cargo zigbuild --profile dist --locked --quiet --target "$triple" "${packages[@]/#/--package=}" "$@"
  for package in "${packages[@]}"; do
    install -D "$target/$triple/dist/$package" "$folder/$package"
  done
}

# try ARCH PROGRAM: it is static, for this CPU, and says the version.
try() {
  local arch=$1 program=$2
  readelf --file-header "$program" | grep -q "Machine:.*$([[ $arch = x86_64 ]] && echo X86-64 || echo AArch64)" ||
    fail "$program is not for $arch"
  ! readelf --program-headers "$program" | grep -q INTERP || fail "$program is not static"
  [[ $(runs "$arch" "$program" --version) = "$(basename "$program") $version" ]] || fail "$program does not say $version"
}

# try_agent ARCH PROGRAM: it reads settings and keeps secrets to itself.
try_agent() {
  local arch=$1 program=$2 said
  said=$(EXOSCALE_KEY=EXOxxxxxxxxxxxxxxxxxxxxxxxx EXOSCALE_SECRET=a-secret-that-is-none \
    EXOSCALE_INSTANCEPOOL_ID=00000000-0000-0000-0000-000000000001 runs "$arch" "$program" check-config)
  grep -q '^exoscale.instance_pool .*EXOSCALE_INSTANCEPOOL_ID$' <<<"$said" || fail "$program check-config said: $said"
  ! grep -q a-secret-that-is-none <<<"$said" || fail "$program check-config shows the secret"
}

# archive ARCH NAME PROGRAM: NAME-VERSION-ARCH-linux.tar.gz.
archive() {
  local arch=$1 name=$2 program=$3 root shell
  root=$(mktemp -d)
  local folder=$root/$name-$version-$arch-linux
  mkdir -p "$folder/completions"
  cp LICENSE CHANGELOG.md "$folder"
  install "$program" "$folder"
  runs "$arch" "$program" man "$folder/man"
  for shell in bash fish zsh; do
    runs "$arch" "$program" completions "$shell" >"$folder/completions/$(basename "$program").$shell"
  done
  tar -C "$root" --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="@$SOURCE_DATE_EPOCH" \
    -c "${folder##*/}" | gzip -n9 >"$out/${folder##*/}.tar.gz"
  rm -r "$root"
}

make_programs() {
  local arch=$1 programs=$stage/$1 size
  needs cargo-zigbuild readelf
  [[ $arch = "$(uname -m)" ]] || needs "qemu-$arch-static"
  say "static programs for $arch"
  build "$arch" agent autoscaler --no-default-features
  # Together, so that what they share is compiled once.
  build "$arch" all autoscaler,loadtest
  try "$arch" "$programs/agent/autoscaler"
  try_agent "$arch" "$programs/agent/autoscaler"
  try "$arch" "$programs/all/autoscaler"
  try_agent "$arch" "$programs/all/autoscaler"
  try "$arch" "$programs/all/loadtest"
  size=$(stat --format %s "$programs/agent/autoscaler")
  ((size < agent_limit)) || fail "the agent has $size bytes, and may have $agent_limit"
  archive "$arch" autoscaler-agent "$programs/agent/autoscaler"
  archive "$arch" autoscaler "$programs/all/autoscaler"
  archive "$arch" loadtest "$programs/all/loadtest"
}
