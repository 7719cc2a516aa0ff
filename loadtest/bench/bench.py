#!/usr/bin/env python3
"""Measures loadtest beside its rivals, interleaved in the same minutes, and prints ratios.

  bench.py install            installs the rivals: wrk, hey, h2load and nginx from Debian, oha from crates.io
  bench.py closed             requests per second and CPU of one pinned client core, against wrk and the others
  bench.py open               delivery, latency and send lag at fixed rates against a healthy server
  bench.py stall              what each tool reports when the server stalls, against the closed-form truth
  bench.py memory             resident memory of short and longer runs: it must not grow

Build first: cargo build --release -p loadtest --bin loadtest --example bench_server
The client runs on the last core, the server on the others; a machine that does other work gives wide ranges.
Absolute numbers mean little elsewhere: read the ratios.
"""

import argparse
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "target" / "bench-tools"
RELEASE = ROOT / "target" / "release"
LOADTEST = str(RELEASE / "loadtest")
SERVER = str(RELEASE / "examples" / "bench_server")
CORES = os.cpu_count() or 1
CLIENT_CORES = str(CORES - 1)
SERVER_CORES = f"0-{CORES - 2}" if CORES > 1 else "0"
# Seconds that a run waits for an idle machine; set from --calm.
CALM = 0.0


def which(name):
    return shutil.which(name, path=f"{TOOLS / 'bin'}:{os.environ['PATH']}")


def install(_):
    packages = [("wrk", "wrk"), ("hey", "hey"), ("h2load", "nghttp2-client"), ("nginx", "nginx-light")]
    missing = [package for program, package in packages if not which(program)]
    if missing:
        subprocess.run(["apt-get", "install", "-y", *missing], check=True)
    if not which("oha"):
        # Without its lock file the build fails.
        subprocess.run(["cargo", "install", "oha", "--locked", "--root", str(TOOLS)], check=True)


def wait_for_calm(limit):
    """Waits until this machine does little else for a moment, for at most this many seconds."""
    deadline = time.time() + limit
    while time.time() < deadline:
        before = [int(number) for number in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
        time.sleep(0.3)
        after = [int(number) for number in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
        spent = [b - a for a, b in zip(before, after)]
        if spent[3] / max(sum(spent), 1) > 0.95:
            return


class Result(dict):
    """What one run of one tool gave, and what it used."""


def run(command, cores=CLIENT_CORES):
    """Runs a tool on its cores; returns its output with the CPU seconds and peak memory that it used."""
    process = subprocess.Popen(
        ["taskset", "-c", cores, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    peak = Peak(process.pid)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command[0]} failed ({process.returncode}): {output[-500:]}")
    return output, Result(cpu=usage.ru_utime + usage.ru_stime, rss=peak.megabytes())


class Peak(threading.Thread):
    """Watches a process's peak memory. (Its resource usage would count this script's, from before its exec.)"""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.status = Path(f"/proc/{pid}/status")
        self.kilobytes = 0
        self.start()

    def run(self):
        while True:
            try:
                found = re.search(r"VmHWM:\s+(\d+)", self.status.read_text())
            except OSError:
                return
            if not found:
                return
            self.kilobytes = int(found[1])
            time.sleep(0.1)

    def megabytes(self):
        self.join()
        return self.kilobytes / 1024


SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


def seconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * SECONDS[unit]


def wrk(url, connections, duration, **_):
    output, result = run(["wrk", "-t1", f"-c{connections}", f"-d{duration}s", "--latency", url])
    result["requests"] = int(re.search(r"(\d+) requests in", output)[1])
    result["rate"] = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])
    return result


def h2load(url, connections, duration, **_):
    output, result = run(["h2load", "--h1", "-t1", f"-c{connections}", f"-D{duration}", url])
    result["requests"] = int(re.search(r"(\d+) succeeded", output)[1])
    result["rate"] = result["requests"] / duration
    return result


def hey(url, connections, duration, rate=None, **_):
    pace = ["-q", str(rate / connections)] if rate else []
    output, result = run(["hey", "-z", f"{duration}s", "-c", str(connections), *pace, url])
    result["rate"] = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])
    result["requests"] = int(result["rate"] * duration)
    for name, percent in [("p50", 50), ("p90", 90), ("p99", 99)]:
        found = re.search(rf"{percent}% in ([\d.]+) secs", output)
        if found:
            result[name] = float(found[1])
    return result


def oha(url, connections, duration, rate=None, corrected=False, **_):
    pace = ["-q", str(rate)] if rate else []
    pace += ["--latency-correction"] if corrected else []
    command = [which("oha"), "-z", f"{duration}s", "-c", str(connections), "--worker-threads", "1", "--no-tui"]
    output, result = run([*command, "--output-format", "json", *pace, url])
    report = json.loads(output)
    result["rate"] = report["summary"]["requestsPerSec"]
    result["requests"] = int(result["rate"] * report["summary"]["total"])
    for name, key in [("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p999", "p99.9")]:
        result[name] = report["latencyPercentiles"][key]
    return result


def loadtest(url, connections, duration, rate=None, profile=None, more=(), **_):
    if profile:
        load = ["--profile", profile]
    elif rate:
        load = ["--rate", str(rate), "--duration", f"{duration}s"]
    else:
        load = ["--closed", "--duration", f"{duration}s"]
    command = [LOADTEST, *load, "--connections", str(connections), "--threads", "1", "--quiet", "--json", "-", *more]
    output, result = run([*command, url])
    report = json.loads(output)["run"]
    started = report["sent"] + report["late"]
    result["requests"] = report["ok"]
    result["rate"] = started / report["planned"]
    result["delivered"] = started / report["scheduled"] if report["scheduled"] else 1.0
    for name in ["p50", "p90", "p99", "p999"]:
        result[name] = report["response"][name] / 1e9
        result["lag_" + name] = report["generator_lag"][name] / 1e9
    result["stages"] = report["stages"]
    return result


def loadtest_hyper(*arguments, **named):
    return loadtest(*arguments, more=("--engine", "hyper"), **named)


def loadtest_slack(*arguments, **named):
    return loadtest(*arguments, more=("--slack", "200us"), **named)


def oha_corrected(*arguments, **named):
    return oha(*arguments, corrected=True, **named)


def available(tools):
    missing = [name for name, _ in tools if name.split("+")[0] in ("wrk", "oha", "hey", "h2load") and not which(name.split("+")[0])]
    if missing:
        print(f"not installed, left out (bench.py install): {', '.join(missing)}", file=sys.stderr)
    return [(name, tool) for name, tool in tools if name not in missing]


class Server:
    """The bundled server, or nginx, on the server's cores."""

    def __init__(self, port, stall=None, nginx=False):
        self.url = f"http://127.0.0.1:{port}/"
        threads = max(1, CORES - 1)
        if nginx:
            folder = TOOLS / "nginx"
            (folder / "logs").mkdir(parents=True, exist_ok=True)
            (folder / "nginx.conf").write_text(
                f"worker_processes {threads}; pid {folder}/pid; error_log {folder}/error.log; daemon off;\n"
                "events { worker_connections 4096; }\n"
                f"http {{ access_log off; keepalive_requests 100000000; server {{ listen 127.0.0.1:{port} reuseport;"
                " location / { return 200 'Hello, world!'; } } }\n"
            )
            command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
        else:
            command = [SERVER, f"127.0.0.1:{port}", str(threads), *map(str, stall or [])]
        self.process = subprocess.Popen(["taskset", "-c", SERVER_CORES, *command], stdout=subprocess.DEVNULL)

    def __enter__(self):
        import socket

        host, port = self.url[7:-1].split(":")
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex((host, int(port))) == 0:
                    return self
            time.sleep(0.05)
        raise RuntimeError("the server does not listen")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def interleave(tools, repeats, measure):
    """Runs every tool in every round, in a random order; returns each tool's results."""
    results = {name: [] for name, _ in tools}
    for number in range(repeats):
        for name, tool in random.sample(tools, len(tools)):
            wait_for_calm(CALM)
            try:
                results[name].append(measure(tool))
            except (RuntimeError, KeyError, TypeError, ValueError) as error:
                print(f"{name}: {error}", file=sys.stderr)
        print(f"round {number + 1} of {repeats} done", file=sys.stderr)
    return results


def median(results, key):
    values = [result[key] for result in results if result.get(key) is not None]
    return statistics.median(values) if values else None


def show(value, form, factor=1.0):
    return "-" if value is None else format(value * factor, form)


def closed(options):
    tools = available([("loadtest", loadtest), ("loadtest+hyper", loadtest_hyper), ("wrk", wrk), ("oha", oha), ("h2load", h2load), ("hey", hey)])
    with Server(18081, nginx=options.nginx) as server:
        for connections in options.connections:
            results = interleave(tools, options.repeats, lambda tool: tool(server.url, connections, options.seconds))
            base = median(results["wrk"], "rate") if results.get("wrk") else None
            print(f"\nclosed loop, one client core, {connections} connections, {'nginx' if options.nginx else 'bundled server'}")
            print(f"{'tool':<16}{'req/s (min-max)':>26}{'x wrk':>8}{'CPU s/1M':>10}{'RSS MB':>8}")
            for name, runs in sorted(results.items(), key=lambda item: -(median(item[1], "rate") or 0)):
                if not runs:
                    continue
                rates = [result["rate"] for result in runs]
                cpu = statistics.median(result["cpu"] * 1e6 / result["requests"] for result in runs)
                rate = f"{median(runs, 'rate'):.0f} ({min(rates):.0f}-{max(rates):.0f})"
                ratio = show(median(runs, "rate") / base if base else None, ".2f")
                print(f"{name:<16}{rate:>26}{ratio:>8}{cpu:>10.1f}{median(runs, 'rss'):>8.1f}")


def paced(options, server, rate, title, truth=None):
    tools = available([("loadtest", loadtest), ("loadtest+slack", loadtest_slack), ("oha+corrected", oha_corrected), ("oha", oha), ("hey", hey)])

    def measure(tool):
        if truth:
            # Two stalls in ten seconds, the last over a second before the end.
            time.sleep((2.0 - time.time() % 5.0) % 5.0)
        return tool(server.url, 64, options.seconds, rate=rate)

    results = interleave(tools, options.repeats, measure)
    print(f"\n{title}, {rate}/s")
    print(f"{'tool':<16}{'sent %':>8}{'p50 ms':>10}{'p90 ms':>10}{'p99 ms':>10}{'p99.9 ms':>10}{'lag p50/p99 us':>16}{'CPU s/1M':>10}{'x oha':>7}{'RSS MB':>8}")
    if truth:
        print(f"{'(truth)':<16}{100:>8.2f}{'':>10}{truth['p90'] * 1e3:>10.1f}{truth['p99'] * 1e3:>10.1f}{truth['p999'] * 1e3:>10.1f}")
    base = statistics.median(result["cpu"] * 1e6 / max(result["requests"], 1) for result in results["oha"]) if results.get("oha") else None
    for name, runs in results.items():
        if not runs:
            continue
        sent = statistics.median(result.get("delivered", result["rate"] / rate) for result in runs)
        lag = "-"
        if median(runs, "lag_p50") is not None:
            lag = f"{median(runs, 'lag_p50') * 1e6:.0f}/{median(runs, 'lag_p99') * 1e6:.0f}"
        cpu = statistics.median(result["cpu"] * 1e6 / max(result["requests"], 1) for result in runs)
        times = "".join(f"{show(median(runs, key), '.3f', 1e3):>10}" for key in ("p50", "p90", "p99", "p999"))
        print(f"{name:<16}{sent * 100:>8.2f}{times}{lag:>16}{cpu:>10.1f}{show(cpu / base if base else None, '.2f'):>7}{median(runs, 'rss'):>8.1f}")
        if truth:
            errors = [(key, median(runs, key)) for key in ("p90", "p99", "p999")]
            print("".join([f"{'  error':<34}"] + [f"{show(value / truth[key] - 1 if value else None, '+.1%'):>10}" for key, value in errors]))


def open_loop(options):
    with Server(18082) as server:
        for rate in options.rates:
            paced(options, server, rate, "open loop, healthy server")
        result = loadtest(server.url, 64, 0, profile="2s@500, 3s:500..4000, 2s@4000, 2s:1000^6000, 1s@100")
        print("\na profile of stages, delivered:")
        for stage in result["stages"]:
            part = stage["started"] / stage["asked"] if stage["asked"] else 1.0
            print(f"  {stage['stage']:<20}{stage['asked']:>8} target{stage['started']:>8} sent{part:>10.3%}")


def stall(options):
    options.seconds = 10
    with Server(18085) as healthy:
        capacity = max(loadtest(healthy.url, 64, 2)["rate"] for _ in range(3))
    print(f"the server and one client core drain {capacity:.0f}/s")
    with Server(18083, stall=(1000, 5000)) as server:
        # What a server that can do this much leaves to be seen after a stall of 1 s in every 5: u seconds after its
        # beginning a request waits 1 - u (1 - rate / capacity), and so do those that arrive while the backlog drains.
        for rate in options.rates:
            truth = {key: stalled(quantile, rate, capacity) for key, quantile in [("p90", 0.9), ("p99", 0.99), ("p999", 0.999)]}
            paced(options, server, rate, "a stall of 1 s in every 5 s", truth)


def stalled(quantile, rate, capacity):
    """The quantile of the response time: L(u) = 1 - u (1 - rate/capacity) falls to 0 over the stall and the drain."""
    share = 1.0 / 5.0
    # P(L > x) = share * (1 - x) / (1 - rate / capacity), until it reaches the whole share of delayed requests.
    return 1.0 - (1.0 - quantile) / share * (1.0 - rate / capacity)


def memory(options):
    with Server(18084) as server:
        for name, connections, rate in [("open loop, 5000/s", 64, 5000), ("closed loop, 512 connections", 512, None)]:
            sizes = []
            for duration in (3, 12):
                result = loadtest(server.url, connections, duration, rate=rate)
                sizes.append(result["rss"])
                print(f"loadtest, {name}: {duration:>3} s, {result['requests']:>8} responses, {result['rss']:.1f} MB")
            print(f"  growth {(sizes[1] / sizes[0] - 1):+.1%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = lambda text: [int(number) for number in text.split(",")]  # noqa: E731
    parser.add_argument("what", choices=["install", "closed", "open", "stall", "memory"])
    parser.add_argument("--repeats", type=int, default=5, help="rounds (5)")
    parser.add_argument("--seconds", type=int, default=3, help="length of a run (3; stall always 10)")
    parser.add_argument("--connections", type=numbers, default=[64, 512], help="for closed (64,512)")
    parser.add_argument("--rates", type=numbers, default=[2000, 10000, 30000], help="for open and stall (2000,10000,30000)")
    parser.add_argument("--nginx", action="store_true", help="nginx as the server of closed")
    parser.add_argument("--calm", type=float, default=0.0, help="seconds that a run may wait for an idle machine (0)")
    options = parser.parse_args()
    global CALM
    CALM = options.calm
    if options.what != "install" and not (Path(LOADTEST).exists() and Path(SERVER).exists()):
        sys.exit("build first: cargo build --release -p loadtest --bin loadtest --example bench_server")
    {"install": install, "closed": closed, "open": open_loop, "stall": stall, "memory": memory}[options.what](options)


if __name__ == "__main__":
    main()
