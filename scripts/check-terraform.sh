#!/usr/bin/env bash
# Checks every Terraform file: its format, and with tflint names, types, what is declared and unused,
# and where things stand. Needs Terraform and Go, which builds tflint; opens no connection but for its
# source. `terraform validate` and `terraform test` need the provider: src/autoscaler/tests/terraform runs them.
set -euo pipefail
cd "$(dirname "$0")/.."
# Terraform asks its maker for news otherwise.
export CHECKPOINT_DISABLE=1

terraform fmt -check -recursive -diff terraform
terraform fmt -check -recursive -diff src/autoscaler/tests/terraform
tflint=$(scripts/go-tool.sh terraform/tflint)
for folder in terraform terraform/images; do
  "$tflint" --chdir="$folder" --config="$PWD/terraform/.tflint.hcl"
done
