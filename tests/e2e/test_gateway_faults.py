"""What a gateway does when its parts fail: clear errors, nothing left behind, no process that outlives its client."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from srctl.labels import RUNINFO
from tests.e2e.gateway_day import HOST, Gate, Person, gateway_in, page
from tests.fakes import WEB
from tools.debian import SetupError
from tools.lab import Lab
from tools.machine import VENV, Machine
from tools.processes import wait_until

SLOW = ("start", WEB, "--env", "MODE=never", "--timeout", "120")
"""A start that goes on until it is given up."""

DATABASE = "/var/lib/srctl/srctl.db"


@pytest.fixture(scope="module")
def gate(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A gateway with one administrator, who may start the test page."""
    with gateway_in(lab, tmp_path_factory.mktemp("people")) as made:
        made.admin.ok("grant", "add", WEB, "boss")
        yield made


@pytest.fixture
def boss(gate: Gate) -> Iterator[Person]:
    """The administrator; what is started is gone afterwards, and so is every process of the forced command."""
    yield gate.admin
    gate.admin.srctl("tunnel", "close", "--all")
    for each in gate.admin.json("ps", "--all"):
        gate.admin.ok("stop", each["id"])
    nobody_is_left(gate.machine)


def commands(machine: Machine) -> dict[int, str]:
    """Return the processes of the service account in the machine that are not sshd's, with what they run."""
    listed = machine.ok("ps", "-e", "-o", "pid=,user=,args=").splitlines()
    rows = [line.split(None, 2) for line in listed]
    return {int(pid): args for pid, owner, args in rows if owner == "srctl" and not args.startswith("sshd")}


def nobody_is_left(machine: Machine, limit: float = 20) -> None:
    """Wait until no process of the forced command is left."""
    try:
        wait_until(lambda: not commands(machine), "the end of the forced commands", limit=limit)
    except SetupError as error:
        raise AssertionError(f"{error}: {commands(machine)}") from error


def containers(machine: Machine) -> list[str]:
    """Return the names of the sessions' containers, whatever their state."""
    with machine.engine.client() as client:
        return [each["Names"][0] for each in client.containers(all=True, filters={"label": [f"{RUNINFO}user=boss"]})]


SSHD = re.compile("sshd(-session)?: srctl")
"""What a process of the account's connections calls itself; the longer name from OpenSSH 9.8 on."""


def connections(machine: Machine) -> list[int]:
    """Return sshd's processes in the machine that hold the account's connections."""
    listed = machine.ok("ps", "-e", "-o", "pid=,user=,args=").splitlines()
    rows = [line.split(None, 2) for line in listed]
    return [int(pid) for pid, owner, args in rows if owner == "srctl" and SSHD.match(args)]


@contextmanager
def starting(boss: Person, gate: Gate) -> Iterator[subprocess.Popen[str]]:
    """Give a client whose start is in progress: its container is there."""
    process = boss.home.start(*SLOW, "-o", "json")
    with process:
        try:
            wait_until(lambda: containers(gate.machine) or None, "the container")
            yield process
        finally:
            process.kill()


class TestInTheMiddleOfAStart:
    """The start is undone, and nobody works on for a client who is gone."""

    def test_the_connection_is_killed(self, gate: Gate, boss: Person) -> None:
        with starting(boss, gate) as client:
            for pid in connections(gate.machine):
                gate.machine.ok("kill", "-KILL", str(pid))
            _, said = client.communicate(timeout=30)
            assert client.returncode == 6, said
        error = json.loads(said)["error"]
        assert (error["code"], "lost" in error["message"]) == ("unreachable", True)
        wait_until(lambda: not containers(gate.machine), "the end of the container")
        nobody_is_left(gate.machine)

    def test_sshd_is_restarted(self, gate: Gate, boss: Person) -> None:
        """Whoever is in stays in, as with any restart of sshd; the next login goes to the new one."""
        with starting(boss, gate) as client:
            gate.machine.stop_sshd()
            gate.machine.start_sshd()
            assert boss.json("whoami")["user"] == "boss"
            assert client.poll() is None
            client.send_signal(signal.SIGINT)
            client.communicate(timeout=30)
            assert client.returncode == 130
        wait_until(lambda: not containers(gate.machine), "the end of the container")

    def test_everything_of_sshd_is_killed(self, gate: Gate, boss: Person) -> None:
        with starting(boss, gate) as client:
            pids = gate.machine.ok("sh", "-c", "ps -e -o pid=,comm= | grep sshd | while read pid _; do echo $pid; done")
            gate.machine.ok("kill", "-KILL", *pids.split())
            try:
                _, said = client.communicate(timeout=30)
                assert client.returncode == 6, said
                assert boss.srctl("ps").returncode == 6
            finally:
                gate.machine.ok("rm", "-f", "/run/sshd.pid")
                gate.machine.start_sshd()
        wait_until(lambda: not containers(gate.machine), "the end of the container")
        nobody_is_left(gate.machine)

    def test_the_client_is_killed(self, gate: Gate, boss: Person) -> None:
        with starting(boss, gate) as client:
            client.kill()
            client.wait()
        wait_until(lambda: not containers(gate.machine), "the end of the container")
        nobody_is_left(gate.machine)
        assert ("session.start", "interrupted") in gate.audit("boss")

    def test_the_forced_command_is_killed(self, gate: Gate, boss: Person) -> None:
        """Nobody can undo that start, so the person is told where to look, and the container is seen and stopped."""
        with starting(boss, gate) as client:
            [pid] = [pid for pid, words in commands(gate.machine).items() if "srctl.gateway" in words]
            gate.machine.ok("kill", "-KILL", str(pid))
            _, said = client.communicate(timeout=30)
            assert client.returncode == 6, said
        [row] = boss.json("ps", "--all")
        assert boss.ok("stop", row["id"]) == row["id"]


class TestTheEngineIsRestarted:
    """Under a tunnel through the gateway."""

    def test_a_session_that_runs_again_keeps_its_slot(self, gate: Gate, boss: Person) -> None:
        session = boss.ok("start", WEB)
        before = boss.json("session", "show", session)
        url = boss.json("tunnel", "open", session, "--background")["url"]
        assert page(url) == 200
        gate.machine.stop_engine()
        assert boss.srctl("ps").returncode == 6
        gate.machine.start_engine()
        with gate.machine.engine.client() as client:
            client.start(before["container_id"])
        after = boss.json("session", "show", session)
        assert (after["address"], after["port"]) == (before["address"], before["port"])
        [row] = wait_until(
            lambda: [each for each in boss.json("tunnel", "list") if each["state"] in ("up", "down")] or None, "the end"
        )
        if row["state"] == "up":
            wait_until(lambda: answers(url) or None, "the page")
        else:
            assert "stopped" in row["last_error"] or "ended" in row["last_error"], row

    def test_a_session_that_is_over_is_told(self, gate: Gate, boss: Person) -> None:
        session = boss.ok("start", WEB)
        boss.json("tunnel", "open", session, "--background")
        gate.machine.stop_engine()
        gate.machine.start_engine()
        rows = wait_until(lambda: [each for each in boss.json("tunnel", "list") if each["state"] == "down"], "the end")
        assert rows[0]["last_error"]
        assert boss.json("session", "show", session)["status"] == "exited"
        assert boss.srctl("open", session, "--no-browser").returncode != 0


def answers(url: str) -> bool:
    """Tell whether a page is there."""
    try:
        return page(url) == 200
    except OSError:
        return False


FILL = "head -c 100m /dev/zero >/var/lib/srctl/filler 2>/dev/null; rm -f /var/lib/srctl/.probe; true"
MOUNT = """
cp -a /var/lib/srctl /run/kept
mount -t tmpfs -o size=1m,mode=700 srctl /var/lib/srctl
cp -a /run/kept/. /var/lib/srctl/
chown --reference=/run/kept /var/lib/srctl
"""
UNMOUNT = """
rm -f /var/lib/srctl/filler
cp -a /var/lib/srctl/. /run/kept/
umount /var/lib/srctl
cp -a /run/kept/. /var/lib/srctl/
rm -rf /run/kept
"""


@pytest.fixture(scope="class")
def full(gate: Gate) -> Iterator[Gate]:
    """The gateway with a database on a small disk that is full."""
    gate.machine.ok("sh", "-ec", MOUNT)
    try:
        gate.machine.ok("sh", "-c", FILL)
        yield gate
    finally:
        gate.machine.ok("sh", "-ec", UNMOUNT)


class TestTheDiskOfTheDatabaseIsFull:
    """People are told, what was there stays, and all works again once there is space."""

    def test_people_can_still_log_in_and_see_who_they_are(self, full: Gate) -> None:
        assert full.admin.json("whoami")["user"] == "boss"
        done = full.admin.ssh(HOST, "whoami", "-o", "json")
        assert json.loads(done.stdout)["user"] == "boss", done.stderr
        seen = full.admin.srctl("ps")
        assert (seen.returncode, "full" in seen.stderr) == (1, True), seen.stderr

    def test_a_change_is_refused_with_the_reason(self, full: Gate) -> None:
        done = full.admin.srctl("user", "add", "zoe", "-o", "json")
        assert done.returncode == 1
        [error] = json.loads(done.stderr).get("errors") or [json.loads(done.stderr)["error"]]
        assert "full" in error["message"], error
        assert "Traceback" not in done.stderr

    def test_all_works_again_once_there_is_space(self, full: Gate) -> None:
        full.machine.ok("rm", "/var/lib/srctl/filler")
        assert full.admin.ok("user", "list", "-q").split() == ["boss"]
        assert full.admin.ok("user", "add", "zoe") == "zoe"
        assert {"boss", "zoe"} <= set(full.admin.ok("user", "list", "-q").split())
        check = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchall())"
        said = full.machine.ok(f"{VENV}/bin/python", "-I", "-c", check, DATABASE, user="srctl")
        assert said.strip() == "[('ok',)]"
        full.admin.ok("user", "remove", "zoe", "--yes")


PATIENCE = 3
CHATTER = "yes what nobody reads | head -c 30000000 >/proc/1/fd/1"


@pytest.fixture(scope="class")
def chatty(gate: Gate) -> Iterator[str]:
    """A session with a long log, at a gateway that is patient for `PATIENCE` seconds only."""
    stream = gate.machine.ok("sh", "-c", f"ls {VENV}/lib/python3*/site-packages/srctl/gateway/stream.py").strip()
    gate.machine.ok("sed", "-i", f"s/^STALLED = .*/STALLED = {PATIENCE}.0/", stream)
    session = gate.admin.ok("start", WEB)
    container = gate.admin.json("session", "show", session)["container_id"]
    with gate.machine.engine.client() as client:
        run = client.exec_create(container, ["busybox", "sh", "-c", CHATTER])
        client.exec_start(run["Id"])
        assert client.exec_inspect(run["Id"])["ExitCode"] == 0
    yield session
    gate.admin.ok("stop", session)
    gate.machine.ok("sed", "-i", "s/^STALLED = .*/STALLED = 60.0/", stream)


class TestAClientThatReadsNothing:
    """It is given up, and no process waits for it."""

    def test_of_ssh(self, gate: Gate, chatty: str) -> None:
        for more in ([], ["-f"]):
            with subprocess.Popen(
                gate.admin.ssh_command(HOST, "logs", chatty, *more),
                env=gate.admin.home.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
            ) as client:
                wait_until(lambda: commands(gate.machine), "the forced command")
                nobody_is_left(gate.machine, limit=PATIENCE + 15)
                client.kill()

    def test_of_srctl(self, gate: Gate, chatty: str) -> None:
        client = gate.admin.home.start("logs", chatty, "-f")
        with client:
            assert client.stdout is not None
            assert client.stdout.read(100)
            client.send_signal(signal.SIGSTOP)
            try:
                nobody_is_left(gate.machine, limit=PATIENCE + 15)
            finally:
                client.kill()
