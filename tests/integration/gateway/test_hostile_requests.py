"""What a hostile client may say to the forced command: nothing is done, and it is written down."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srctl.calls import CALLS, LONGEST_LINE
from srctl.config import KEYS
from srctl.errors import SrctlError, UsageError
from srctl.gateway import words
from srctl.gateway.api import _parsed
from srctl.slots import SLOTS
from tests.fakes import WEB
from tests.integration.gateway.gatehouse import Channel, Gatehouse, new_key

LINES = {
    "shell": "ps; id",
    "substitution": "ps $(id)",
    "pipe": "ps | sh",
    "newline": "ps\nid",
    "carriage return": "ps\rid",
    "escape": "ps \x1b]0;x\x07",
    "quote": "ps '",
    "path": "/bin/sh",
    "sftp": "internal-sftp",
    "sftp server": "/usr/lib/openssh/sftp-server",
    "scp": "scp -t /tmp",
    "rsync": "rsync --server -e.LsfxC . /tmp",
    "git": "git-upload-pack 'x'",
    "api with words": "api ps",
    "api in capitals": "API",
    "option": "--config /etc/passwd ps",
    "help option": "--help",
    "abbreviation": "ps --al",
    "admin verb": "user add eve",
    "long": "ps " + "x" * 10_000,
    "unicode": "ps \u202e",
    "dunder": "__init__",
    "private": "reached x",
    "no value": "start x --env=--",
    "no value for a setting": "start x --set=--",
    "no value for a time": "share x bob --for=--",
    "no value for a number": "logs x --tail=--",
    "no value for a format": "ps --output=--",
}


@pytest.mark.parametrize("line", LINES.values(), ids=list(LINES))
def test_a_command_line_that_is_not_in_the_list_does_nothing(gate: Gatehouse, line: str) -> None:
    before = sorted(path.name for path in gate.folder.iterdir())
    done = gate.run("alice", line)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "uid=" not in done.stderr
    assert "\x1b" not in done.stderr
    assert gate.audit("alice") == [("words", "usage")]
    assert sorted(path.name for path in gate.folder.iterdir() if path.name != "auth-alice") == before


def test_no_command_shows_help(gate: Gatehouse) -> None:
    for line in (None, "", "help"):
        done = gate.run("alice", line)
        assert (done.returncode, done.stdout) == (0, words.HELP)


@pytest.mark.parametrize(
    "info",
    [
        None,
        "",
        "publickey",
        "publickey ssh-ed25519",
        "publickey ssh-ed25519 !!!!",
        "password",
        pytest.param(f"publickey {new_key()}", id="a key of nobody"),
    ],
)
def test_a_login_without_a_key_of_somebody_is_refused(gate: Gatehouse, info: str | None) -> None:
    gate.auth_info["alice"] = info
    assert gate.run("alice", "whoami").returncode == 4
    assert [result for _, result in gate.audit()] == ["not-allowed"]


def test_the_key_decides_and_nothing_else(gate: Gatehouse) -> None:
    environment = gate.environment("bob", "whoami -o json")
    assert "alice" not in environment.values()
    done = gate.run("bob", "whoami -o json")
    assert json.loads(done.stdout) == {"user": "bob", "admin": False}


def test_telling_who_one_is_imports_little(gate: Gatehouse) -> None:
    python, *rest = gate.command()
    command = [python, "-X", "importtime", *rest]
    told = subprocess.run(
        command, env=gate.environment("bob", "whoami -o json"), capture_output=True, text=True, timeout=60, check=True
    )
    loaded = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines() if line.startswith("import time")}
    assert "srctl.gateway.words" in loaded
    assert not loaded & {
        "srctl.models",
        "srctl.wire",
        "srctl.needs",
        "srctl.calls",
        "pydantic",
        "sqlalchemy",
        "docker",
        "typer",
    }


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"1",
        b'"x"',
        b"{}",
        b'{"id": 1}',
        b'{"id": -1, "call": "session.list"}',
        b'{"id": true, "call": "session.list"}',
        b'{"id": "1", "call": "session.list"}',
        b'{"id": 1, "call": "session.list", "user": "alice"}',
        b"[" * 100_000,
        b'{"id": 1, "call": ' + b"[" * 100_000,
        b"\xff\xfe",
        b"\x00" * 100,
        b'{"id": 1e999, "call": "x"}',
    ],
)
def test_a_line_that_is_no_request_ends_the_channel(gate: Gatehouse, alice: Channel, line: bytes) -> None:
    alice.raw(line + b"\n")
    assert alice.hear()["error"]["code"] == "usage"
    assert alice.hear() == {}
    assert alice.process.wait(60) == 2
    assert gate.audit("alice") == [("api", "ok"), ("api", "usage")]


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("no.such", {}),
        ("__class__", {}),
        ("sessions", {}),
        (None, {}),
        (["session.list"], {}),
        ("session.list", None),
        ("session.list", []),
        ("session.list", {"user": "bob"}),
        ("session.list", {"stopped": "perhaps"}),
        ("session.show", {}),
        ("session.show", {"prefix": 7}),
        ("session.show", {"prefix": {"$ne": 1}}),
        ("session.start", {"request": {"app": WEB, "realm": "other"}}),
        ("session.start", {"request": {"app": WEB, "timeout": float("nan")}}),
        ("session.start", {"request": {"app": WEB, "timeout": -1}}),
        ("session.start", {"request": {"app": WEB, "pull": "; id"}}),
        ("session.start", {"request": {"app": WEB, "settings": ["x"]}}),
        ("session.logs", {"prefix": "x", "tail": -1}),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_and_the_channel_goes_on(
    gate: Gatehouse, alice: Channel, call: Any, arguments: Any
) -> None:
    alice.say({"id": 5, "call": call, "with": arguments})
    assert alice.hear()["error"]["code"] == "usage"
    assert alice.result("session.list") == []
    assert [result for _, result in gate.audit("alice")] == ["ok", "usage"]


def test_names_that_try_to_break_out_are_names(gate: Gatehouse, admin: Channel) -> None:
    names = ["a\nb", 'x" command="id', "$(id)", "../../etc", "-oProxyCommand=id", "root ALL", ""]
    outcome = admin.result("user.add", names=names)
    assert (outcome["done"], len(outcome["errors"])) == ([], len(names))
    key = f'{new_key()} comment" permitopen="*:*" $(id)'
    assert admin.result("user.key.add", user="carol", text=key)["errors"] == []
    assert admin.refusal("user.key.add", user="carol", text=f'command="id" {new_key()}') == "usage"


def test_a_key_belongs_to_one_user(gate: Gatehouse, admin: Channel) -> None:
    outcome = admin.result("user.key.add", user="carol", text=gate.keys["alice"])
    assert [error["code"] for error in outcome["errors"]] == ["conflict"]
    assert json.loads(gate.run("alice", "whoami -o json").stdout)["user"] == "alice"


def test_a_line_without_end_is_cut(alice: Channel) -> None:
    with contextlib.suppress(BrokenPipeError):
        alice.raw(b"x" * (LONGEST_LINE + 200_000))
    assert "bytes" in alice.hear()["error"]["message"]
    assert alice.process.wait(60) == 2


def test_ten_thousand_requests_at_once_are_answered_one_after_another(gate: Gatehouse, alice: Channel) -> None:
    def ask() -> None:
        for number in range(10_000):
            alice.raw(b'{"id": %d, "call": "no.such"}\n' % number)

    asking = threading.Thread(target=ask)
    asking.start()
    for number in range(10_000):
        assert alice.hear()["id"] == number
        if number == 5000:
            status = Path(f"/proc/{alice.process.pid}/status").read_text()
            resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
            assert resident < 150_000
    asking.join()
    assert alice.process.stdin is not None
    alice.process.stdin.close()
    alice.process.wait(60)
    pace = next(key.default for key in KEYS if key.name == "entries_per_minute")
    assert gate.audit("alice")[:2] == [("api", "ok"), ("unknown", "usage")]
    assert len(gate.audit("alice")) <= 2 * pace  # the flood may last longer than a minute


def test_guessed_ids_of_grants_are_not_allowed(gate: Gatehouse, bob: Channel) -> None:
    for guess in (gate.grants["alice"], gate.grants["alice"][:8]):
        assert bob.refusal("session.start", request={"app": guess}) in ("not-allowed", "not-found")


class TestFaults:
    """The parts behind a gateway fail."""

    def test_an_engine_that_is_away(self, gate: Gatehouse) -> None:
        gate.config.write_text(gate.config.read_text().replace(gate.engine_url, "unix:///nonexistent.sock"))
        with gate.api("alice") as channel:
            said = channel.ask("session.list")["error"]
            assert (said["code"], "the gateway" in said["message"]) == ("unreachable", True)
            assert channel.refusal("session.list") == "unreachable"
        done = gate.run("alice", "ps")
        assert (done.returncode, "Traceback" in done.stderr) == (6, False)

    def test_a_database_that_is_away(self, gate: Gatehouse) -> None:
        gate.database.unlink()
        done = gate.run("alice", "ps")
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
        assert not gate.database.exists()

    def test_a_database_that_is_locked(self, gate: Gatehouse) -> None:
        with contextlib.closing(sqlite3.connect(gate.database, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            done = gate.run("alice", "whoami")  # within a minute
            connection.execute("ROLLBACK")
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
        assert gate.run("alice", "whoami").returncode == 0

    def test_a_damaged_database(self, gate: Gatehouse) -> None:
        gate.database.write_bytes(b"\0" * 100)
        done = gate.run("alice", "ps")
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)

    def test_a_missing_configuration(self, gate: Gatehouse) -> None:
        gate.config.unlink()
        done = gate.run("alice", "ps")
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)


@settings(max_examples=300)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_the_parser_of_requests_takes_requests_only(line: bytes) -> None:
    try:
        request = _parsed(line)
    except UsageError:
        return
    assert isinstance(request["id"], int)
    assert set(request) <= {"id", "call", "with"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300)
@given(st.sampled_from(sorted(CALLS)), JSON)
def test_arguments_are_of_the_right_types_or_refused(name: str, given_: Any) -> None:
    signature = CALLS[name].signature
    try:
        arguments = signature.load_arguments(given_)
    except UsageError:
        return
    assert signature.load_arguments(signature.dump_arguments(arguments)) == arguments


@settings(max_examples=300)
@given(st.text(max_size=60) | st.sampled_from(list(LINES.values())))
def test_the_command_line_is_words_of_the_list_or_refused(line: str) -> None:
    try:
        given_ = words.parse(line)
    except SrctlError:
        return
    assert given_.verb in words._VERBS


def test_slots_are_above_the_ports_of_the_system() -> None:
    assert min(SLOTS) > 1024
