#!/bin/sh
# Copies the provisioning files and dashboards of this folder to another folder, and puts in what differs from host to
# host, since Grafana itself puts no variables into alert rules:
#
# - other thresholds than 0.8 and 0.2, if the variables THRESHOLD_UP and THRESHOLD_DOWN say so;
# - whom to tell of the operator's alerts, if a file is given that is not empty: a provisioning file of Grafana with the
#   contact point `operator`. Without one nobody is told.
#
# usage: install.sh FROM TO [OPERATOR_FILE]
set -eu

from=$1
to=$2
operator=${3:-}
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
if [ -n "$operator" ] && [ -s "$operator" ] && ! grep -q "name['\"]\{0,1\}: *['\"]\{0,1\}operator\>" "$operator"; then
  # The policies name it, and Grafana would not start.
  echo "install.sh: $operator has no contact point with the name operator" >&2
  exit 1
fi

mkdir -p "$to"
cp -R "$from/provisioning" "$from/dashboards" "$to"
chmod -R u+w "$to/provisioning" "$to/dashboards"

# In two steps, so that a new value of the one is never taken for the old value of the other.
for rules in "$from"/provisioning/alerting/*rules.yml; do
  sed -e 's/params: \[0\.8\]/params: [UP]/; s/params: \[0\.2\]/params: [DOWN]/' \
    -e "s/params: \[UP\]/params: [$up]/; s/params: \[DOWN\]/params: [$down]/" \
    "$rules" >"$to/provisioning/alerting/${rules##*/}"
done

for dashboard in "$from"/dashboards/*.json; do
  sed -e 's/"value": 0\.8$/"value": UP/; s/"value": 0\.2$/"value": DOWN/' \
    -e "s/\"value\": UP\$/\"value\": $up/; s/\"value\": DOWN\$/\"value\": $down/" \
    "$dashboard" >"$to/dashboards/${dashboard##*/}"
done

policies=provisioning/alerting/policies.yml
if [ -n "$operator" ] && [ -s "$operator" ]; then
  # It may hold secrets.
  (umask 0077 && rm -f "$to/provisioning/alerting/operator.yml" && cat "$operator" >"$to/provisioning/alerting/operator.yml")
  sed '/mute_time_intervals: \[always\]/d' "$from/$policies" >"$to/$policies"
else
  echo "install.sh: no contact point for the operator, so the operator's alerts show in Grafana only" >&2
fi
