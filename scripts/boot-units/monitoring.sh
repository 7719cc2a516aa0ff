#!/usr/bin/env bash
# The agent runs within its rights: it starts from user-data, scales, writes for Prometheus, keeps its
# journal, takes over new user-data, and systemd brings it back when it ends or hangs. The API is a local
# cloud's, without processes.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

agent=http://127.0.0.1:8090
token=a-long-token

prepare_units() { starts "$1" autoscaler; }

stand_in() {
  metadata_address
  systemd-run --quiet --unit local-cloud autoscaler local-cloud --with-pool 1 --no-processes --speed 10
  await 30 eval 'autoscaler local-cloud env >/run/cloud.env 2>/dev/null'
  # shellcheck disable=SC1091
  . /run/cloud.env
  document 3 | serve_metadata
}

# document MAXIMUM
document() {
  jq --null-input --arg token "$token" --argjson maximum "$1" '{
    version: 1, role: "monitoring",
    agent: {
      exoscale: {
        zone: env.EXOSCALE_ZONE, key: env.EXOSCALE_API_KEY, secret: env.EXOSCALE_API_SECRET,
        endpoint: env.EXOSCALE_API_ENDPOINT, instance_pool: env.EXOSCALE_INSTANCEPOOL_ID
      },
      scaling: { min_size: 1, max_size: $maximum },
      alerts: { token: $token }
    }
  }'
}

pool_size() { get http://127.0.0.1:7290/_local/status | jq '.pools[0].size'; }
has_size() { [[ $(pool_size) = "$1" ]]; }
targets() { jq '[.[].targets[]] | length' /srv/service-discovery/config.json; }
has_targets() { [[ $(targets) = "$1" ]]; }
up() { get --request POST --header "Authorization: Bearer $token" $agent/up; }
has_maximum() { [[ $(get $agent/status | jq .max_size) = "$1" ]]; }
healthy() { get $agent/healthz; }

checks() {
  local pid
  holds "the settings are read" await 60 active instance-data.service
  holds "it says that no person is told of alerts" grep --quiet 'Nobody is told' <(journalctl --unit instance-data --output cat)
  holds "only root can read the agent's" is "$(stat --format %a:%U /run/instance/agent.toml)" 600:root
  holds "the agent has told systemd that it is ready" await 60 active autoscaler.service
  holds "it is healthy" await 30 healthy
  holds "system calls, privileges and capabilities are taken away" confined autoscaler.service
  holds "it is not root" not_root autoscaler.service
  holds "the discovery file names the pool's member" await 30 has_targets 1
  holds "Prometheus' group can read it" is "$(stat --format %G /srv/service-discovery/config.json)" service-discovery
  holds "a user of that group can" setpriv --reuid=nobody --regid=service-discovery --clear-groups test -r /srv/service-discovery/config.json

  holds "nobody scales without the token" is "$(status_of --request POST $agent/up)" 401
  holds "an alert is taken" up
  # After a boot nothing may happen for one cooldown, since the journal is not kept over it.
  holds "and the pool grows" await 100 has_size 2
  holds "the discovery file follows" await 30 has_targets 2

  pid=$(main_pid autoscaler)
  kill -KILL "$pid"
  holds "killed, it comes back" await 30 another_pid autoscaler "$pid"
  holds "and is healthy" await 30 healthy
  holds "an alert within the cooldown is taken" up
  sleep 10
  holds "and does nothing: the journal has kept the cooldown" has_size 2
  holds "until the cooldown is over" await 90 has_size 3

  pid=$(main_pid autoscaler)
  kill -STOP "$pid"
  holds "when it hangs, systemd ends it and starts it again" await 150 another_pid autoscaler "$pid"
  holds "and it is healthy" await 30 healthy

  fallocate --length "$(df --output=avail --block-size=1 / | tail -n 1)" /fill 2>/dev/null || true
  dd if=/dev/zero of=/fill2 bs=4096 2>/dev/null || true
  holds "the disk is full" fails touch /srv/one-more/file
  holds "with a full disk it goes on running" await 10 get $agent/metrics
  rm -f /fill /fill2
  holds "and is healthy when there is room again" await 60 healthy

  holds "it uses less than a tenth of the 256 MiB it may" test "$(systemctl show --property MemoryCurrent --value autoscaler)" -lt $((26 << 20))
  pid=$(main_pid autoscaler)
  holds "settings that are as they were are read" systemctl start instance-data-again.service
  holds "and restart nobody" is "$(main_pid autoscaler)" "$pid"
  # shellcheck disable=SC1091
  (. /run/cloud.env && document 5) >/srv/metadata/latest/user-data
  holds "a larger maximum in the user-data is read" systemctl start instance-data-again.service
  holds "and the agent starts again" await 120 another_pid autoscaler "$pid"
  holds "with it" await 120 has_maximum 5
  holds "and it is healthy" await 30 healthy

  holds "a stop is clean" timeout 15 systemctl stop autoscaler.service
  holds "and ends well" is "$(systemctl show --property Result,ExecMainStatus --value autoscaler | sort | tr '\n' ' ')" "0 success "
  holds "the discovery file stays" has_targets 3

  rm -r /srv/service-discovery
  holds "without its folder the agent starts" timeout 60 systemctl start autoscaler.service
  holds "and has made it for Prometheus' group" is "$(stat --format %a:%G /srv/service-discovery)" 2775:service-discovery
  holds "and writes the file again" await 30 has_targets 3
}

main "$@"
