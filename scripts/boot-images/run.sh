#!/usr/bin/env bash
# The part of scripts/boot-images.sh that runs in namespaces of its own: makes the images, then boots them.
set -euo pipefail
SECONDS=${BOOT_IMAGES_START:?run scripts/boot-images.sh}
folder=$BOOT_IMAGES_FOLDER base=$BOOT_IMAGES_FOLDER/base work=$BOOT_IMAGES_WORK

say() { printf '== %s (%ss)\n' "$*" "$SECONDS"; }
fail() { printf 'boot-images: %s\n' "$*" >&2; exit 1; }

kernel=$(basename "$base"/usr/lib/modules/*)

# shellcheck source=scripts/boot-images/debian.sh
. scripts/boot-images/debian.sh
# shellcheck source=scripts/boot-images/image.sh
. scripts/boot-images/image.sh
# shellcheck source=scripts/boot-images/machine.sh
. scripts/boot-images/machine.sh

ip link set lo up
mount_debian
declare -A images
for case in "$@"; do
  image=
  # shellcheck source=/dev/null
  . "scripts/boot-images/cases/${case%-uefi}.sh"
  images[$image]=1
done
evaluate "${!images[@]}"
for image in "${!images[@]}"; do
  make_image "$image"
done
failed=()
for case in "$@"; do
  # A shell of its own, so that one that fails leaves the others to be seen.
  boot_case "$case" &
  wait $! || failed+=("$case")
done
[[ ${#failed[@]} = 0 ]] || fail "not passed: ${failed[*]}"
say "all passed"
