#!/bin/sh
# Copies the provisioning files and dashboards of this folder to another folder, with other thresholds than 0.8 and 0.2
# if the variables THRESHOLD_UP and THRESHOLD_DOWN say so: Grafana puts no variables into alert rules.
#
# usage: install.sh FROM TO
set -eu

from=$1
to=$2
up=${THRESHOLD_UP:-0.8}
down=${THRESHOLD_DOWN:-0.2}

for threshold in "$up" "$down"; do
  case $threshold in
    '' | *[!0-9.]* | *.*.* | .)
      echo "install.sh: $threshold is no threshold such as 0.8: see THRESHOLD_UP and THRESHOLD_DOWN" >&2
      exit 1
      ;;
  esac
done

mkdir -p "$to"
cp -R "$from/provisioning" "$from/dashboards" "$to"
chmod -R u+w "$to/provisioning" "$to/dashboards"

# In two steps, so that a new value of the one is never taken for the old value of the other.
rules=provisioning/alerting/rules.yml
sed -e 's/params: \[0\.8\]/params: [UP]/; s/params: \[0\.2\]/params: [DOWN]/' \
  -e "s/params: \[UP\]/params: [$up]/; s/params: \[DOWN\]/params: [$down]/" \
  "$from/$rules" >"$to/$rules"

for dashboard in "$from"/dashboards/*.json; do
  sed -e 's/"value": 0\.8$/"value": UP/; s/"value": 0\.2$/"value": DOWN/' \
    -e "s/\"value\": UP\$/\"value\": $up/; s/\"value\": DOWN\$/\"value\": $down/" \
    "$dashboard" >"$to/dashboards/${dashboard##*/}"
done
