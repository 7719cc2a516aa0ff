# The monitoring host. Its agent scales the pool of a local cloud, which runs on the host.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the script that reads this file uses image and sets folder
image=monitoring
token=a-long-token

prepare() {
  "$BOOT_IMAGES_PROGRAMS/autoscaler" local-cloud --with-pool 1 --no-processes --speed 10 >"$folder/local-cloud.log" 2>&1 &
  helper=$!
  machine=$helper await 30 "$BOOT_IMAGES_PROGRAMS/autoscaler" local-cloud env || return
  # Seen from the machine this API is elsewhere, so its members may not be at the machine's own 127.0.0.0/8.
  local edits='' member
  for member in 0 1 2; do
    edits+="${edits:+, }{ \"path\": \"/instances/$member/public-ip\", \"value\": \"192.0.2.$((member + 1))\" }"
  done
  get --request PUT --output /dev/null http://127.0.0.1:7290/_local/faults --data-binary \
    "[{ \"operation\": \"list-instances\", \"count\": 1000000, \"fault\": \"edit-answer\", \"edits\": [$edits] }]"
}

# QEMU's network has the host's 127.0.0.1 at an address of its own.
metadata() {
  (
    eval "$("$BOOT_IMAGES_PROGRAMS/autoscaler" local-cloud env)"
    cat <<TEXT
{
  "version": 1,
  "role": "monitoring",
  "agent": {
    "exoscale": {
      "zone": "$EXOSCALE_ZONE",
      "key": "$EXOSCALE_API_KEY",
      "secret": "$EXOSCALE_API_SECRET",
      "endpoint": "${EXOSCALE_API_ENDPOINT/127.0.0.1/169.0.2.2}",
      "instance_pool": "$EXOSCALE_INSTANCEPOOL_ID"
    },
    "scaling": { "min_size": 1, "max_size": 3 },
    "alerts": { "token": "$token" }
  }
}
TEXT
  )
}

agent=https://127.0.0.1:18443
# The machine makes its certificate, which nobody outside can know yet.
get_tls() { get --insecure "$@"; }
has_size() { get http://127.0.0.1:7290/_local/status | grep --quiet "\"size\": *$1\b"; }
# message TOKEN
message() {
  get_tls --request POST --header 'Content-Type: application/json' --header "Authorization: Bearer $1" --output /dev/null \
    --data-binary @src/autoscaler/tests/integration/data/grafana-12.4/up.json $agent/webhook
}

outside() {
  seen "the agent is healthy" await 800 get_tls $agent/healthz || return
  seen "and its own port is closed" fails get http://127.0.0.1:18090/healthz || return
  seen "the pool has its first size" has_size 1 || return
  seen "a message with another token is refused" fails message another-token || return
  seen "Grafana 12.4's message is taken" message "$token" || return
  seen "and the local cloud's pool grows by 150 %" await 400 has_size 3 || { get_tls $agent/decisions; return 1; }
}

prometheus() { get "http://127.0.0.1:9090/api/v1/query" --data-urlencode "query=$1"; }
scraped() { grep --quiet '"1"\]' <(prometheus "up{job=\"$1\"}"); }
has_recording_rules() { grep --quiet 'instance:node_cpu_utilisation:rate20s' <(get http://127.0.0.1:9090/api/v1/rules); }
targets() { grep --only-matching ':9100' /srv/service-discovery/config.json | wc -l; }
has_targets() { [[ $(targets) = "$1" ]]; }

own_address() { ip -4 -oneline address show scope global | sed 's/.* inet \([0-9.]*\).*/\1/;q'; }
trusted() { get --cacert /run/https-certificate/certificate.pem "$1"; }
told_fingerprint() {
  local shown
  shown=$(openssl s_client -connect "127.0.0.1:$1" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint -sha256) || return
  grep --quiet --fixed-strings "${shown#*=}" <(journalctl --unit https-certificate --output cat)
}

checks() {
  local pid services
  services=(instance-data.service autoscaler.service prometheus.service prometheus-node-exporter.service nginx.service)
  note "Grafana's program is a stand-in that does nothing; its unit and what runs before it are the image's"
  image_checks "${services[@]}" grafana.service
  holds "Grafana's rules are where it reads them" test -s /run/grafana/provisioning/alerting/rules.yml
  holds "system calls, privileges and capabilities are taken away" confined autoscaler.service
  holds "Prometheus scrapes the agent" await 120 scraped autoscaler
  holds "and the host's node exporter" await 60 scraped monitoring-host
  holds "and has the rules that Grafana's look at" await 60 has_recording_rules
  holds "the journal says the fingerprint of the certificate that nginx shows" told_fingerprint 8443
  holds "a client that trusts the certificate reads Prometheus" trusted "https://$(own_address):9443/-/ready"
  holds "nobody else can read its key" is "$(stat --format %a /run/https-certificate/key.pem)" 600
  pid=$(main_pid nginx.service)
  holds "looked at again" systemctl start https-certificate.service
  holds "it stays, and nginx goes on" is "$(main_pid nginx.service)" "$pid"
  rm /var/lib/https-certificate/certificate.pem
  holds "lost, it is made again" systemctl start https-certificate.service
  holds "and nginx starts again" await 30 another_pid nginx.service "$pid"
  holds "with the new one" await 30 told_fingerprint 3443
  holds "the discovery file follows the pool that a message from outside has grown" await 400 has_targets 3
  holds "still nothing was restarted" never_restarted "${services[@]}"
}
