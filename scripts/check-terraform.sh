#!/usr/bin/env bash
# Checks every Terraform file: its format, and with tflint names, types, what is declared and unused,
# and where things stand; and that the READMEs list the variables and outputs that there are. Needs
# Terraform and Go, which builds tflint and terraform-docs; opens no connection but for their source.
# `terraform validate` and `terraform test` need the provider: src/autoscaler/tests/terraform runs them.
#
# usage: scripts/check-terraform.sh [--update-docs]
#
# --update-docs rewrites the lists in the READMEs, which are otherwise only compared.
set -euo pipefail
cd "$(dirname "$0")/.."
# Terraform asks its maker for news otherwise.
export CHECKPOINT_DISABLE=1

terraform fmt -check -recursive -diff terraform
terraform fmt -check -recursive -diff src/autoscaler/tests/terraform
tflint=$(scripts/go-tool.sh terraform/tflint)
documented=(terraform/modules/* terraform/examples/*)
for folder in terraform terraform/images "${documented[@]}"; do
  "$tflint" --chdir="$folder" --config="$PWD/terraform/.tflint.hcl"
done

# A module carries what its host of Debian reads: a registry hands out the module alone.
for pair in prometheus-rules:recording-rules prometheus-alerts:operator-rules; do
  diff -u "nixos/${pair%:*}.yml" "terraform/modules/monitoring/debian/${pair#*:}.yml"
done

terraform_docs=$(scripts/go-tool.sh terraform/docs)
check=--output-check
[[ ${1:-} != --update-docs ]] || check=
for folder in "${documented[@]}"; do
  "$terraform_docs" --config "$PWD/terraform/.terraform-docs.yml" ${check:+"$check"} "$folder" || {
    echo "check-terraform: $folder/README.md is not as its files are; scripts/check-terraform.sh --update-docs rewrites it" >&2
    exit 1
  }
done
