#!/usr/bin/env bash
# Measures the load balancer against haproxy in TCP mode: same core, same backend, same client, in turns.
# Needs haproxy, nginx, wrk and taskset. Debian: apt-get install haproxy nginx-light wrk util-linux
#
# The balancer under test has one core to itself; the backend and the client share another. Each round measures both,
# one after the other, in an order that alternates; the ratio is of the medians. Above 1 is faster than haproxy.
set -euo pipefail

usage() {
    cat <<TEXT
Usage: scripts/bench-nlb.sh [--rounds N] [--seconds N] [--connections N] [--balancer-cpu N] [--other-cpus LIST]

Defaults: 5 rounds of 4 s with 64 connections, balancer on CPU 0, backend and client on CPU 1.
TEXT
}

rounds=5 seconds=4 connections=64 balancer_cpu=0 other_cpus=1
while [ $# -gt 0 ]; do
    case $1 in
    --rounds) rounds=$2 ;;
    --seconds) seconds=$2 ;;
    --connections) connections=$2 ;;
    --balancer-cpu) balancer_cpu=$2 ;;
    --other-cpus) other_cpus=$2 ;;
    --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
    esac
    shift 2
done

PATH=$PATH:/usr/sbin
for program in haproxy nginx wrk taskset cargo; do
    command -v "$program" >/dev/null || {
        echo "$program is missing. Debian: apt-get install haproxy nginx-light wrk util-linux" >&2
        exit 1
    }
done

cd "$(dirname "$0")/.."
cargo build --release --quiet --example nlb
work=$(mktemp -d)
chmod 755 "$work" # nginx's worker may run as another user
pids=()
cleanup() {
    kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

declare -A address=([backend]=127.80.0.1:18080 [nlb]=127.80.0.2:18081 [haproxy]=127.80.0.3:18082)

cat >"$work/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/nginx.log;
events { worker_connections 4096; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path $work; proxy_temp_path $work; fastcgi_temp_path $work; uwsgi_temp_path $work; scgi_temp_path $work;
    server {
        listen ${address[backend]} backlog=4096;
        location / { return 200 "hello\n"; }
        location /large { root $work; }
    }
}
CONF
head -c 1000000 /dev/zero >"$work/large"
cat >"$work/haproxy.cfg" <<CONF
global
    nbthread 1
    maxconn 4096
defaults
    mode tcp
    timeout connect 3s
    timeout client 60s
    timeout server 60s
frontend in
    bind ${address[haproxy]}
    default_backend out
backend out
    balance roundrobin
    server one ${address[backend]} check inter 5s
CONF

start() { # CPUs, then a command
    local cpus=$1
    shift
    taskset -c "$cpus" "$@" >"$work/$(basename "$1").out" 2>&1 &
    pids+=($!)
}
start "$other_cpus" nginx -c "$work/nginx.conf" -e "$work/nginx.log" -p "$work"
start "$balancer_cpu" haproxy -db -f "$work/haproxy.cfg"
start "$balancer_cpu" target/release/examples/nlb --listen "${address[nlb]}" "${address[backend]}"
nlb_pid=$!

failed() { grep -qE 'Socket errors|Non-2xx|unable to connect' <<<"$1" || ! grep -q 'Requests/sec' <<<"$1"; }

for name in backend haproxy nlb; do
    tries=0
    while output=$(wrk -t1 -c1 -d1s "http://${address[$name]}/" 2>&1 || true); failed "$output"; do
        tries=$((tries + 1))
        [ "$tries" -lt 10 ] || {
            echo "$name does not answer: $output" >&2
            tail "$work"/*.out "$work/nginx.log" >&2
            exit 1
        }
    done
done

measure() { # name, path, further wrk arguments; prints requests/s, and fails if any request failed
    local name=$1 path=$2 output
    shift 2
    output=$(taskset -c "$other_cpus" wrk -t1 -c"$connections" -d"${seconds}s" "$@" "http://${address[$name]}$path" 2>&1)
    if failed "$output"; then
        echo "requests through $name failed: $output" >&2
        exit 1
    fi
    awk '/Requests\/sec/ { print $2 }' <<<"$output"
}

median() { sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }

compare() { # title, path, further wrk arguments
    local title=$1 path=$2 round order name
    shift 2
    : >"$work/nlb.rates"
    : >"$work/haproxy.rates"
    echo "$title"
    for ((round = 1; round <= rounds; round++)); do
        order="nlb haproxy"
        [ $((round % 2)) -eq 1 ] || order="haproxy nlb"
        for name in $order; do
            measure "$name" "$path" "$@" >>"$work/$name.rates"
        done
        printf '  round %d: nlb %8.0f/s  haproxy %8.0f/s\n' "$round" "$(tail -1 "$work/nlb.rates")" "$(tail -1 "$work/haproxy.rates")"
    done
    awk -v nlb="$(median <"$work/nlb.rates")" -v haproxy="$(median <"$work/haproxy.rates")" \
        'BEGIN { printf "  median:  nlb %8.0f/s  haproxy %8.0f/s  ratio %.2f\n", nlb, haproxy, nlb / haproxy }'
}

haproxy -v | head -1
echo "$connections connections, $rounds rounds of $seconds s, balancer on CPU $balancer_cpu, backend and client on CPU $other_cpus"
compare "keep-alive" /
compare "a connection for each request" / -H 'Connection: close'
compare "keep-alive, answers of 1 MB" /large
awk '/VmHWM/ { printf "nlb: at most %.1f MB resident\n", $2 / 1024 }' "/proc/$nlb_pid/status"
