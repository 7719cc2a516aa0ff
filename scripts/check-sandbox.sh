#!/usr/bin/env bash
# Runs the workspace's tests as a build of Nix does: a user that is not root, no network but loopback, no /run, no home, a
# folder of its own for temporary files, and no CA certificates: SSL_CERT_FILE names a file that does not exist.
#
#   scripts/check-sandbox.sh [--without PROGRAM]... [FILTER]...
#
#   --without PROGRAM  leaves a test program out, such as `demo`
#   FILTER             runs only the tests whose names have one of these
#
# Tests of programs that the sandbox lacks skip themselves. Needs Linux namespaces (as root, or where users may make
# them), iproute2, git and python3. Exits with 75 where namespaces are not permitted.
set -euo pipefail

readonly uid=1000 gid=100
self=$(readlink -f "$0")

not_here() {
  echo "check-sandbox: $*" >&2
  exit 75
}

# As root of new namespaces: makes the sandbox's root in WORK/root, enters it, and becomes its user.
enter() {
  local work=$1 repository=$2 target=$3 sysroot=$4 root=$1/root folder device
  trap 'not_here "cannot mount what the sandbox needs; are namespaces restricted here?"' ERR
  mount --make-rprivate /
  mount -t tmpfs -o mode=0755 none "$root"
  mkdir -p "$root"/{usr,etc,proc,dev/pts,dev/shm,build,tmp,old}
  chmod 1777 "$root/tmp"
  mount --rbind --read-only /usr "$root/usr"
  for folder in bin sbin lib lib32 lib64; do
    if [[ -L /$folder ]]; then
      cp -P "/$folder" "$root/"
    elif [[ -d /$folder ]]; then
      mkdir "$root/$folder"
      mount --rbind --read-only "/$folder" "$root/$folder"
    fi
  done
  # Debian's names of programs such as awk.
  [[ ! -d /etc/alternatives ]] || cp -RP /etc/alternatives "$root/etc/"
  echo "nixbld:x:$uid:$gid::/homeless-shelter:/noshell" >"$root/etc/passwd"
  echo "nixbld:x:$gid:" >"$root/etc/group"
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
  for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  mount -t devpts -o newinstance,ptmxmode=0666 none "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  mount -t tmpfs none "$root/dev/shm"
  chmod 1777 "$root/dev/shm"
  mount -t proc none "$root/proc"
  # Where the programs were compiled to look for it: a copy, which tests may write to.
  mkdir -p "$root$repository"
  mount --bind "$work/source" "$root$repository"
  for folder in "$target" "$sysroot"; do
    mkdir -p "$root$folder"
    mount --rbind "$folder" "$root$folder"
    mount -o remount,bind,ro "$root$folder"
  done
  cp "$work/programs" "$self" "$root/build/"
  mkdir "$root/build/tmp"
  if [[ -n $IS_ROOT ]]; then
    chown -R "$uid:$gid" "$root/build" "$work/source"
  fi
  ip link set lo up

  cd "$root"
  pivot_root . old
  umount --lazy /old
  rmdir /old
  trap - ERR
  local become=(setpriv --reuid "$uid" --regid "$gid" --clear-groups --bounding-set=-all --no-new-privs)
  [[ -n $IS_ROOT ]] || become=(unshare --user --map-user "$uid" --map-group "$gid")
  exec "${become[@]}" env -i PATH="$sysroot/bin:/usr/bin:/bin" HOME=/homeless-shelter TMPDIR=/build/tmp \
    SSL_CERT_FILE=/no-cert-file.crt NIX_SSL_CERT_FILE=/no-cert-file.crt NIX_BUILD_TOP=/build \
    CARGO_TARGET_DIR="$target" bash "/build/${self##*/}" --inside "${@:5}"
}

# As the sandbox's user: one test program after the other.
inside() {
  local failed=() folder program name began
  for folder in /run /etc/ssl /homeless-shelter "$SSL_CERT_FILE"; do
    [[ ! -e $folder ]] || { echo "check-sandbox: $folder is there" >&2; exit 1; }
  done
  [[ $(id -u) == "$uid" ]] || { echo "check-sandbox: the user is $(id -u)" >&2; exit 1; }
  while IFS=$'\t' read -r name folder program; do
    began=$SECONDS
    if ! (cd "$folder" && CARGO_MANIFEST_DIR=$folder "$program" --quiet "$@") </dev/null; then
      failed+=("$name")
    fi
    echo "check-sandbox: $name took $((SECONDS - began)) s"
  done </build/programs
  if ((${#failed[@]} > 0)); then
    echo "check-sandbox: failed in the sandbox: ${failed[*]}" >&2
    exit 1
  fi
  echo "check-sandbox: all tests pass in the sandbox ($SECONDS s)"
}

case ${1:-} in
  --enter) enter "${@:2}" ;;
  --inside)
    inside "${@:2}"
    exit
    ;;
esac

cd "$(dirname "$self")/.."
without=()
while [[ ${1:-} == --without ]]; do
  without+=("$2")
  shift 2
done

IS_ROOT=
namespaces=(--mount --net --pid --fork --ipc --uts)
if [[ $(id -u) == 0 ]]; then
  IS_ROOT=yes
else
  namespaces+=(--user --map-root-user)
fi
export IS_ROOT
command -v ip >/dev/null || not_here "ip is not on PATH (Debian: package iproute2)"
unshare "${namespaces[@]}" true 2>/dev/null || not_here "this user may make no namespaces; try as root"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 0755 "$work"
mkdir "$work/root" "$work/source"
cargo test --workspace --locked --no-run --message-format json-render-diagnostics >"$work/messages"
python3 - "$work/messages" "${without[@]}" >"$work/programs" <<'PYTHON'
import json
import os
import sys

for line in open(sys.argv[1]):
    message = json.loads(line)
    if message.get("executable") and message["profile"]["test"]:
        folder = os.path.dirname(message["manifest_path"])
        name = message["target"]["name"]
        if name not in sys.argv[2:]:
            print(f"{os.path.basename(folder)}/{name}", folder, message["executable"], sep="\t")
PYTHON
git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from - --ignore-failed-read 2>/dev/null |
  tar --extract --directory "$work/source"
target=$(cargo metadata --no-deps --format-version 1 | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
sysroot=$(rustc --print sysroot)
unshare "${namespaces[@]}" bash "$self" --enter "$work" "$PWD" "$target" "$sysroot" "$@"
