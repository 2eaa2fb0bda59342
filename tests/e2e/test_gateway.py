"""A day of three people at a gateway: real sshd, real installation, real containers, srctl and plain ssh."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.gateway_day import HOST, Gate, Person, ends_within, gateway_in, listening, page, reaches
from tests.fakes import WEB
from tests.integration.gateway.installed import install
from tests.terminal import terminal
from tools.lab import Lab
from tools.machine import VENV
from tools.ports import free_port
from tools.processes import wait_until


@pytest.fixture(scope="module")
def gate(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A gateway with one administrator and the test page."""
    with gateway_in(lab, tmp_path_factory.mktemp("people")) as made:
        yield made


@pytest.fixture(scope="module")
def alice(gate: Gate) -> Person:
    """Somebody who may start the test page and let others open it."""
    made = gate.welcome("alice")
    gate.admin.ok("grant", "add", WEB, "alice", "--allow-view")
    return made


@pytest.fixture(scope="module")
def bob(gate: Gate) -> Person:
    """Somebody who may start the test page."""
    made = gate.welcome("bob")
    gate.admin.ok("grant", "add", WEB, "bob")
    return made


@pytest.fixture
def session(alice: Person) -> Iterator[str]:
    """A session of alice's."""
    started = alice.ok("start", WEB)
    yield started
    alice.srctl("tunnel", "close", "--all")
    alice.srctl("stop", started)


def slot(owner: Person, session: str) -> str:
    """Return where a session is reached on the gateway's host, `ADDRESS:PORT`."""
    row = owner.json("session", "show", session)
    return f"{row['address']}:{row['port']}"


def test_a_person_starts_opens_sees_and_stops(gate: Gate, alice: Person) -> None:
    assert alice.json("whoami")["user"] == "alice"
    [offer] = alice.json("session", "available")
    assert (offer["image"], offer["image_present"]) == (WEB, True)
    url = alice.json("tunnel", "open", WEB, "--background")["url"]
    assert page(url) == 200
    [row] = alice.json("ps")
    assert (row["user"], row["host"], row["granted"], row["url"]) == ("alice", "lab", True, None)
    assert alice.ok("logs", row["id"]) == f"starting for alice at {row['url_path']}/"
    assert alice.ok("tunnel", "close", "--all")
    assert alice.ok("stop", row["id"]) == row["id"]
    assert alice.json("ps", "--all") == []
    actions = gate.audit("alice")
    assert ("session.open", "ok") in actions
    assert ("session.stop", "ok") in actions


def test_one_login_serves_requests_and_the_tunnel(gate: Gate, alice: Person, session: str) -> None:
    before = gate.machine.sshd.log.count("Accepted publickey")
    process = alice.home.start("open", session, "--no-browser", "-o", "json")
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert page(said["url"]) == 200
        assert gate.machine.sshd.log.count("Accepted publickey") == before + 1
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0


def test_others_see_and_reach_nothing_until_it_is_shared(alice: Person, bob: Person, session: str) -> None:
    where = slot(alice, session)
    assert bob.json("ps") == []
    assert bob.srctl("session", "show", session).returncode == 3
    assert bob.srctl("stop", session).returncode == 3
    assert bob.srctl("open", session, "--no-browser").returncode == 3
    port = free_port()
    with bob.forward("-L", f"{port}:{where}"):
        listening(port)
        assert not reaches(port)
    alice.ok("session", "share", session, "bob", "--for", "1h")
    assert alice.json("session", "show", session)["shared_with"] == ["bob"]
    assert [row["user"] for row in bob.json("ps")] == ["alice"]
    assert page(bob.json("tunnel", "open", session, "--background")["url"]) == 200
    assert bob.srctl("stop", session).returncode == 4
    assert bob.srctl("logs", session).returncode == 4
    bob.ok("tunnel", "close", "--all")


def test_a_share_that_is_taken_back_ends_the_guests_forward_and_no_other(
    gate: Gate, alice: Person, bob: Person, session: str
) -> None:
    where = slot(alice, session)
    alice.ok("session", "share", session, "bob")
    own, guests = free_port(), free_port()
    with alice.forward("-L", f"{own}:{where}") as owner, bob.forward("-L", f"{guests}:{where}") as guest:
        listening(own)
        listening(guests)
        assert reaches(own)
        assert reaches(guests)
        alice.ok("session", "unshare", session, "bob")
        assert ends_within(guest, 20)
        assert reaches(own)
        assert owner.poll() is None
    with bob.forward("-L", f"{guests}:{where}"):
        listening(guests)
        assert not reaches(guests)


PASSING = """
import sqlite3
with sqlite3.connect("/var/lib/srctl/srctl.db") as database:
    database.execute("UPDATE shares SET expires = '2026-01-01 00:00:00.000000'")
"""
"""Lets the time of all shares be over."""


def test_a_share_that_has_expired_ends_with_the_next_reap(gate: Gate, alice: Person, bob: Person, session: str) -> None:
    where, port = slot(alice, session), free_port()
    alice.ok("session", "share", session, "bob", "--for", "1h")
    with bob.forward("-L", f"{port}:{where}") as live:
        listening(port)
        assert reaches(port)
        assert gate.admin.json("reap") == []
        gate.machine.ok("python3", "-c", PASSING, user="srctl")
        assert [row["action"] for row in gate.admin.json("reap")] == ["unshare"]
        assert ends_within(live, 20)
    assert bob.json("ps") == []


def test_a_removed_grant_ends_the_forward_and_closes_the_slot(gate: Gate, bob: Person, alice: Person) -> None:
    grant = gate.admin.ok("grant", "add", WEB, "bob", "--allow-home")
    session = bob.ok("start", grant)
    where, port = slot(bob, session), free_port()
    with bob.forward("-L", f"{port}:{where}") as live:
        listening(port)
        assert reaches(port)
        gate.admin.ok("grant", "remove", grant)
        assert ends_within(live, 20)
    with bob.forward("-L", f"{port}:{where}"):
        listening(port)
        assert not reaches(port)
    assert bob.srctl("open", session, "--no-browser").returncode == 4
    assert bob.ok("stop", session) == session


def test_an_isolated_session_by_a_group_is_reached_until_its_member_leaves(gate: Gate, bob: Person) -> None:
    gate.admin.ok("group", "add", "lab")
    gate.admin.ok("group", "join", "lab", "bob")
    grant = gate.admin.ok("grant", "add", WEB, "@lab", "--network", "isolated", "--max-sessions", "1")
    session = bob.ok("start", grant)
    where, port = slot(bob, session), free_port()
    with gate.machine.engine.client() as client:
        container = bob.json("session", "show", session)["container_id"]
        asked = client.exec_create(container, ["sh", "-c", f"nc -w 2 {gate.machine.address} 22 </dev/null"])
        assert b"SSH" not in client.exec_start(asked["Id"])
    with bob.forward("-L", f"{port}:{where}") as live:
        listening(port)
        assert reaches(port)
        gate.admin.ok("group", "leave", "lab", "bob")
        assert ends_within(live, 20)
    with bob.forward("-L", f"{port}:{where}"):
        listening(port)
        assert not reaches(port)
    assert bob.srctl("start", grant).returncode == 3
    assert bob.ok("stop", session) == session
    gate.admin.ok("group", "remove", "lab", "--yes")


def test_a_way_to_a_shared_session_never_leads_to_a_later_one(gate: Gate, alice: Person, bob: Person) -> None:
    shared, own = (gate.admin.ok("grant", "add", WEB, "alice", *more) for more in (["--allow-view"], ["--allow-home"]))
    first = alice.ok("start", shared)
    where, port = slot(alice, first), free_port()
    alice.ok("session", "share", first, "bob")
    with bob.forward("-L", f"{port}:{where}") as live:
        listening(port)
        assert reaches(port)
        with gate.machine.engine.client() as client:
            client.kill(alice.json("session", "show", first)["container_id"])
        alice.ok("session", "prune", "--yes")
        gate.admin.ok("grant", "remove", shared)  # and the share with it
        second = alice.ok("start", own)
        try:
            assert slot(alice, second) == where
            assert ends_within(live, 20)
        finally:
            alice.ok("stop", second)
            gate.admin.ok("grant", "remove", own)
            gate.admin.ok("grant", "add", WEB, "alice", "--allow-view")


def test_a_disabled_user_is_out_at_once_and_others_stay(gate: Gate, alice: Person, bob: Person, session: str) -> None:
    theirs = bob.ok("start", WEB)
    ports = free_port(), free_port()
    with (
        alice.forward("-L", f"{ports[0]}:{slot(alice, session)}") as hers,
        bob.forward("-L", f"{ports[1]}:{slot(bob, theirs)}"),
    ):
        for port in ports:
            listening(port)
            assert reaches(port)
        gate.admin.ok("user", "disable", "alice")
        try:
            assert ends_within(hers, 20)
            assert reaches(ports[1])
            assert alice.ssh(HOST, "whoami").returncode == 255
            assert alice.srctl("ps").returncode == 6
        finally:
            gate.admin.ok("user", "enable", "alice")
    assert alice.json("ps")[0]["id"] == session
    bob.ok("stop", theirs)


def test_a_removed_key_ends_what_was_made_with_it(gate: Gate) -> None:
    carol = gate.welcome("carol")
    [key] = gate.admin.json("user", "key", "list", "carol")
    with carol.forward() as live:
        wait_until(lambda: carol.ssh(HOST, "whoami").returncode == 0, "the login")
        gate.admin.ok("user", "key", "remove", "carol", key["fingerprint"])
        assert ends_within(live, 20)
    assert carol.ssh(HOST, "whoami").returncode == 255


def end_connections(gate: Gate, name: str) -> None:
    """End somebody's connections, as an outage would."""
    user_id = gate.admin.json("user", "show", name)["id"]
    program = (
        "from pathlib import Path; from srctl.logins.revocation import Revocation;"
        f"Revocation(Path('/var/lib/srctl/logins')).end(user_ids=[{user_id}])"
    )
    gate.machine.ok(f"{VENV}/bin/python", "-I", "-c", program, user="srctl")


def test_a_tunnel_outlives_its_connection(gate: Gate, alice: Person, session: str) -> None:
    row = alice.json("tunnel", "open", session, "--background")
    assert page(row["url"]) == 200
    end_connections(gate, "alice")
    [again] = wait_until(
        lambda: [each for each in alice.json("tunnel", "list") if each["reconnects"] and each["state"] == "up"] or None,
        "the tunnel to be back",
    )
    assert page(again["url"]) == 200


def test_people_with_nothing_but_ssh(gate: Gate, alice: Person) -> None:
    assert "start APP" in alice.ssh(HOST, "help").stdout
    done = alice.ssh(HOST, "start", WEB)
    assert done.returncode == 0, done.stderr
    session = done.stdout.strip()
    assert f"srctl@{gate.machine.sshd.host}" in done.stderr
    [row] = json.loads(alice.ssh(HOST, "ps", "-o", "json").stdout)
    where = f"{row['address']}:{row['port']}"
    through_w = alice.ssh("-W", where, HOST, stdin=f"GET {row['url_path']}/ HTTP/1.0\r\n\r\n")
    assert through_w.stdout.startswith("HTTP/1.")
    port = free_port()
    with alice.forward("-D", str(port)):
        listening(port)
        assert socks(port, row["address"], row["port"])
        assert not socks(port, "127.0.0.1", 22)
    assert alice.ssh(HOST, "stop", session).stdout.strip() == session
    assert alice.ssh(HOST, "frobnicate").returncode == 2


def socks(port: int, address: str, target: int) -> bool:
    """Tell whether a SOCKS 4 proxy leads to an address."""
    import socket

    with socket.create_connection(("127.0.0.1", port), timeout=30) as proxy:
        proxy.sendall(b"\x04\x01" + target.to_bytes(2, "big") + socket.inet_aton(address) + b"\x00")
        answer = proxy.recv(8)
        if answer[1:2] != b"\x5a":
            return False
        proxy.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return proxy.recv(1) != b""


def test_somebody_unknown_is_told_what_is_missing(gate: Gate) -> None:
    stranger = gate.person("stranger")
    done = stranger.srctl("login", "lab")
    assert done.returncode != 0
    assert stranger.public_key.read_text().split()[1] in done.stdout + done.stderr
    assert stranger.srctl("ps").returncode == 6


def test_a_key_that_could_not_be_tried_is_not_said_to_be_unknown(gate: Gate) -> None:
    locked = gate.welcome("forgetful")
    change = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", str(locked.public_key.with_suffix(""))]
    subprocess.run(change, check=True, capture_output=True)
    done = locked.srctl("login", "lab")
    assert done.returncode == 4, done.stderr
    assert "needs a passphrase" in done.stderr
    assert "it does not know them" not in done.stderr


def test_a_plain_user_administers_nothing(gate: Gate, bob: Person) -> None:
    for words in (
        ("user", "add", "eve"),
        ("user", "list"),
        ("grant", "list"),
        ("app", "add", "evil", "--no-verify"),
        ("audit", "list"),
        ("ps", "--all-users"),
        ("start", WEB, "--pull", "always"),
        ("--user", "alice", "ps"),
        ("--realm", "other", "ps"),
    ):
        assert bob.srctl(*words).returncode == 4, words


def test_a_container_cannot_reach_another_ones(gate: Gate, alice: Person, bob: Person, session: str) -> None:
    theirs = bob.ok("start", WEB)
    row = bob.json("session", "show", theirs)
    with gate.machine.engine.client() as client:
        hers = alice.json("session", "show", session)["container_id"]
        address = client.inspect_container(row["container_id"])["NetworkSettings"]["Networks"]["srctl"]["IPAddress"]
        for target in (f"http://{address}:8888/", f"http://{row['address']}:{row['port']}/"):
            run = client.exec_create(hers, ["busybox", "timeout", "3", "wget", "-q", "-O", "-", target])
            client.exec_start(run["Id"])
            assert client.exec_inspect(run["Id"])["ExitCode"] != 0, target
    bob.ok("stop", theirs)


def test_firewall_rules_keep_local_accounts_out(gate: Gate, alice: Person, session: str) -> None:
    where = slot(alice, session)
    assert gate.machine.run("curl", "-sS", "-m", "5", f"http://{where}/", user="nobody").returncode == 0
    install(gate.machine, "--firewall")
    try:
        assert gate.machine.run("curl", "-sS", "-m", "5", f"http://{where}/", user="nobody").returncode != 0
        port = free_port()
        with alice.forward("-L", f"{port}:{where}"):
            listening(port)
            assert reaches(port)
        assert page(alice.json("tunnel", "open", session, "--background")["url"]) == 200
    finally:
        install(gate.machine, "--no-firewall")


def test_the_screen_is_the_same_through_a_gateway(alice: Person, bob: Person) -> None:
    with terminal(alice.home, width=100, height=30) as screen:
        screen.run("tui")
        screen.wait_for("alice on lab ● up", "Nothing runs for you")
        screen.press("2")
        screen.wait_for("Test page", "✓ there")
        screen.press("Enter")
        screen.wait_for("can be opened in a browser at", "http://127.0.0.1:")
        [tunnel] = alice.json("tunnel", "list")
        assert page(tunnel["url"]) == 200
        screen.press("q")
        screen.press("1")
        screen.wait_for("● running", f"⇄ up :{tunnel['local_port']}")
        screen.press("h")
        screen.wait_for("Share Test page", "session share")
        screen.type("bob")
        screen.wait_for("bob can open Test page as long as it runs", "with bob")
        assert [each["user"] for each in bob.json("ps")] == ["alice"]
        screen.press("H")
        screen.wait_for("Take back Test page", "Open to bob")
        screen.press("Enter")
        screen.wait_for("not open to them any more: bob")
        assert bob.json("ps") == []
        screen.wait_for("% of a core")
        alice.srctl("stop", tunnel["session_id"])
        screen.wait_for("Nothing runs for you")
        alice.srctl("start", WEB)
        screen.wait_for("● running")
        screen.press("s")
        screen.wait_for("Stop Test page and remove its container?")
        screen.press("y")
        screen.wait_for("Nothing runs for you")
        assert alice.json("ps", "--all") == []
        screen.press("q")
        screen.wait_for("[exit ")
    alice.srctl("tunnel", "close", "--all")


LISTEN = """
import os, socket
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
    log.bind("/dev/log")
    os.chmod("/dev/log", 0o666)
    print("listening", flush=True)
    while True:
        print(log.recv(8192).decode(), flush=True)
"""
"""What a syslog daemon does, as far as it matters here."""


def test_the_audit_goes_to_syslog_too(gate: Gate, alice: Person) -> None:
    command = gate.machine.command(f"{VENV}/bin/python", "-I", "-c", LISTEN)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        try:
            assert daemon.stdout is not None
            assert daemon.stdout.readline() == "listening\n"
            assert alice.ssh(HOST, "id").returncode == 2
            said = next(line for line in daemon.stdout if "srctl-gateway" in line)
        finally:
            daemon.kill()
            gate.machine.ok("rm", "-f", "/dev/log")
    entry = json.loads(said[said.index("{") :])
    assert (entry["user"], entry["action"], entry["detail"], entry["result"]) == ("alice", "words", "id", "usage")
    assert entry["fingerprint"].startswith("SHA256:")


def test_what_is_left_of_the_day_is_written_down(gate: Gate, tmp_path: Path) -> None:
    rows = gate.admin.json("audit", "list", "--since", "1h")
    assert {"boss", "alice", "bob"} <= {row["user"] for row in rows}
    assert all(row["address"] and row["fingerprint"] for row in rows)
    assert [row for row in rows if row["user"] == "bob" and row["result"] == "not-allowed"]
