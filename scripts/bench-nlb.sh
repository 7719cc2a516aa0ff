#!/usr/bin/env bash
# Measures the load balancer against haproxy in TCP mode: same core, same backend, same client, in turns.
# Needs haproxy, nginx, wrk and taskset. Debian: apt-get install haproxy nginx-light wrk util-linux
#
# The balancer under test has one core; the backend and the client share another. Each round measures both, one after the
# other, in an order that alternates; ratios are of medians, and above 1 is better than haproxy. Requests per second are
# bounded by the backend and the client too, and suffer from whatever else runs; the CPU time that the balancer itself
# took for a request (from /proc/PID/schedstat) does not.
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
declare -A pid
start "$balancer_cpu" haproxy -db -f "$work/haproxy.cfg"
pid[haproxy]=$!
start "$balancer_cpu" "${CARGO_TARGET_DIR:-target}/release/examples/nlb" --listen "${address[nlb]}" "${address[backend]}"
pid[nlb]=$!

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

cpu_nanoseconds() { cut -d' ' -f1 "/proc/${pid[$1]}/schedstat"; }

measure() { # name, path, further wrk arguments; prints requests/s and CPU us for each, and fails if any request failed
    local name=$1 path=$2 output before after
    shift 2
    before=$(cpu_nanoseconds "$name")
    output=$(taskset -c "$other_cpus" wrk -t1 -c"$connections" -d"${seconds}s" "$@" "http://${address[$name]}$path" 2>&1)
    after=$(cpu_nanoseconds "$name")
    if failed "$output"; then
        echo "requests through $name failed: $output" >&2
        exit 1
    fi
    awk -v cpu=$((after - before)) '/requests in/ { done = $1 } /Requests\/sec/ { print $2, cpu / done / 1000 }' <<<"$output"
}

median() { # file, column
    cut -d' ' -f"$2" "$1" | sort -n | awk '{ v[NR] = $1 } END { print (NR % 2) ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

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
        echo "  round $round: nlb $(tail -1 "$work/nlb.rates")  haproxy $(tail -1 "$work/haproxy.rates")" |
            awk '{ printf "  %s %s nlb %7.0f/s %6.1f us   haproxy %7.0f/s %6.1f us\n", $1, $2, $4, $5, $7, $8 }'
    done
    awk -v nlb="$(median "$work/nlb.rates" 1)" -v haproxy="$(median "$work/haproxy.rates" 1)" \
        -v nlb_cpu="$(median "$work/nlb.rates" 2)" -v haproxy_cpu="$(median "$work/haproxy.rates" 2)" \
        'BEGIN { printf "  median   nlb %7.0f/s %6.1f us   haproxy %7.0f/s %6.1f us   ratio: requests/s %.2f, CPU time %.2f\n",
                 nlb, nlb_cpu, haproxy, haproxy_cpu, nlb / haproxy, haproxy_cpu / nlb_cpu }'
}

haproxy -v | sed -n 1p
echo "$connections connections, $rounds rounds of $seconds s, balancer on CPU $balancer_cpu, backend and client on CPU $other_cpus"
compare "keep-alive" /
compare "a connection for each request" / -H 'Connection: close'
compare "keep-alive, answers of 1 MB" /large
awk '/VmHWM/ { printf "nlb: at most %.1f MB resident\n", $2 / 1024 }' "/proc/${pid[nlb]}/status"
