"""srctl as the client of a gateway, through a real SSH server; the gateway itself is a stub that tests can spoil."""

from __future__ import annotations

import functools
import json
import shutil
import signal
import subprocess
import sys
import urllib.request
from contextlib import ExitStack, closing
from pathlib import Path
from typing import cast

import pytest

from srctl.db.ledger import Ledger
from srctl.models import AuditEntry, Host, StartRequest
from srctl.reaching import reach
from srctl.remote import GatewayHost
from srctl.standins import RemoteParts
from srctl.whereabouts import LOST
from tests.cli.test_process import HEAVY, IMPORTED
from tests.integration.gateway_stage import Far, far, gateway_page, gateway_stub
from tests.integration.gateway_stub import CONTAINER, ID, NOW
from tests.integration.ssh_parts import kill_logins
from tools.processes import wait_until
from tools.sshd import Sshd

__all__ = ["far", "gateway_page", "gateway_stub"]


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own URL
        return bytes(answer.read())


def test_sessions_come_back_under_our_name_of_the_gateway(far: Far) -> None:
    [session] = far.srctl.json("ps")
    assert (session["host"], session["url"], session["shared_with"]) == ("lab", None, ["bob"])
    assert "SHARED WITH" in far.srctl.ok("ps").out.upper()


def test_a_session_of_somebody_else_shows_whose_it_is(far: Far) -> None:
    assert "USER" not in far.srctl.ok("ps").out.upper()
    far.set(owner="bob")
    assert "bob" in far.srctl.ok("ps").out


def test_errors_have_the_codes_of_direct_mode(far: Far) -> None:
    ran = far.srctl("session", "show", "123", "-o", "json")
    assert (ran.code, ran.error["code"]) == (3, "not-found")
    far.set(mode="plain")
    assert far.srctl("ps", "--all-users").code == 4


def test_logs_are_printed_as_they_are(far: Far) -> None:
    assert far.srctl.ok("logs", ID).out == "first\nzweite Züge\n"


def test_a_session_is_stopped(far: Far) -> None:
    ran = far.srctl.ok("stop", ID)
    assert (ran.lines, "gone already" in ran.err) == ([ID], True)


def test_sessions_are_shared(far: Far) -> None:
    shared = far.srctl.json("session", "share", ID, "bob", "--for", "2h")
    assert (shared["session_id"], shared["guest"], shared["expires"]) == (ID, "bob", "2030-01-01T02:00:00Z")
    assert far.srctl.json("session", "unshare", ID) == ["bob"]


def test_leftovers_are_cleared(far: Far) -> None:
    assert far.srctl.ok("session", "prune", "--yes").lines == [ID]


def test_administration_works_through_the_gateway(far: Far) -> None:
    srctl = far.srctl
    assert srctl.ok("user", "add", "ann", "bob").lines == ["ann", "bob"]
    assert srctl("user", "add", "bob", "eve").code == 5
    assert [row["name"] for row in srctl.json("user", "list", "--grants")] == ["ann", "bob", "eve"]
    srctl.ok("app", "add", "web", "--no-verify", "--title", "Web")
    grant = srctl.add(
        "grant", "add", "web", "ann", "--allow-view", "--license", "27000@l", "--volume", "/data:/data:ro"
    )
    assert [row["id"] for row in srctl.json("grant", "list")] == [grant]
    assert srctl.ok("grant", "edit", grant[:8], "--volume", "/data:/data:rw").lines == [grant]
    [row] = srctl.json("grant", "list")
    assert (row["policy"]["allow_view"], row["policy"]["license"]) == (True, "27000@l")
    assert srctl.ok("grant", "remove", grant[:8]).lines == [grant]
    assert srctl.ok("user", "remove", "eve", "--yes").lines == ["eve"]
    assert srctl.json("db", "status")["users"] == 2
    assert srctl.json("status")["running_sessions"] == 1
    assert srctl.json("status")["realm"] == "lab"


def test_the_audit_is_listed(far: Far) -> None:
    with closing(Ledger(Path(json.loads(far.setup.read_text())["db"]))) as ledger:
        ledger.note(AuditEntry(NOW, "ann", "SHA256:x", "192.0.2.1", "session.start", "web", "ok"))
    [entry] = far.srctl.json("audit", "list", "--user", "ann", "--since", "2029-12-31")
    assert list(entry) == ["time", "user", "fingerprint", "address", "action", "detail", "result"]
    assert far.srctl.json("audit", "list", "--user", "bob") == []


def test_whoami_tells_whom_the_gateway_knows(far: Far) -> None:
    said = far.srctl.json("whoami")
    assert (said["user"], said["admin"], said["host"]) == ("ann", True, "lab")
    assert said["fingerprint"].startswith("SHA256:")
    assert far.srctl.json("login", "lab") == said


def test_a_host_check_tells_the_version_of_the_engine(far: Far) -> None:
    row = far.srctl.json("host", "check")
    assert (row["version"], row["reachable"], row["url"].startswith("gateway://")) == ("27.0", True, True)


@pytest.mark.parametrize("option", ["--user", "--realm", "--db"])
def test_what_the_gateway_knows_itself_is_not_taken(far: Far, option: str) -> None:
    ran = far.srctl(option, "bob", "ps")
    assert (ran.code, option in ran.err) == (4, True)


def test_one_login_serves_all_of_an_open(far: Far) -> None:
    before = far.sshd.logins()
    with far.home.start("open", "web", "--no-browser", "-o", "json") as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert fetched(said["url"]) == b"hello"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert far.sshd.logins() == before + 1


def test_a_tunnel_in_the_background_lasts_and_restarts(far: Far) -> None:
    row = far.srctl.json("tunnel", "open", "web", "--background")
    assert fetched(row["url"]) == b"hello"
    [again] = far.srctl.json("tunnel", "restart", row["id"])
    assert again == row["id"]
    assert fetched(row["url"]) == b"hello"
    assert far.srctl.json("tunnel", "list")[0]["state"] == "up"
    assert not far.trace.exists()


def test_an_own_tunnel_at_the_port_that_is_asked_for_serves(far: Far) -> None:
    row = far.srctl.json("tunnel", "open", "web", "--background")
    port = str(row["local_port"])
    assert far.srctl.json("tunnel", "open", "web", "--background", "--local-port", port)["id"] == row["id"]


def test_a_tunnel_is_made_again_after_its_connection_was_lost(far: Far) -> None:
    row = far.srctl.json("tunnel", "open", "web", "--background")
    kill_logins(far.sshd)
    wait_until(lambda: far.srctl.json("tunnel", "list")[0]["reconnects"] or None, "the second login")
    assert fetched(row["url"]) == b"hello"
    assert far.srctl.json("tunnel", "list")[0]["id"] == row["id"]


def test_a_connection_that_was_lost_is_made_again_for_the_next_request(far: Far) -> None:
    with ExitStack() as stack:
        host = reach(Host("lab", f"gateway://{far.sshd.user}@box", "config"), 10, None, stack)
        assert host.version() == "27.0"
        kill_logins(far.sshd)
        wait_until(lambda: not host.link.alive or None, "the loss")
        assert host.version() == "27.0"


def test_a_tunnel_ends_with_its_session(far: Far) -> None:
    row = far.srctl.json("tunnel", "open", "web", "--background")
    far.set(gone=True)
    kill_logins(far.sshd)
    wait_until(lambda: far.srctl.json("tunnel", "list")[0]["state"] == "down" or None, "the tunnel's end")
    assert far.srctl.json("tunnel", "list")[0]["cause"] == f"Session {row['session_id']} {LOST}"


def test_leave_that_was_taken_back_is_said(far: Far) -> None:
    far.permit(1)
    far.set(owner="bob")
    ran = far.srctl("open", "web", "--no-browser")
    assert (ran.code, "does not lead you" in ran.err) == (4, True)


def test_leave_that_is_newer_than_the_login_is_used_unnoticed(far: Far) -> None:
    far.permit(1)
    far.set(owner="bob")
    with ExitStack() as stack:
        url = f"gateway://{far.sshd.user}@box"
        host = cast("GatewayHost", reach(Host("lab", url, "config"), 10, None, stack))
        first = host.link
        far.permit(far.port)
        started = RemoteParts(host).joiner(lambda _: None).bring(StartRequest("web"))
        assert host.link is not first
        assert not first.alive
        assert host.container(CONTAINER).id == CONTAINER
        host.link.open_tcp(started.page.address, started.page.port).close()


@pytest.mark.parametrize(
    ("mode", "code", "words"),
    [
        ("banner", 6, "no srctl gateway"),
        ("newer", 8, "Upgrade srctl on this machine"),
        ("older", 8, "Upgrade srctl on the gateway lab"),
    ],
)
def test_what_does_not_fit_is_said(far: Far, mode: str, code: int, words: str) -> None:
    far.set(mode=mode)
    ran = far.srctl("ps")
    assert (ran.code, words in ran.err) == (code, True), ran.err


def test_an_end_in_the_middle_of_a_request_is_a_lost_connection(far: Far) -> None:
    far.set(mode="cut")
    ran = far.srctl("start", "web")
    assert (ran.code, "was lost" in ran.err) == (6, True)


def test_ctrl_c_takes_a_start_back(far: Far) -> None:
    far.set(mode="stall")
    with far.home.start("start", "web") as process:
        wait_until(lambda: far.trace.exists() or None, "the start")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    wait_until(lambda: far.trace.read_text() == "undone" or None, "the start's end")


def test_an_account_without_commands_is_no_gateway(far: Far, sshd: Sshd) -> None:
    far.home.add_ssh_config(sshd.client_config("shell"))
    ran = far.srctl("ps", "--host", f"gateway://{sshd.user}@shell")
    assert (ran.code, "no srctl gateway" in ran.err) == (6, True)


def test_the_client_needs_neither_engine_nor_database(far: Far) -> None:
    command = (sys.executable, "-c", IMPORTED)
    run = functools.partial(subprocess.run, env=far.home.env, text=True, capture_output=True, timeout=60, check=True)
    for argv in (["ps"], ["stop", ID], ["user", "list"], ["whoami"]):
        ran = run([*command, *argv])
        assert not {"docker", "sqlalchemy", "alembic", "requests", "rich"} & set(ran.stderr.splitlines()[-1].split())
    assert {"docker", "sqlalchemy"} <= HEAVY


class TestLogin:
    """`srctl login` for somebody whom the gateway does not know."""

    @pytest.fixture
    def stranger(self, far: Far) -> Far:
        far.permitted.write_text("")
        return far

    def test_the_key_to_send_is_printed(self, stranger: Far) -> None:
        assert "srctl login lab" in stranger.srctl("ps").err
        ran = stranger.srctl("login", "lab")
        assert ran.code == 4
        assert "srctl user key add YOUR-NAME FILE" in ran.err
        assert ran.lines == [(stranger.sshd.folder / "user_key.pub").read_text().strip()]

    def test_without_a_key_one_is_to_be_made(self, stranger: Far) -> None:
        config = stranger.home.path / ".ssh/config"
        config.write_text(config.read_text().replace(str(stranger.sshd.identity), "/nowhere/key"))
        ran = stranger.srctl("login", "lab")
        assert (ran.code, "ssh-keygen" in ran.err) == (3, True)

    def test_an_unknown_host_key_is_said(self, stranger: Far) -> None:
        config = stranger.home.path / ".ssh/config"
        config.write_text(config.read_text().replace(str(stranger.sshd.known_hosts), "/dev/null"))
        ran = stranger.srctl("login", "lab")
        assert (ran.code, "host key" in ran.err.lower()) == (6, True)

    def test_another_kind_of_host_is_refused(self, far: Far) -> None:
        assert far.srctl("login", "ssh://box").code == 2
        assert far.srctl("login", "nobody").code == 3


class TestWhatAGatewayDoesNotDo:
    """Commands that are about the machine that they run on."""

    def test_its_database_is_not_made_from_here(self, far: Far) -> None:
        for command in (("db", "init"), ("db", "upgrade"), ("quickstart", "web")):
            ran = far.srctl(*command)
            assert (ran.code, far.srctl.database.exists()) == (8, False), ran

    def test_a_database_that_is_named_is_one_of_this_machine(self, far: Far, tmp_path: Path) -> None:
        far.srctl.ok("--db", str(tmp_path / "own.db"), "db", "init")
        assert far.srctl.json("--db", str(tmp_path / "own.db"), "db", "status")["users"] == 0
        shutil.rmtree(tmp_path / "own.db", ignore_errors=True)
