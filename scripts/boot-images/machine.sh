# Boots an image's disk and has its case look at it, from outside and from inside.
# shellcheck shell=bash
# shellcheck disable=SC2154 # folder, base and work are run.sh's

qemu=(qemu-system-x86_64 -machine "accel=${BOOT_IMAGES_ACCEL:-tcg}" -cpu max -smp 2 -display none -no-reboot)

# credential NAME <VALUE: the arguments that hand systemd a credential, without a change to the image.
credential() {
  local file=$work/credential-$1
  { printf 'io.systemd.credential.binary:%s=' "$1"; base64 --wrap 0; } >"$file"
  credentials+=(-smbios "type=11,path=$file")
}

# inside_checks NAME FIRMWARE: the checks inside, as a unit beside the image's own, and its script.
inside_checks() {
  credentials=()
  credential systemd.extra-unit.case.service <scripts/boot-images/case.service
  credential systemd.unit-dropin.multi-user.target~case <<<$'[Unit]\nWants=case.service'
  credential case < <(cat scripts/boot-units/lib.sh scripts/boot-images/inside.sh "scripts/boot-images/cases/$1.sh"
    echo "firmware=$2; main check")
}

# The arguments for a firmware: QEMU's own is a BIOS.
firmware_arguments() {
  firmware=()
  if [[ $1 = uefi ]]; then
    cp "$base/usr/share/OVMF/OVMF_VARS_4M.fd" "$work/variables.fd"
    firmware=(
      -drive "if=pflash,format=raw,unit=0,readonly=on,file=$base/usr/share/OVMF/OVMF_CODE_4M.fd"
      -drive "if=pflash,format=raw,unit=1,file=$work/variables.fd"
    )
  fi
}

# boot_case CASE, in a shell of its own. A case's `prepare` may start a `helper`, which ends with it.
boot_case() {
  local case=$1 name=${1%-uefi} boot=bios start=$SECONDS log=$folder/$1.log network
  [[ $case = "$name" ]] || boot=uefi
  helper=
  trap '[[ -z $helper ]] || kill "$helper"' EXIT
  prepare() { :; }
  # shellcheck source=/dev/null
  . "scripts/boot-images/cases/$name.sh"
  say "$case: $image boots by $boot"
  mkdir -p "$work/metadata/latest"
  prepare
  metadata >"$work/metadata/latest/user-data"
  inside_checks "$name" "$boot"
  firmware_arguments "$boot"
  cp --sparse=always "$work/$image/disk" "$work/disk"
  # An instance's disk is larger than the image.
  truncate --size 14G "$work/disk"
  # The wide network is because of DHCP, which gives addresses of the network that the metadata service is in.
  network=user,id=net,net=169.0.0.0/8,host=169.0.2.2
  network+=,hostfwd=tcp:127.0.0.1:18080-:8080,hostfwd=tcp:127.0.0.1:18443-:8443,hostfwd=tcp:127.0.0.1:18090-:8090
  network+=",guestfwd=tcp:169.254.169.254:80-cmd:bash nixos/tests/imds.sh $work/metadata"
  : >"$log"
  timeout 900 "${qemu[@]}" -m 2048 -serial "file:$log" "${firmware[@]}" "${credentials[@]}" \
    -device virtio-net-pci,netdev=net -netdev "$network" \
    -drive "file=$work/disk,format=raw,if=virtio,cache=unsafe" 2>"$work/qemu.log" &
  machine=$!
  outside || { kill "$machine" 2>/dev/null || true; report "$log"; fail "$case did not pass, seen from outside; its console is in $log"; }
  wait "$machine" || cat "$work/qemu.log" >&2
  report "$log"
  console "$log" | grep -q 'CASE passed$' || fail "$case did not pass; the machine's console is in $log"
  rm -rf "$work/disk" "$work/metadata"
  say "$case took $((SECONDS - start)) s"
}

console() { tr -d '\r' <"$1"; }

# What the case said on the console.
report() { console "$1" | sed -n 's/^.*: CASE \(ok: \|FAILED: \|note: \)/\1/p'; }

# From outside: holds WHAT COMMAND… says what holds.
seen() {
  local what=$1
  shift
  "$@" || { printf 'FAILED: from outside, %s\n' "$what"; return 1; }
  printf 'ok: from outside, %s (%ss)\n' "$what" "$SECONDS"
}

# await SECONDS COMMAND…, as long as the machine runs.
await() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) && kill -0 "$machine" 2>/dev/null || return 1
    sleep 1
  done
}

fails() { ! "$@" 2>/dev/null; }
get() { curl --noproxy '*' --silent --show-error --fail --max-time 5 "$@"; }
