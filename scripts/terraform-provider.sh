#!/usr/bin/env bash
# Builds the published Terraform provider from its source, at the version and with the checksums of
# terraform/provider/, and prints where it is. Needs Go. It is built once.
#
#   export AUTOSCALER_TERRAFORM_PROVIDER="$(scripts/terraform-provider.sh)"
#   cargo test --test terraform_e2e
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$root/target/terraform-provider}
module=github.com/exoscale/terraform-provider-exoscale
version=$(awk -v module="$module" '$1 == module { print $2; exit } $1 == "require" && $2 == module { print $3; exit }' "$root/terraform/provider/go.mod")
program=$folder/terraform-provider-exoscale_$version

if [[ ! -x $program ]]; then
  mkdir -p "$folder"
  go -C "$root/terraform/provider" build -o "$program.new" "$module" >&2
  mv "$program.new" "$program"
fi
echo "$program"
