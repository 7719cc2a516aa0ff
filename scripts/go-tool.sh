#!/usr/bin/env bash
# Builds the one program that a folder's go.mod names as its tool, at the version and with the
# checksums that stand there, and prints where it is. Needs Go. A version is built once.
#
#   export AUTOSCALER_TERRAFORM_PROVIDER="$(scripts/go-tool.sh terraform/provider)"
#   cargo test --test terraform
set -euo pipefail

[[ $# == 1 ]] || { echo "usage: scripts/go-tool.sh FOLDER" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
pins=$root/$1/go.mod
module=$(awk '$1 == "tool" { print $2 }' "$pins")
# The module that the program is a part of.
version=$(awk -v module="$module" 'index(module "/", $1 "/") == 1 { print $2 }' "$pins")
program=$root/target/go-tools/$(basename "$module")_$version

if [[ ! -x $program ]]; then
  mkdir -p "$(dirname "$program")"
  go -C "$(dirname "$pins")" build -o "$program.new" "$module" >&2
  mv "$program.new" "$program"
fi
echo "$program"
