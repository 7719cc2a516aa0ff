# Builds both images, and registers each as a private template under its role's name, which is what Terraform looks for.
# Read by packages.nix; `nix run .#publish-images` puts `exo` and `nix` on the PATH.

usage() {
  cat <<'TEXT'
Builds the images `slow-app` and `monitoring` and registers them as private templates of a zone.

usage: publish-images --zone ZONE --bucket BUCKET [--boot-mode legacy|uefi] [ROLE]...

  --zone ZONE        the zone, such as at-vie-1
  --bucket BUCKET    a bucket in that zone, for the time of the registration; made if it is not there
  --boot-mode MODE   legacy (default) or uefi; the images boot either way
  ROLE               slow-app, monitoring; both if none is given

Credentials are those of `exo`: EXOSCALE_API_KEY and EXOSCALE_API_SECRET, or its configuration file. While it is being
registered, an image can be read by everyone who knows its address. The images hold no secret.
TEXT
}

fail() {
  echo "publish-images: $1" >&2
  exit 1
}

zone=
bucket=
boot_mode=legacy
roles=()
while [ $# -gt 0 ]; do
  case $1 in
    --zone | --bucket | --boot-mode)
      [ $# -gt 1 ] || fail "$1 needs a value; see --help"
      case $1 in
        --zone) zone=$2 ;;
        --bucket) bucket=$2 ;;
        --boot-mode) boot_mode=$2 ;;
      esac
      shift 2
      ;;
    --help | -h)
      usage
      exit
      ;;
    slow-app | monitoring)
      roles+=("$1")
      shift
      ;;
    *) fail "$1 is neither an option nor a role; see --help" ;;
  esac
done
[ -n "$zone" ] || fail "--zone is missing; see --help"
[ -n "$bucket" ] || fail "--bucket is missing; see --help"
case $boot_mode in
  legacy | uefi) ;;
  *) fail "--boot-mode is legacy or uefi, not $boot_mode" ;;
esac
[ ${#roles[@]} -gt 0 ] || roles=(slow-app monitoring)
[ -e flake.nix ] || fail "run it in the folder of flake.nix"

exo storage show "sos://$bucket" >/dev/null 2>&1 || exo storage mb --zone "$zone" "sos://$bucket"

uploaded=
# The object is of no use once the template is registered, or when that failed.
clean_up() {
  [ -z "$uploaded" ] || exo storage delete --force "$uploaded" || true
}
trap clean_up EXIT

for role in "${roles[@]}"; do
  echo "$role: building"
  image=$(nix build --no-link --print-out-paths ".#$role-image")/$role.qcow2
  checksum=$(md5sum "$image" | cut -d ' ' -f 1)

  echo "$role: uploading $(du -h "$image" | cut -f 1)"
  uploaded=sos://$bucket/$role.qcow2
  exo storage upload --acl public-read "$image" "sos://$bucket/"

  echo "$role: registering"
  exo compute instance-template register "$role" "https://sos-$zone.exo.io/$bucket/$role.qcow2" "$checksum" \
    --zone "$zone" --boot-mode "$boot_mode" --disable-password --username root --timeout 3600
  clean_up
  uploaded=
done
