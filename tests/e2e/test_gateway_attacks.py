"""Attacks on a gateway by people who may log in: each is refused by sshd or by us, and nothing is reached.

What sshd refuses by itself stands in sshd's log; what our forced command is asked stands in the audit.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.gateway_day import HOST, Gate, Person, gateway_in, listening, reaches
from tests.fakes import WEB
from tools.lab import Lab
from tools.ports import free_port


@pytest.fixture(scope="module")
def gate(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A gateway with one administrator and the test page."""
    with gateway_in(lab, tmp_path_factory.mktemp("people")) as made:
        yield made


@pytest.fixture(scope="module")
def victim(gate: Gate) -> Person:
    """Somebody with a session."""
    made = gate.welcome("victim")
    gate.admin.ok("grant", "add", WEB, "victim", "--allow-view")
    made.ok("start", WEB)
    return made


@pytest.fixture(scope="module")
def mallory(gate: Gate, victim: Person) -> Person:
    """Somebody who may log in, has a session of his own, and wants more."""
    made = gate.welcome("mallory")
    gate.admin.ok("grant", "add", WEB, "mallory")
    made.ok("start", WEB)
    return made


@pytest.fixture(scope="module")
def target(victim: Person) -> tuple[str, int]:
    """Where the victim's session is."""
    [row] = victim.json("ps")
    return row["address"], row["port"]


@pytest.fixture(scope="module")
def own(mallory: Person) -> tuple[str, int]:
    """Where mallory's session is."""
    [row] = mallory.json("ps")
    return row["address"], row["port"]


def test_the_own_session_is_reached(mallory: Person, own: tuple[str, int]) -> None:
    port = free_port()
    with mallory.forward("-L", f"{port}:{own[0]}:{own[1]}"):
        listening(port)
        assert reaches(port)


SPELLINGS = [
    "{address}:{port}",
    "{integer}:{port}",
    "0x{hexadecimal}:{port}",
    "[::ffff:{address}]:{port}",
    "{short}:{port}",
    "localhost:{port}",
    "0.0.0.0:{port}",
    "127.0.0.1:22",
    "localhost:22",
    "[::1]:22",
    "{own}:22",
    "{own}:20033",
    "{own}:20000",
    "{container}:8888",
    "169.254.169.254:80",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_other_address_is_reached_however_it_is_spelt(
    gate: Gate, mallory: Person, target: tuple[str, int], own: tuple[str, int], spelling: str
) -> None:
    packed = socket.inet_aton(target[0])
    with gate.machine.engine.client() as client:
        found = client.containers(filters={"label": ["eu.simphony-project.docker.runinfo.user=victim"]})
        container = found[0]["NetworkSettings"]["Networks"]["srctl"]["IPAddress"]
    where = spelling.format(
        address=target[0],
        integer=int.from_bytes(packed, "big"),
        hexadecimal=packed.hex(),
        short=f"127.{int.from_bytes(packed[1:], 'big')}",
        port=target[1],
        own=own[0],
        container=container,
    )
    done = mallory.ssh("-W", where, HOST, stdin="GET / HTTP/1.0\r\n\r\n")
    assert done.stdout == ""
    assert done.returncode != 0
    assert "prohibited" in done.stderr or "Bad stdio forwarding" in done.stderr or "failed" in done.stderr


@pytest.mark.parametrize("path", ["/var/run/docker.sock", "/run/docker.sock", "/var/lib/srctl/x.sock"])
def test_no_unix_socket_is_reached(mallory: Person, path: str) -> None:
    port = free_port()
    with mallory.forward("-L", f"{port}:{path}"):
        listening(port)
        assert not reaches(port, "/version")


REQUESTS = {
    "remote port": ["-R", "127.0.0.1:0:127.0.0.1:22"],
    "remote port everywhere": ["-R", "0.0.0.0:18022:127.0.0.1:22"],
    "remote SOCKS": ["-R", "18023"],
    "remote unix socket": ["-R", "/tmp/evil.sock:127.0.0.1:22"],
    "tunnel device": ["-w", "any:any"],
}


@pytest.mark.parametrize("options", REQUESTS.values(), ids=list(REQUESTS))
def test_nothing_is_made_to_listen_on_the_host(gate: Gate, mallory: Person, options: list[str]) -> None:
    before = listeners(gate)
    done = mallory.ssh("-o", "ExitOnForwardFailure=yes", *options, HOST, "whoami")
    assert done.returncode != 0
    assert "mallory" not in done.stdout
    assert listeners(gate) <= before
    assert gate.machine.run("test", "-e", "/tmp/evil.sock").returncode != 0


def listeners(gate: Gate) -> set[str]:
    """Return the listening TCP ports of the machine."""
    text = gate.machine.ok("sh", "-c", "cat /proc/net/tcp /proc/net/tcp6")
    return {words[1] for line in text.splitlines() if (words := line.split())[3:4] == ["0A"]}


def test_no_terminal_is_given(mallory: Person) -> None:
    for words in (["whoami"], []):
        done = mallory.ssh("-tt", HOST, *words, stdin="id\n")
        assert "PTY allocation request failed" in done.stderr
        assert "uid=" not in done.stdout
    assert "start APP" in mallory.ssh(HOST).stdout  # help, and no shell


def test_no_agent_and_no_display_is_forwarded(gate: Gate, mallory: Person) -> None:
    agent = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    values = dict(part.split("=", 1) for part in agent.replace("\n", "").split(";") if "=" in part)
    try:
        env = mallory.home.env | {"SSH_AUTH_SOCK": values["SSH_AUTH_SOCK"], "DISPLAY": ":7"}
        command = mallory.ssh_command("-v", "-A", "-X", "-o", "ForwardX11Trusted=yes", HOST, "whoami", "-o", "json")
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
        assert json.loads(done.stdout) == {"user": "mallory", "admin": False}
        found = gate.machine.run("sh", "-c", "ls -d /tmp/ssh-*; ls /tmp/.X11-unix")
        assert "/tmp/ssh-" not in found.stdout
    finally:
        subprocess.run(["kill", values["SSH_AGENT_PID"]], check=True)


def test_the_environment_is_not_taken_over(gate: Gate, mallory: Person) -> None:
    names = (
        "LD_PRELOAD",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "SRCTL_CONFIG",
        "SRCTL_USER",
        "BASH_ENV",
        "LC_ALL",
        "SSH_USER_AUTH",
    )
    evil = dict.fromkeys(names, "/tmp/evil") | {"SRCTL_USER": "victim"}
    options = [word for name in names for word in ("-o", f"SendEnv={name}")]
    sets = [word for name in names for word in ("-o", f"SetEnv={name}=/tmp/evil")][:2]
    command = mallory.ssh_command(*options, *sets, HOST, "whoami", "-o", "json")
    done = subprocess.run(command, env=mallory.home.env | evil, capture_output=True, text=True, timeout=30, check=False)
    assert json.loads(done.stdout) == {"user": "mallory", "admin": False}


@pytest.mark.parametrize(
    "words",
    [
        ["sftp", "{options}", HOST],
        ["scp", "{options}", "/etc/hostname", f"{HOST}:/tmp/evil"],
        ["scp", "-O", "{options}", "/etc/hostname", f"{HOST}:/tmp/evil"],
        ["scp", "{options}", f"{HOST}:/etc/passwd", "{folder}/stolen"],
    ],
    ids=["sftp", "scp", "old scp", "scp from there"],
)
def test_no_file_is_transferred(gate: Gate, mallory: Person, tmp_path: Path, words: list[str]) -> None:
    config = str(mallory.home.path / ".ssh" / "config")
    command: list[str] = []
    for word in words:
        command += ["-F", config, "-o", "BatchMode=yes"] if word == "{options}" else [word.format(folder=tmp_path)]
    done = subprocess.run(
        command, env=mallory.home.env, input="ls\n", capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode != 0
    assert not (tmp_path / "stolen").exists()
    assert gate.machine.run("test", "-e", "/tmp/evil").returncode != 0


def test_rsync_and_subsystems_do_nothing(mallory: Person) -> None:
    assert mallory.ssh(HOST, "rsync", "--server", "-vlogDtprze.iLsfxC", ".", "/tmp").returncode == 2
    for name in ("sftp", "netconf", "../../bin/sh"):
        assert mallory.ssh("-s", HOST, name).returncode != 0


@pytest.mark.parametrize(
    "line",
    [
        "id",
        "ps; id",
        "$(id)",
        "`id`",
        "ps\nid",
        "ps && id",
        "ps | id",
        "sh -c id",
        "/opt/srctl/bin/srctl-keys",
        "bash -i",
    ],
)
def test_no_shell_reads_the_command(mallory: Person, line: str) -> None:
    done = mallory.ssh(HOST, line)
    assert "uid=" not in done.stdout + done.stderr
    assert done.returncode == 2


EXEC = """
import sys
from srctl.tunnel.connection import SSHConnection

with SSHConnection.connect("ssh://gate") as connection:
    channel = connection.exec(sys.stdin.read())
    print(channel.recv(1000).decode())
"""


def test_a_command_with_a_nul_in_it_is_not_run(gate: Gate, mallory: Person) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EXEC],
        env=mallory.home.env,
        input="whoami\0-o json",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "mallory" not in done.stdout
    assert mallory.ssh(HOST, "whoami").returncode == 0


def test_other_accounts_are_not_reached_by_the_key(gate: Gate, mallory: Person) -> None:
    for account in ("root", "nobody", "daemon"):
        assert mallory.ssh("-l", account, HOST, "id").returncode == 255


def test_other_ways_to_log_in_are_refused(gate: Gate, mallory: Person) -> None:
    methods = "password,keyboard-interactive,hostbased,none,gssapi-with-mic"
    done = mallory.ssh("-o", f"PreferredAuthentications={methods}", "-o", "PubkeyAuthentication=no", HOST, "whoami")
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr


def test_the_same_key_in_another_form_is_the_same_person(gate: Gate, mallory: Person, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(mallory.public_key.with_suffix("").read_bytes())
    copy.chmod(0o600)
    done = mallory.ssh("-i", str(copy), HOST, "whoami", "-o", "json")
    assert json.loads(done.stdout)["user"] == "mallory"
    taken = gate.admin.srctl("user", "key", "add", "victim", str(mallory.public_key))
    assert taken.returncode == 5


def test_weak_keys_are_not_registered(gate: Gate, mallory: Person, tmp_path: Path) -> None:
    weak = tmp_path / "weak"
    made = subprocess.run(
        ["ssh-keygen", "-q", "-t", "rsa", "-b", "1024", "-N", "", "-f", str(weak)], capture_output=True, check=False
    )
    assert made.returncode == 0
    done = gate.admin.srctl("user", "key", "add", "mallory", f"{weak}.pub")
    assert (done.returncode, "2048" in done.stderr) == (2, True)


def test_a_users_sessions_and_grants_are_not_guessed(mallory: Person, victim: Person) -> None:
    [row] = victim.json("ps")
    for words in (("stop", row["id"]), ("session", "show", row["id"]), ("logs", row["id"]), ("open", row["id"])):
        assert mallory.srctl(*words).returncode == 3, words
    assert mallory.srctl("start", row["grant_id"]).returncode in (3, 4)
    assert mallory.srctl("session", "share", row["id"], "mallory").returncode == 3
    assert victim.json("ps")[0]["id"] == row["id"]


def test_a_replaced_command_that_others_may_write_is_not_run(gate: Gate, mallory: Person) -> None:
    command = "/opt/srctl/bin/srctl-keys"
    gate.machine.ok("chmod", "0777", command)
    try:
        assert mallory.ssh(HOST, "whoami").returncode == 255
        found = {
            row["check"]
            for row in json.loads(gate.machine.srctl("gateway", "check", "-o", "json").stdout)
            if not row["ok"]
        }
        assert found
    finally:
        gate.machine.ok("chmod", "0755", command)
    assert mallory.ssh(HOST, "whoami").returncode == 0


def test_what_was_tried_is_written_down(gate: Gate, mallory: Person) -> None:
    mallory.ssh(HOST, "id")
    assert ("words", "usage") in gate.audit("mallory")
    mallory.ssh("-W", "127.0.0.1:22", HOST)
    assert "to connect to host 127.0.0.1 port 22, but the request was denied" in gate.machine.sshd.log
