# Makes an image: its text, then its disk, by the steps of its own derivation.
# shellcheck shell=bash
# shellcheck disable=SC2154 # folder, base, work and kernel are run.sh's

# evaluate IMAGE…: everything that makes them, as the flake says.
evaluate() {
  say "the flake is evaluated: $*"
  in_debian nix --offline --extra-experimental-features nix-command --option build-users-group '' \
    derivation show --recursive --impure \
    --argstr nixpkgs /nixpkgs --argstr crane /crane --argstr flake /repo \
    --file /repo/nixos/tests/evaluate.nix "${@/#/images.}" >"$work/derivations.json"
}

# make_image IMAGE: $work/IMAGE/disk is what would be uploaded, as a raw disk.
make_image() {
  local made=$work/$1
  mkdir "$made"
  say "$1: the text of the image"
  in_debian python3 /repo/scripts/boot-images/text_build /work/derivations.json "$1" "$kernel" "/work/$1"
  say "$1: partitions and files"
  in_debian /repo/scripts/boot-images/disk.sh "/work/$1/preVM" "/work/$1/system-paths" "/work/$1/disk" \
    >"$made/disk.log" 2>&1 || { tail -n 20 "$made/disk.log" >&2; fail "$1: its disk was not made"; }
  say "$1: activation and boot loader, in a machine"
  finish_disk "$made"
}

# Runs the image's own last step, as nixpkgs does, in a machine that has the disk as its first.
finish_disk() {
  local made=$1 job=$1/job log=$folder/${1##*/}-disk.log
  mkdir -p "$job"/{job,nix/store,opt}
  xargs -d '\n' -I{} cp --archive "$base{}" "$job/nix/store/" <"$made/enter-paths"
  cp --archive "$folder/programs" "$job/opt/"
  rm "$job"/opt/programs/{autoscaler,slow-app}
  # It expects a root without device nodes by number and without /mnt.
  { echo 'rm -rf /dev/block; rmdir /mnt; export TMPDIR=/tmp'; cat "$made/buildCommand"; } >"$job/job/job.sh"
  tar -C "$job" --create --file "$made/job.tar" .
  base_disk
  timeout 600 "${qemu[@]}" -m 1024 -nic none -serial "file:$log" \
    -kernel "$base/boot/vmlinuz-$kernel" -initrd "$base/boot/initrd.img-$kernel" \
    -append "root=/dev/vdb rw init=/usr/local/sbin/job console=ttyS0 quiet panic=1" \
    -drive "file=$made/disk,format=raw,if=virtio,cache=unsafe" \
    -drive "file=$folder/base.ext4,format=raw,if=virtio,snapshot=on" \
    -drive "file=$made/job.tar,format=raw,if=virtio,readonly=on" || true
  tr -d '\r' <"$log" | grep -q 'JOB done$' || { tail -n 20 "$log" >&2; fail "the last step failed; see $log"; }
  rm -rf "$job" "$made/job.tar"
}

# The root of the machine that runs a job.
base_disk() {
  local disk=$folder/base.ext4
  if [[ $disk -nt $base/.complete && $disk -nt scripts/boot-images/job.sh ]]; then
    return
  fi
  install scripts/boot-images/job.sh "$base/usr/local/sbin/job"
  mkdir -p "$work/root"
  mount --bind "$base" "$work/root"
  mke2fs -q -t ext4 -d "$work/root" "$disk.new" "$(($(du -smx "$base" | cut -f1) + 400))M" >/dev/null
  umount "$work/root"
  mv "$disk.new" "$disk"
}
