"""What of the gateway is compared with what."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from subprocess import PIPE
from urllib.request import urlopen

from bench.gateway.crowd import SPREAD
from bench.gateway.people import database, key, question
from bench.gateway.stage import GATE, REALM, RIVAL, SESSIONS, WEB, Gate, Stage
from bench.measure import Case, Run, timed
from srctl import labels
from srctl.hosts.engine import DockerHost
from srctl.models import Host
from srctl.reaching import reach
from srctl.remote import GatewayHost
from srctl.standins import RemoteParts
from tools.clean_home import PROGRAM
from tools.machine import VENV

MANY, FEW = 10_000, 10
PEOPLE = 50
POLL = 0.02
"""Seconds between two tries of whoever polls with curl."""

AT_ONCE = 10
"""Requests of which the mean is taken: one alone is too short."""

SERVERS_IMPORTS = "import argparse, dataclasses, inspect, json, hashlib, shlex, sqlite3, syslog, tomllib, urllib.parse"
"""What the forced command can't do without for `whoami`."""

CLIENTS_IMPORTS = "import typer, paramiko, pydantic"
CALLS_IMPORTS = "import docker, pydantic, sqlalchemy"
"""What `open` can't do without, here and there."""


def keys_command(stage: Stage) -> Iterator[Case]:
    """Compare what each login pays for sshd's question among many people with the same among few, and with nothing."""
    folder = stage.folder("gateway-keys")
    many, few = (database(folder / str(people), people) for people in (MANY, FEW))
    asked = [timed(question(path, key(7))) for path in (many, few)]
    title = f"keys command, {MANY:,} users with 2 keys each"
    yield Case(f"{title} / {FEW} users", asked[0], asked[1], 1.2, 41)
    unknown = [timed(question(path, key(-1))) for path in (many, few)]
    yield Case(f"{title}, a key that nobody has / {FEW} users", unknown[0], unknown[1], 1.2, 41)
    yield Case(f"{title} / Python alone", asked[0], timed(["/usr/bin/python3", "-ISE", "-c", ""]), 2.5, 41)


def login(stage: Stage) -> Iterator[Case]:
    """Compare a login that asks who one is with one to an account whose key stands in its authorized_keys."""
    gate = stage.gate
    ours = timed(gate.ssh(GATE, "whoami"))
    python = f"{VENV}/bin/python -I -c '{SERVERS_IMPORTS}'"
    title = "`ssh srctl@host whoami`"
    yield Case(f"{title} / `ssh user@host` + imports", ours, timed(gate.ssh(f"{RIVAL}@{GATE}", python)), 1.2, 25)
    yield Case(f"{title} / `ssh user@host true`", ours, timed(gate.ssh(f"{RIVAL}@{GATE}", "true")), 3.0, 25)


def request(stage: Stage) -> Iterator[Case]:
    """Compare a list of sessions on a live channel, through SSH, with direct mode's question on the same engine."""
    gate = stage.gate
    gate.fill()
    try:
        engine = DockerHost(Host("engine", gate.machine.engine.url, "flag"), None)
        wanted = labels.selector(REALM, "ada")
        with closing(engine), _live(gate) as parts:
            assert len(parts.sessions.find()) == len(engine.containers(wanted)) == SESSIONS
            ours, alone = _mean(parts.sessions.find), _mean(lambda: engine.containers(wanted))
            yield Case(f"`session.list` of {SESSIONS} on a live channel / the engine alone", ours, alone, 1.3, 25)
    finally:
        gate.empty()


def opening(stage: Stage) -> Iterator[Case]:
    """Compare `open` of a session that runs, until the first byte of its page, with `ssh -L` and curl."""
    gate = stage.gate
    gate.srctl("start", WEB)
    try:
        [row] = json.loads(gate.srctl("ps", "-o", "json"))
        alone = _by_hand(gate, f"{row['address']}:{row['port']}", f"{row['url_path']}/")
        imports = timed([sys.executable, "-c", CLIENTS_IMPORTS], gate.home.env)
        both = _by_hand(gate, f"{row['address']}:{row['port']}", f"{row['url_path']}/", CALLS_IMPORTS)
        title = "`open` until the first byte"
        ours = _opened(gate)
        yield Case(f"{title} / each side's imports + `ssh -L` + curl", ours, lambda: imports() + both(), 1.3, 15)
        yield Case(f"{title} / the client's imports + `ssh -L` + curl", ours, lambda: imports() + alone(), 1.3, 15)
        yield Case(f"{title} / `ssh -L` + curl", ours, alone, 3.0, 15)
    finally:
        gate.empty()


GROUPS = {"keys": keys_command, "login": login, "request": request, "open": opening}


@dataclass(frozen=True)
class Crowded:
    """How many of a crowd were lost; the slowest login, in seconds; and how often sshd hung up on somebody."""

    people: int
    lost: int
    median: float
    slowest: float
    dropped: int
    errors: tuple[str, ...]

    def line(self) -> str:
        """Return a sentence."""
        told = f"{self.people} people within {SPREAD:g} s: {self.lost} lost; in after {self.median:.1f} s (median) and "
        told += f"{self.slowest:.1f} s (the last); sshd hung up {self.dropped} times on somebody who came again"
        return "\n".join([told, *self.errors])


def crowd(stage: Stage) -> Crowded:
    """Let `PEOPLE` log in within one second, at sshd's own `MaxStartups`."""
    gate = stage.gate
    names = [f"person{number}" for number in range(PEOPLE)]
    gate.add_people(names)
    before = gate.machine.sshd.log.lower().count("maxstartups")
    command = [sys.executable, "-m", "bench.gateway.crowd", *(f"{GATE}-{name}" for name in names)]
    done = subprocess.run(command, env=gate.home.env, stdout=PIPE, text=True, check=True)
    said = json.loads(done.stdout)
    times = [each["took"] for each in said if each["error"] is None]
    errors = tuple(each["error"] for each in said if each["error"] is not None)
    dropped = gate.machine.sshd.log.lower().count("maxstartups") - before
    return Crowded(PEOPLE, len(errors), statistics.median(times), max(times), dropped, errors)


@contextmanager
def _live(gate: Gate) -> Iterator[RemoteParts]:
    """Give the use cases as a client has them that is logged in."""
    with ExitStack() as stack, _environment(gate):
        host = reach(Host("gw", f"gateway://srctl@{GATE}", "flag"), 30.0, None, stack)
        assert isinstance(host, GatewayHost)
        yield RemoteParts(host)


@contextmanager
def _environment(gate: Gate) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(gate.home.env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _mean(call: Callable[[], object]) -> Run:
    def run() -> float:
        begun = time.perf_counter()
        for _ in range(AT_ONCE):
            call()
        return (time.perf_counter() - begun) / AT_ONCE

    return run


def _opened(gate: Gate) -> Run:
    command = [str(PROGRAM), "--host", "gw", "open", WEB, "--no-browser"]

    def run() -> float:
        begun = time.perf_counter()
        with subprocess.Popen(command, env=gate.home.env, stdout=PIPE, stderr=PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            url = process.stdout.readline().strip()
            assert url, process.stderr.read()
            with urlopen(url, timeout=10) as answer:
                answer.read(1)
            taken = time.perf_counter() - begun
            process.terminate()
        return taken

    return run


def _by_hand(gate: Gate, where: str, path: str, imports: str | None = None) -> Run:
    """Return what leads a port to a session and asks for its page, once the far end has imported something."""
    forward = ("-L", f"127.0.0.1:18889:{where}")
    python = f"{VENV}/bin/python -I -c '{imports}; print(1, flush=True); input()'"
    command = gate.ssh("-N", *forward, GATE) if imports is None else gate.ssh(*forward, f"{RIVAL}@{GATE}", python)

    def run() -> float:
        begun = time.perf_counter()
        with subprocess.Popen(command, env=gate.home.env, stdin=PIPE, stdout=PIPE) as ssh:
            assert ssh.stdout is not None
            assert imports is None or ssh.stdout.readline() == b"1\n"
            curl = ["curl", "-sf", "-o", "/dev/null", f"http://127.0.0.1:18889{path}"]
            while subprocess.run(curl, check=False).returncode:
                assert time.perf_counter() - begun < 30, "it never answered"
                time.sleep(POLL)
            taken = time.perf_counter() - begun
            ssh.terminate()
        return taken

    return run
