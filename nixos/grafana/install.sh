#!/bin/sh
# Copies the provisioning files and dashboards of this folder to another folder, and puts in what differs from host to
# host, since Grafana itself puts no variables into alert rules:
#
# - the rule by request rate, if the variable REQUESTS_PER_MEMBER says how many requests a second one member is to serve;
# - other thresholds than 0.8 and 0.2, if the variables THRESHOLD_UP and THRESHOLD_DOWN say so;
# - the token with which Grafana proves itself to the agent, from the file that ALERTS_TOKEN_FILE names. Without a token
#   Grafana shows none;
# - whom to tell of the operator's alerts, if a file is given that is not empty: a provisioning file of Grafana with the
#   contact point `operator`. Without one nobody is told.
#
# usage: install.sh FROM TO [OPERATOR_FILE]
set -eu
# Characters are bytes, and numbers have a point.
export LC_ALL=C

from=$1
to=$2
operator=${3:-}
up=${THRESHOLD_UP:-0.8}
down=${THRESHOLD_DOWN:-0.2}
per_member=${REQUESTS_PER_MEMBER:-}
token_file=${ALERTS_TOKEN_FILE:-}

refuse() {
  echo "install.sh: $*" >&2
  exit 1
}

# As the agent's settings: 0 <= down < up <= 1. Written so that YAML and JSON take it, too.
check_threshold() {
  case $2 in
    0 | 1 | 1.0) ;;
    0. | 0.*[!0-9]*) refuse "$1 is $2; it must be a share from 0 to 1, such as 0.8" ;;
    0.*) ;;
    *) refuse "$1 is $2; it must be a share from 0 to 1, such as 0.8" ;;
  esac
}
check_threshold THRESHOLD_UP "$up"
check_threshold THRESHOLD_DOWN "$down"
ascending=$(printf '%s\n' "$down" "$up" | sort -g -u)
if [ "$ascending" != "$down
$up" ]; then
  refuse "THRESHOLD_DOWN is $down, and must be below THRESHOLD_UP, which is $up"
fi

wrong=
case $per_member in
  '') ;;
  *[!0-9.]* | .* | *. | *.*.* | 0[0-9]*) wrong=yes ;;
  *[1-9]*) ;;
  *) wrong=yes ;;
esac
[ -z "$wrong" ] || refuse "REQUESTS_PER_MEMBER is $per_member; it must be a number above 0, such as 40 or 7.5"

token=
if [ -n "$token_file" ]; then
  [ -r "$token_file" ] || refuse "cannot read $token_file, which ALERTS_TOKEN_FILE names"
  token=$(cat "$token_file")
  # What the agent takes. Never say the token.
  case $token in
    *[!!-~]*) refuse "$token_file must hold one line of visible ASCII without spaces: the agent's alerts.token" ;;
  esac
fi

if [ -n "$operator" ] && [ -s "$operator" ] && ! grep -q "name['\"]\{0,1\}: *['\"]\{0,1\}operator\>" "$operator"; then
  # The policies name it, and Grafana would not start.
  refuse "$operator has no contact point with the name operator"
fi

mkdir -p "$to"
cp -R "$from/provisioning" "$from/dashboards" "$to"
chmod -R u+w "$to/provisioning" "$to/dashboards"
# Grafana logs an error where it has no such folder.
mkdir -p "$to/provisioning/plugins"

# In two steps, so that a new value of the one is never taken for the old value of the other.
for rules in "$from"/provisioning/alerting/*rules.yml; do
  sed -e 's/params: \[0\.8\]/params: [UP]/; s/params: \[0\.2\]/params: [DOWN]/' \
    -e "s/params: \[UP\]/params: [$up]/; s/params: \[DOWN\]/params: [$down]/" \
    "$rules" >"$to/provisioning/alerting/${rules##*/}"
done

# Kept out of the loop above: its threshold is a number of members.
request_rate=provisioning/alerting/request-rate.yml
rm -f "$to/$request_rate"
if [ -n "$per_member" ]; then
  sed "s|/ REQUESTS_PER_MEMBER)|/ $per_member)|" "$from/optional/request-rate.yml" >"$to/$request_rate"
fi

for dashboard in "$from"/dashboards/*.json; do
  sed -e 's/"value": 0\.8$/"value": UP/; s/"value": 0\.2$/"value": DOWN/' \
    -e "s/\"value\": UP\$/\"value\": $up/; s/\"value\": DOWN\$/\"value\": $down/" \
    "$dashboard" >"$to/dashboards/${dashboard##*/}"
done

# A text as Grafana takes it unchanged: of some without quotes it makes numbers or booleans, and it takes $ for a
# variable, and $$ for one $.
quoted() {
  printf "'%s'" "$(printf '%s' "$1" | sed -e "s/'/''/g" -e 's/\$/$$/g')"
}

# Both files below may hold secrets.
umask 0077
points=provisioning/alerting/contact-points.yml
rm -f "$to/$points"
while IFS= read -r line; do
  case $line in
    *authorization_scheme:*) [ -z "$token" ] || printf '%s\n' "$line" ;;
    *authorization_credentials:*) [ -z "$token" ] || printf '%s: %s\n' "${line%%:*}" "$(quoted "$token")" ;;
    *) printf '%s\n' "$line" ;;
  esac
done <"$from/$points" >"$to/$points"

policies=provisioning/alerting/policies.yml
if [ -n "$operator" ] && [ -s "$operator" ]; then
  rm -f "$to/provisioning/alerting/operator.yml"
  cat "$operator" >"$to/provisioning/alerting/operator.yml"
  sed '/mute_time_intervals: \[always\]/d' "$from/$policies" >"$to/$policies"
else
  echo "install.sh: no contact point for the operator, so the operator's alerts show in Grafana only" >&2
fi
