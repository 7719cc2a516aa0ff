#!/usr/bin/env bash
# A pool's member takes its settings from user-data and serves, within its rights.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

prepare_units() { member_role "$1"; }

stand_in() {
  metadata_address
  serve_metadata <<<'{ "version": 1, "role": "slow-app", "slow_app": { "drain_token": "hush", "work_ms": 20 } }'
}

checks() {
  local pid url=http://127.0.0.1:8080
  holds "the settings are read" await 60 active instance-data.service
  holds "only root can look into their folder" is "$(stat --format %a:%U /run/instance)" 700:root
  holds "only root can read them" is "$(stat --format %a:%U /run/instance/slow-app.env)" 600:root
  holds "the application is healthy" await 30 answers 200 $url/health
  holds "it works as long as the user-data says" grep --quiet '"asked_ms":20' <(get $url/)
  holds "it calls itself as the machine does" grep --quiet --ignore-case "x-instance: $(cat /etc/machine-id)" <(get --dump-header - --output /dev/null $url/)
  holds "system calls, privileges and capabilities are taken away" confined slow-app.service
  holds "it is not root" not_root slow-app.service
  holds "it may use 512 MiB" is "$(systemctl show --property MemoryMax --value slow-app)" $((512 << 20))

  pid=$(main_pid slow-app)
  kill -KILL "$pid"
  holds "killed, it comes back" await 20 another_pid slow-app "$pid"
  holds "and serves" await 20 answers 200 $url/health

  holds "nobody drains it without the token" is "$(status_of --request POST $url/drain)" 401
  holds "the token drains it" get --request POST --header 'Authorization: Bearer hush' $url/drain
  holds "then it is unhealthy" is "$(status_of $url/health)" 503
  holds "a stop is clean" systemctl stop slow-app.service
  holds "and ends well" is "$(systemctl show --property Result,ExecMainStatus --value slow-app | sort | tr '\n' ' ')" "0 success "
}

main "$@"
