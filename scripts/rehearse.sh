#!/usr/bin/env bash
# Rehearses a whole deployment on this machine: apply, a second plan that must be empty, load until
# the pool has grown, quiet until it has shrunk, destroy, and a look whether anything is left.
#
#   scripts/rehearse.sh
#
# Needs terraform and curl, and Go for the provider unless AUTOSCALER_TERRAFORM_PROVIDER names one.
# SPEED (10) is how much faster than Exoscale it goes; REHEARSE_PROFILE=dev takes the programs of that
# build instead of release's. It takes some two minutes once everything is built, opens no connection to
# another machine from then on, and cleans up however it ends.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
speed=${SPEED:-10}
rate=${RATE:-6}
work=$(mktemp -d)
cloud=

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'rehearse: %s\n' "$*" >&2; exit 1; }

clean_up() {
  local code=$?
  if [[ -n $cloud ]] && kill "$cloud" 2>/dev/null; then wait "$cloud" 2>/dev/null || true; fi
  if ((code != 0)) && [[ -s $work/cloud.log ]]; then tail -n 20 "$work/cloud.log" >&2; fi
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

programs=(terraform curl cargo)
[[ -n ${AUTOSCALER_TERRAFORM_PROVIDER:-} ]] || programs+=(go)
for program in "${programs[@]}"; do
  command -v "$program" >/dev/null || fail "$program is not on PATH"
done

say "building"
provider=${AUTOSCALER_TERRAFORM_PROVIDER:-$("$root/scripts/go-tool.sh" terraform/provider)}
[[ -x $provider ]] || fail "AUTOSCALER_TERRAFORM_PROVIDER names no program: $provider"
profile=${REHEARSE_PROFILE:-release}
cargo build --profile "$profile" --workspace --locked --manifest-path "$root/Cargo.toml"
target=${CARGO_TARGET_DIR:-$root/target}/${profile/#dev/debug}

# The provider from its file, under the name that the configuration asks for.
mkdir "$work/provider"
cat >"$work/terraformrc" <<TEXT
provider_installation {
  dev_overrides {
    "exoscale/exoscale" = "$work/provider"
  }
  filesystem_mirror {
    path = "$work/none"
  }
}
TEXT
ln -s "$(realpath "$provider")" "$work/provider/terraform-provider-exoscale"
mkdir "$work/stack"
cp -R "$root"/terraform/*.tf "$root/terraform/modules" "$work/stack/"
# Where somebody keeps the state of a real deployment, and what else their shell says of it.
rm -f "$work/stack/backend.tf"
for variable in "${!TF_@}"; do unset "$variable"; done

say "starting a local cloud at $speed times Exoscale's speed"
"$target/autoscaler" local-cloud --speed "$speed" --listen 127.0.0.1:0 --proxy-listen 127.0.0.1:0 \
  >"$work/environment" 2>"$work/cloud.log" &
cloud=$!
for _ in $(seq 100); do
  grep -q CHECKPOINT_DISABLE "$work/environment" && break
  kill -0 "$cloud" 2>/dev/null || fail "the local cloud did not start"
  sleep 0.1
done
# shellcheck disable=SC1091
source "$work/environment"
export TF_CLI_CONFIG_FILE=$work/terraformrc TF_IN_AUTOMATION=1 TF_VAR_admin_cidr=127.0.0.1/32

tf() { terraform -chdir="$work/stack" "$@"; }
get() { curl --noproxy '*' --silent --show-error --fail "$@"; }
size() { get "${agent}metrics" | awk '$1 == "autoscaler_pool_size_wanted" { print int($2) }'; }
# await WHAT SECONDS TEST…
await() {
  local what=$1 end=$((SECONDS + $2))
  shift 2
  until "$@"; do
    ((SECONDS < end)) || fail "$what did not come in time"
    sleep 0.5
  done
}
grown() { (($(size) >= 2)); }
shrunk() { (($(size) == 1)); }

say "apply"
started=$SECONDS
tf get >"$work/get.log" 2>&1 || { cat "$work/get.log"; fail "the modules are not found"; }
tf apply -auto-approve -compact-warnings >"$work/apply.log" 2>&1 || { cat "$work/apply.log"; fail "apply failed"; }
echo "made in $((SECONDS - started)) s"
tf plan -detailed-exitcode -compact-warnings >"$work/plan.log" 2>&1 || { cat "$work/plan.log"; fail "the second plan is not empty"; }
echo "a second plan finds nothing to do"
agent=$(tf output -raw agent_url)
url=$(tf output -raw application_url)

say "load: $rate requests per second on one instance that serves 2.5"
started=$SECONDS
"$target/loadtest" --rate "$rate" --duration 30s "$url" >"$work/load.log" 2>&1 &
load=$!
await "a second instance" 120 grown
echo "the pool grew after $((SECONDS - started)) s"
wait "$load" || { cat "$work/load.log"; fail "the load test failed"; }
await "the smallest size" 300 shrunk
echo "and was back at its smallest size after $((SECONDS - started)) s"
get "${agent}decisions" | grep -o '"verdict":"acted","reason":"[a-z_]*"' | sort | uniq -c
tf plan -detailed-exitcode -compact-warnings >"$work/plan.log" 2>&1 || { cat "$work/plan.log"; fail "what the agent did is no drift"; }

say "destroy"
started=$SECONDS
tf destroy -auto-approve -compact-warnings >"$work/destroy.log" 2>&1 || { cat "$work/destroy.log"; fail "destroy failed"; }
echo "gone in $((SECONDS - started)) s"
status=$(get "${EXOSCALE_API_ENDPOINT%/v2}/_local/status")
for empty in '"pools":[]' '"instances":[]' '"balancers":[]' '"refused":0'; do
  [[ $status == *"$empty"* ]] || fail "something is left, or went elsewhere: $status"
done
say "done in $SECONDS s; nothing is left, and no call went to another host"
