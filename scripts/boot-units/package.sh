#!/usr/bin/env bash
# The Debian package: installed, told its settings, scaling, reloaded, installed again, and gone. The API is a local
# cloud's, without processes. scripts/boot-units.sh lays the package beside this file.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

agent=http://127.0.0.1:8090
settings=/etc/autoscaler/agent.toml
# That of the package, not the one that stands in for the cloud.
program=/usr/bin/autoscaler

# Nothing of the images: the package brings all of it.
prepare_units() {
  rm "$1"/etc/systemd/system/{autoscaler,instance-data}.service "$1/etc/tmpfiles.d/autoscaler.conf"
  rm "$1/etc/systemd/system/multi-user.target.wants/instance-data.service"
  chroot "$1" groupdel service-discovery
}

stand_in() {
  systemd-run --quiet --unit local-cloud autoscaler local-cloud --with-pool 1 --no-processes --speed 10
  await 30 eval 'autoscaler local-cloud env >/run/cloud.env 2>/dev/null'
}

installs() { dpkg --install /opt/case/autoscaler.deb; }
# set_to SECTION NAME VALUE: in the file, where the package has it as a comment.
set_to() { sed -i "/^\[$1\]/,/^\[/s|^#\{0,1\}$2 = .*|$2 = \"$3\"|" "$settings"; }
owner_of() { stat --format %a:%U:%G "$1"; }
pool_size() { get http://127.0.0.1:7290/_local/status | jq '.pools[0].size'; }
has_size() { [[ $(pool_size) = "$1" ]]; }
targets() { jq '[.[].targets[]] | length' /srv/service-discovery/config.json; }
has_targets() { [[ $(targets) = "$1" ]]; }
up() { get --request POST --header 'Authorization: Bearer a-long-token' $agent/up; }
healthy() { get $agent/healthz; }

checks() {
  local pid
  holds "it is installed" installs
  holds "nothing runs before it is told to" fails active autoscaler.service
  holds "and not after a boot either" is "$(systemctl is-enabled autoscaler 2>&1)" disabled
  holds "it has a user" id autoscaler
  holds "only root and the agent read the settings" is "$(owner_of $settings)" 640:root:autoscaler
  holds "nor does anybody else look into their folder" is "$(owner_of /etc/autoscaler)" 750:root:autoscaler
  holds "manual and completions are there" test -s /usr/share/man/man1/autoscaler-agent.1.gz -a -s /usr/share/bash-completion/completions/autoscaler
  holds "it says what is missing" grep --quiet 'exoscale.instance_pool: is missing' <($program check-config --config $settings 2>&1)

  # shellcheck disable=SC1091
  . /run/cloud.env
  set_to exoscale key "$EXOSCALE_API_KEY"
  set_to exoscale secret "$EXOSCALE_API_SECRET"
  set_to exoscale zone "$EXOSCALE_ZONE"
  set_to exoscale endpoint "$EXOSCALE_API_ENDPOINT"
  set_to exoscale instance_pool "$EXOSCALE_INSTANCEPOOL_ID"
  set_to scaling max_size 2
  set_to alerts token a-long-token
  unset "${!EXOSCALE_@}"
  holds "the settings are right" env -i $program check-config --config $settings
  holds "it starts" timeout 60 systemctl enable --now autoscaler.service
  holds "it is healthy" await 30 healthy
  holds "it is the package's program" is "$(readlink "/proc/$(main_pid autoscaler)/exe")" $program
  holds "it runs as its user" is "$(stat --format %U "/proc/$(main_pid autoscaler)")" autoscaler
  holds "system calls, privileges and capabilities are taken away" confined autoscaler.service
  holds "the discovery file names the pool's member" await 30 has_targets 1
  holds "Prometheus' group can read it" is "$(stat --format %G /srv/service-discovery/config.json)" service-discovery
  holds "nobody scales without the token" is "$(status_of --request POST $agent/up)" 401
  holds "an alert is taken" up
  # A first start waits one cooldown.
  holds "and the pool grows" await 100 has_size 2
  holds "the discovery file follows" await 30 has_targets 2

  pid=$(main_pid autoscaler)
  set_to scaling max_size 3
  holds "it reads its settings again" systemctl reload autoscaler.service
  holds "without a new start" is "$(main_pid autoscaler)" "$pid"
  holds "an alert is taken" up
  holds "and the pool grows beyond the old limit" await 100 has_size 3

  holds "it is installed over itself" installs
  holds "which starts the new program" await 30 another_pid autoscaler "$pid"
  holds "with the settings as they were" grep --quiet '^max_size = "3"' $settings
  holds "of the same owner" is "$(owner_of $settings)" 640:root:autoscaler
  holds "it is healthy" await 30 healthy

  holds "it is removed" dpkg --remove autoscaler
  holds "and does not run any more" fails active autoscaler.service
  holds "the settings stay" test -s $settings
  holds "until it is purged" dpkg --purge autoscaler
  holds "then nothing of it is left" fails test -e /etc/autoscaler -o -e /var/lib/autoscaler -o -e $program
}

main "$@"
