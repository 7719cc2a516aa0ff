# A member of the pool.
# shellcheck shell=bash
# shellcheck disable=SC2034 # the script that reads this file uses it
image=slow-app

metadata() {
  echo '{ "version": 1, "role": "slow-app", "slow_app": { "drain_token": "hush", "work_ms": 20 } }'
}

outside() {
  local application=http://127.0.0.1:18080
  seen "it is healthy" await 600 get $application/health || return
  seen "it works as long as the user-data says" grep --quiet '"asked_ms":20' <(get $application/) || return
  # What the checks inside wait for.
  seen "its token drains it" get --output /dev/null --request POST --header 'Authorization: Bearer hush' $application/drain
}

checks() {
  image_checks instance-data.service slow-app.service prometheus-node-exporter.service
  holds "its port is open" grep --quiet 'dport.*8080' <(nft list ruleset)
  holds "system calls, privileges and capabilities are taken away" confined slow-app.service
  holds "the metadata service is not for the application" is "$(systemctl show --property IPAddressDeny --value slow-app)" 169.254.169.254/32
  holds "the drain from outside has come" await 300 answers 503 http://127.0.0.1:8080/health
}
