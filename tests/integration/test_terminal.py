"""srctl on a real terminal: what it asks, what it draws, and in which state it leaves the screen."""

from __future__ import annotations

import re
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

import pytest

from tests.fakes import WEB
from tests.integration.conftest import Deployment
from tests.integration.ssh_parts import keygen
from tests.terminal import Terminal, terminal
from tools.processes import wait_until
from tools.sshd import Sshd

UNKNOWN = "The authenticity of host '{}' can't be established."
FINGERPRINT = re.compile(r"ED25519 key fingerprint is SHA256:[A-Za-z0-9+/]{43}\.")
SURE = "Are you sure you want to continue connecting (yes/no"


@pytest.fixture
def remote(deployment: Deployment, sshd: Sshd) -> str:
    """The deployment's engine by SSH, as a URL."""
    deployment.home.add_ssh_config(sshd.client_config("lab"))
    return f"ssh://lab{deployment.engine.socket}"


@pytest.fixture
def screen(deployment: Deployment) -> Iterator[Terminal]:
    with terminal(deployment.home, deployment.env, width=200) as screen:
        yield screen


def status_line(screen: Terminal, *words: str) -> str:
    """Return the line that tells how the tunnel stands, once it has these words."""

    def look() -> str | None:
        lines = [line for line in screen.screen() if "127.0.0.1:" in line and " in all" in line]
        assert len(lines) < 2
        return next((line for line in lines if all(word in line for word in words)), None)

    return wait_until(look, f"a status with {words}")


def test_open_shows_how_it_stands_in_one_line_and_the_url_alone_as_data(
    deployment: Deployment, remote: str, screen: Terminal
) -> None:
    screen.run("open", WEB, "--no-browser", "--host", remote, data_elsewhere=True)
    before = status_line(screen, "0 in all", " 0 B in, 0 B out")
    [url] = wait_until(lambda: [line for line in screen.screen("data") if line], "the address")
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - on loopback
        assert answer.status == 200
    wait_until(lambda: " 0 B in" not in status_line(screen, "1 in all"), "the numbers")
    after = status_line(screen, "1 in all")
    assert before.split()[0] == after.split()[0] == url.split("/")[2]
    screen.press("C-c")
    assert screen.end() == 0
    assert screen.sane
    [note] = [line for line in screen.left if line.replace("^C", "")]
    assert "the session runs on" in note
    assert screen.screen("data") == [url]


def test_a_terminal_that_is_closed_ends_open(deployment: Deployment, remote: str, sshd: Sshd) -> None:
    with terminal(deployment.home, deployment.env) as screen:
        screen.run("open", WEB, "--no-browser", "--host", remote)
        [url] = [line for line in screen.wait_for("in all") if line.startswith("http")]
    port = urlsplit(url).port
    assert port is not None
    wait_until(lambda: refused(port), "the tunnel to end")
    assert len(deployment.ok("ps", "-q").lines) == 1


def asked_times(screen: Terminal, number: int) -> bool:
    return "\n".join(screen.screen()).count("Enter passphrase") == number


def refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_table_fits_on_a_narrow_terminal(deployment: Deployment) -> None:
    session = deployment.start()
    with terminal(deployment.home, deployment.env, width=40) as screen:
        screen.run("ps", "--all-users")
        assert screen.end() == 0
        head, row = screen.left
    assert head.startswith("ID")
    assert row.startswith(session["id"][:12])
    assert "  TITLE" in head
    assert "  Te" in row
    assert max(len(head), len(row)) <= 40


def test_a_host_that_nobody_knows_is_asked_about_and_no_is_no(
    deployment: Deployment, remote: str, sshd: Sshd, screen: Terminal
) -> None:
    known = deployment.home.path / "known_hosts"
    deployment.home.add_ssh_config(sshd.client_config("new", {"UserKnownHostsFile": str(known)}))
    screen.run("start", WEB, "--host", remote.replace("ssh://lab", "ssh://new"))
    asked = screen.wait_for(SURE)
    assert asked[0] == UNKNOWN.format(f"[127.0.0.1]:{sshd.port}")
    assert FINGERPRINT.fullmatch(asked[1])
    screen.type("no")
    assert screen.end() == 6
    assert "was not accepted" in screen.left[3]
    assert not known.exists()
    assert deployment.containers() == []


def test_a_host_that_is_accepted_is_remembered_and_used(
    deployment: Deployment, remote: str, sshd: Sshd, screen: Terminal
) -> None:
    known = deployment.home.path / "known_hosts"
    deployment.home.add_ssh_config(sshd.client_config("new", {"UserKnownHostsFile": str(known)}))
    screen.run("start", WEB, "--host", remote.replace("ssh://lab", "ssh://new"))
    screen.wait_for(SURE)
    screen.type("yes")
    assert screen.end() == 0
    assert screen.left[3:] == deployment.ok("ps", "-q").lines
    assert sshd.known_hosts.read_text().split()[2] in known.read_text().split()


@pytest.fixture
def locked(deployment: Deployment, remote: str, sshd: Sshd) -> Iterator[str]:
    """The engine by SSH, as a URL, with a key that has the passphrase `sesame`."""
    key = keygen(deployment.home.path / "locked", passphrase="sesame")
    authorized = sshd.folder / "authorized_keys"
    before = authorized.read_text()
    authorized.write_text(before + key.with_suffix(".pub").read_text())
    deployment.home.add_ssh_config(sshd.client_config("locked", {"IdentityFile": str(key)}))
    yield remote.replace("ssh://lab", "ssh://locked")
    authorized.write_text(before)


def test_a_passphrase_is_asked_for_once_and_nothing_is_drawn_over_the_question(
    deployment: Deployment, locked: str, screen: Terminal
) -> None:
    screen.run("open", WEB, "--no-browser", "--host", locked)
    question = f"Enter passphrase for key '{deployment.home.path}/locked':"
    [asked] = screen.wait_for("Enter passphrase")
    assert asked.rstrip() == question
    screen.type("sesame")
    first, second, third = screen.wait_for("in all")
    assert first.rstrip() == question
    assert second.startswith("http://127.0.0.1:")
    assert " in all" in third
    screen.press("C-c")
    assert screen.end() == 0
    assert screen.sane


def test_a_question_in_the_middle_of_a_start_is_asked_on_a_clear_line(
    deployment: Deployment, locked: str, screen: Terminal
) -> None:
    certificates = deployment.engine.certificates
    assert certificates is not None
    way, url = locked.removesuffix(deployment.engine.socket), f"tcp://127.0.0.1:{deployment.engine.port}"
    deployment.ok("host", "add", "farm", url, "--tls", str(certificates.client), "--ssh", way)
    screen.run("start", WEB, "--host", "farm")
    [asked] = [line for line in screen.wait_for("Enter passphrase") if line]
    assert asked.startswith("Enter passphrase for key ")
    screen.type("sesame")
    assert screen.end() == 0
    assert screen.left[-1:] == deployment.ok("ps", "-q").lines
    assert screen.sane


@pytest.mark.parametrize(("answers", "reason"), [([""], "no passphrase was given"), (["x", "y", "z"], "was wrong")])
def test_without_the_right_passphrase_it_ends_and_says_so(
    locked: str, screen: Terminal, answers: list[str], reason: str
) -> None:
    screen.run("ps", "--host", locked)
    for number, answer in enumerate(answers, 1):
        wait_until(partial(asked_times, screen, number), f"question {number}")
        screen.type(answer)
    assert screen.end() == 6
    assert reason in "".join(screen.left)
    assert screen.sane


@pytest.mark.parametrize("question", ["passphrase", "host key"])
def test_ctrl_c_at_a_question_ends_at_once_and_leaves_a_sane_terminal(
    deployment: Deployment, locked: str, remote: str, sshd: Sshd, screen: Terminal, question: str
) -> None:
    known = deployment.home.path / "known_hosts"
    deployment.home.add_ssh_config(sshd.client_config("new", {"UserKnownHostsFile": str(known)}))
    screen.run("ps", "--host", locked if question == "passphrase" else remote.replace("ssh://lab", "ssh://new"))
    screen.wait_for("Enter passphrase" if question == "passphrase" else SURE)
    screen.press("C-c")
    assert screen.end() == 130
    assert screen.sane
    assert [line for line in screen.left if line][-1] == "srctl: Interrupted"
    assert not known.exists()


@pytest.mark.parametrize("question", ["passphrase", "host key"])
def test_without_a_terminal_nothing_is_asked_and_the_way_out_is_named(
    deployment: Deployment, locked: str, remote: str, sshd: Sshd, question: str
) -> None:
    known = deployment.home.path / "known_hosts"
    deployment.home.add_ssh_config(sshd.client_config("new", {"UserKnownHostsFile": str(known)}))
    result = deployment(
        "ps", "--host", locked if question == "passphrase" else remote.replace("ssh://lab", "ssh://new")
    )
    assert (result.code, result.out) == (6, "")
    assert ("no terminal" if question == "passphrase" else "ssh-keyscan") in result.err
    assert not known.exists()


@pytest.mark.parametrize(("answer", "code", "left"), [("n", 1, 1), ("y", 0, 0)])
def test_removing_a_user_is_asked_about(
    deployment: Deployment, screen: Terminal, answer: str, code: int, left: int
) -> None:
    screen.run("user", "remove", "ann")
    screen.wait_for("Remove ann with all grants and keys? [y/N]")
    screen.type(answer)
    assert screen.end() == code
    assert deployment.ok("user", "list", "-q").lines.count("ann") == left
    assert len(deployment.ok("grant", "list", "-q").lines) == left


def test_a_person_who_came_by_ssh_is_told_how_to_get_there_from_the_laptop(deployment: Deployment, sshd: Sshd) -> None:
    came = {"SSH_CONNECTION": "192.0.2.7 51000 192.0.2.1 22"}
    account = subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()
    with terminal(deployment.home, deployment.env | came) as screen:
        screen.run("open", WEB)
        screen.wait_for("directly")
        text = "".join(screen.screen())
        [session] = deployment.ok("ps", "-o", "json").json
        screen.press("C-c")
        assert screen.end() == 0
    port = session["port"]
    assert f"ssh -L {port}:127.0.0.1:{port} {account}@192.0.2.1" in text
