//! The longer texts of `--help`.

pub(super) const EXAMPLES: &str = "\
Examples:
  50 requests a second for a minute, latency from the intended starts:
    loadtest --rate 50 --duration 60s http://127.0.0.1:8080/

  A climb and a plateau, failing the build when users would have waited:
    loadtest --profile '10s@50, 60s:50..400, 30s@400' --fail-if 'p99>500ms' --fail-if 'errors>0.1%' URL

  Arrivals as independent users make them, the same ones every time:
    loadtest --rate 200 --duration 2m --arrivals poisson --seed 1 URL

  Yesterday's traffic, from a file with lines of seconds,rate:
    loadtest --profile-file trace.csv URL

  How fast can it go at all (closed loop; blind to stalls, see --closed)?
    loadtest --closed --duration 10s --connections 64 URL

  One server of several behind a name, with the name's certificate; a socket of this machine; by a proxy:
    loadtest --rate 50 --duration 60s --resolve example.org:443:192.0.2.7 https://example.org/
    loadtest --rate 50 --duration 60s --unix-socket /run/app.sock http://app/
    loadtest --rate 50 --duration 60s --proxy http://proxy.example:3128 https://example.org/
  A thousand requests, and each response as it should be:
    loadtest --rate 50 --requests 1000 --expect-status 200 --expect-json /status=ok URL

  Each request for another user, with values from a CSV file that has the columns id and name:
    loadtest --rate 50 --duration 60s --data users.csv 'http://127.0.0.1:8080/users/{{id}}?q={{name}}'

  Different requests in turn, in vegeta's format, with a password that only a file has:
    loadtest --rate 50 --duration 60s --targets requests.txt --basic-auth @password.txt

  A page with plots, a report for programs, and a log that can be merged:
    loadtest --rate 50 --duration 60s --html run.html --json run.json --hlog run.hlog URL

  Two machines as one, exactly: this on one, with --slice 2/2 on the other, then merge:
    loadtest --rate 20k --duration 60s --slice 1/2 --start-at 2030-01-31T12:00:00Z --hlog a.hlog URL
    loadtest merge a.hlog b.hlog --html both.html

  Many machines that nobody numbers: prepare, the same command on each of them, merge:
    loadtest fleet s3://BUCKET/runs/1 --machines 5 --start-in 10m --out fleet.json
    loadtest --fleet fleet.json --rate 50k --duration 60s URL
    loadtest merge s3://BUCKET/runs/1

  Two runs side by side; many in a table, with what may be noise:
    loadtest compare before.json after.json
    loadtest --rate 50 --duration 60s --label main --save-summary runs.jsonl URL
    loadtest compare runs.jsonl

  Every tick's numbers to Prometheus, by remote write:
    loadtest --rate 50 --duration 60s --remote-write http://127.0.0.1:9090/api/v1/write URL

Exit codes:
  0    all is well
  1    a --fail-if condition holds
  2    the arguments, or a file or address that they name, cannot be used; nothing was sent
  3    the target cannot be reached; nothing was sent
  4    a report could not be written (the table and the other reports are), or anything else
  5    not one request succeeded
  130  ended at once

Ctrl-C or SIGTERM ends a run early with its full report; a second one ends it at once.";

pub(super) const PROFILE_HELP: &str =
    "The rate over time: stages separated by commas, rates in requests per second
  30s@400            hold 400/s for 30 seconds
  60s:50..400        ramp from 50/s to 400/s
  60s:50..400/8      the same climb in 8 equal steps
  20s:50^400         spike: up to 400/s at the middle, and back
  10m:50~400/2m      sine between 50/s and 400/s, one wave in 2 minutes";

pub(super) const THRESHOLD_HELP: &str =
    "Exit with 1 when this holds; may be repeated. METRIC>LIMIT or METRIC<LIMIT:
  p50, p99, p99.9, mean, max    response time, from the intended start (limit: 500ms, 1.5s)
  service.p99, lag.p99          service time, and how late requests were sent
  errors, delivered             a part of the requests (limit: 0.1%)
  rate                          requests per second that were sent (limit: 950)";

pub(super) const BACKEND_HEADER_HELP: &str =
    "Response header that names the backend: whose responses, share, failures and latency are shown apart.
Without this option the first response that has one of these decides, and the report says which it was:
  x-instance, x-instance-id, x-pod-name, x-backend-server, x-served-by, x-upstream-addr, x-upstream,
  x-backend, x-backend-name, x-server-name, x-server, x-hostname
A load balancer adds one, such as HAProxy with `http-response set-header X-Backend-Server %s` and nginx with
`add_header X-Upstream-Addr $upstream_addr always;`.";
