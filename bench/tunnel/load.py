"""What is done through a tunnel, and the figures that come of it.

iperf3 and wrk load it where they measure what is asked; our own small program does where they do not. Each function
takes an open tunnel and how much to do, and returns figures by name: rates in MB/s or per second, times in
microseconds, seconds of processor for a gigabyte, memory in MB.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.tunnel.contenders import READY, Tunnel
from bench.tunnel.stage import iperf_server, output_of
from tools import processes
from tools.debian import SetupError

MB = 1e6
ANSWER = 128
"""Bytes of an HTTP answer. With longer ones the pauses of `ssh -L`, 40 ms every 100 KB, reach even its plain p99."""
PACE = 2
"""Seconds until a download over a slow link has found its pace."""
SAMPLE = 0.2
"""Seconds between two looks at a process's memory."""
MICROSECONDS = {"us": 1.0, "ms": 1e3, "s": 1e6}

Figures = Mapping[str, float]


@dataclass(frozen=True)
class Amount:
    """How much is done: seconds of each load, pings on an idle tunnel, connections."""

    seconds: int = 2
    pings: int = 20_000
    connections: int = 1_200
    slow_connections: int = 10


FULL = Amount()
QUICK = Amount(1, 1_000, 120, 4)


def download(tunnel: Tunnel, amount: Amount) -> Figures:
    """Load the tunnel from the far end, and take the client's processor time meanwhile."""
    before = tunnel.cpu()
    received = _iperf(tunnel, "-R", "-t", amount.seconds)
    used = tunnel.cpu() - before
    return {"rate": _rate(received), "cpu_per_gb": used / (received["bytes"] / 1e9)}


def upload(tunnel: Tunnel, amount: Amount) -> Figures:
    """Load the tunnel from the near end; what counts is what the far end has received."""
    return {"rate": _rate(_iperf(tunnel, "-t", amount.seconds))}


def slow_download(tunnel: Tunnel, amount: Amount) -> Figures:
    """Load the tunnel from the far end, and count once TCP and the tunnel have found their pace; `early` is before."""
    with iperf_server(tunnel.place):
        command = _iperf_command(tunnel, "-R", "-t", amount.seconds, "-O", PACE)
        report = _report(output_of(command, "iperf3"))
    early = [interval["sum"] for interval in report["intervals"] if interval["sum"]["omitted"]]
    return {"rate": _rate(report["end"]["sum_received"]), "early": sum(each["bytes"] for each in early) / PACE / MB}


def requests(tunnel: Tunnel, amount: Amount) -> Figures:
    """Send HTTP requests one after another on one connection.

    wrk corrects its quantiles for requests that would have been sent during a pause; `plain_p99` is of those sent.
    """
    url = f"http://{tunnel.address}:{tunnel.answer}/{ANSWER}"
    command = [*tunnel.place.near, "wrk", "-t1", "-c1", f"-d{amount.seconds}s", "--latency", url]
    said = output_of(command, "wrk")
    if "Socket errors" in said or "Non-2xx" in said:
        raise SetupError(f"wrk met errors: {said}")
    plain = _ask(tunnel, "requests", amount.connections * 4, ANSWER)
    return {"p50": _percentile(said, 50), "p99": _percentile(said, 99), "plain_p99": plain["p99"]}


def connections(tunnel: Tunnel, amount: Amount) -> Figures:
    """Make new connections one at a time, each with one request."""
    return _ask(tunnel, "connections", amount.connections, 1, ANSWER)


def six_connections(tunnel: Tunnel, amount: Amount) -> Figures:
    """Make new connections six at a time, as browsers do, each with one request."""
    return _ask(tunnel, "connections", amount.connections, 6, ANSWER)


def slow_connections(tunnel: Tunnel, amount: Amount) -> Figures:
    """Make new connections over a slow link, one at a time and six at a time."""
    one = _ask(tunnel, "connections", amount.slow_connections, 1, ANSWER)
    six = _ask(tunnel, "connections", amount.slow_connections * 6, 6, ANSWER)
    return {"one": one["rate"], "six": six["rate"]}


def idle_pings(tunnel: Tunnel, amount: Amount) -> Figures:
    """Send pings on a tunnel that does nothing else."""
    return _ask(tunnel, "pings", amount.pings, 0, 60)


def loaded_pings(tunnel: Tunnel, amount: Amount) -> Figures:
    """Send a ping every 2 ms or so beside a download, once that has had a second to find its pace."""
    return _pings_beside_download(tunnel, amount.seconds, settle=1, pause_us=2000)


def narrow_pings(tunnel: Tunnel, amount: Amount) -> Figures:
    """Send a ping every 20 ms or so beside a download, once that has had time to fill the link's queue."""
    return _pings_beside_download(tunnel, amount.seconds + 1, settle=PACE + 1, pause_us=20_000)


def set_up(tunnel: Tunnel, amount: Amount) -> Figures:  # noqa: ARG001  the opening was all there was to do
    """Tell how long the tunnel took to its first byte."""
    return {"time": tunnel.ready_after * 1e6}


def stalled_readers(tunnel: Tunnel, amount: Amount) -> Figures:  # noqa: ARG001  four are four
    """Open four connections that are sent bytes without end and read none; tell by how much the process has grown."""
    before = tunnel.memory()
    stalling = subprocess.Popen(tunnel.ask("stall", 4), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with stalling:
        assert stalling.stdin is not None
        assert stalling.stdout is not None
        stalling.stdout.readline()
        sizes = [before]
        deadline = time.monotonic() + READY
        while len(sizes) < 6 or len(set(sizes[-5:])) > 1:
            if time.monotonic() > deadline:
                break
            time.sleep(SAMPLE)
            sizes.append(tunnel.memory())
        stalling.stdin.close()
    return {"growth": (max(sizes) - before) / MB}


def _pings_beside_download(tunnel: Tunnel, seconds: int, settle: int, pause_us: int) -> Figures:
    with iperf_server(tunnel.place):
        command = _iperf_command(tunnel, "-R", "-t", settle + seconds + 1)
        loading = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        with loading:
            try:
                time.sleep(settle)
                figures = _ask(tunnel, "pings", 100_000, pause_us, seconds)
                if loading.poll() is not None:
                    raise SetupError("The download ended before the pings did")
                said, _ = loading.communicate(timeout=READY)
            finally:
                processes.kill([loading.pid] if loading.poll() is None else [])
    return {**figures, "rate": _rate(_report(said)["end"]["sum_received"])}


def _ask(tunnel: Tunnel, *words: object) -> dict[str, float]:
    found: dict[str, float] = json.loads(output_of(tunnel.ask(*words), "Our load program"))
    return found


def _iperf(tunnel: Tunnel, *options: object) -> dict[str, Any]:
    with iperf_server(tunnel.place):
        report = _report(output_of(_iperf_command(tunnel, *options), "iperf3"))
    received: dict[str, Any] = report["end"]["sum_received"]
    return received


def _iperf_command(tunnel: Tunnel, *options: object) -> list[str]:
    where = ("-c", tunnel.address, "-p", str(tunnel.iperf))
    return [*tunnel.place.near, "iperf3", *where, "-J", "-l", "1M", *map(str, options)]


def _report(said: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said)
    if "error" in found:
        raise SetupError(f"iperf3: {found['error']}")
    return found


def _rate(received: Mapping[str, Any]) -> float:
    return float(received["bits_per_second"]) / 8 / MB


def _percentile(said: str, percent: int) -> float:
    found = re.search(rf"^\s*{percent}%\s+([\d.]+)(us|ms|s)$", said, re.MULTILINE)
    if found is None:
        raise SetupError(f"wrk told no latencies: {said}")
    return float(found[1]) * MICROSECONDS[found[2]]
