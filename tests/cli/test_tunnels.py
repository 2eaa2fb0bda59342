"""`srctl tunnel` where nothing is reached: lists, closing, logs, and how hostile state files are met."""

from __future__ import annotations

import json
import os
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from srctl.models import Endpoint, Host, Standing, TunnelPlan
from srctl.tunnel.registry import LARGEST_LOG, Registry
from tests.cli.front_door import FrontDoor
from tests.cli.test_completion import offered
from tests.fakes import WEB

HOST = Host("lab", "ssh://lab", "config")
KEYS = [
    *("id", "session_id", "image", "host", "local_port", "url", "state", "since", "reconnects", "bytes_in"),
    *("bytes_out", "last_error", "pid", "cause", "background"),
]


def plan(number: int, *, background: bool = True) -> TunnelPlan:
    """Return the plan of a tunnel whose ids are made of a digit."""
    port = 20000 + number
    url = f"http://127.0.0.1:{port}/x/"
    endpoint = Endpoint("127.0.0.1", 30000)
    return TunnelPlan(f"{number:x}" * 32, "a" * 32, "b" * 64, WEB, HOST, port, url, endpoint, 10.0, background)


def standing(state: str = "up", age: float = 0.0) -> Standing:
    """Return how a tunnel stands, since so many seconds."""
    return Standing(state, datetime.now(UTC) - timedelta(seconds=age), reconnects=2, bytes_in=7, last_error="lost once")


@pytest.fixture
def registry(bare: FrontDoor) -> Registry:
    """The folder of tunnels of the clean home."""
    registry = Registry(Path(bare.environ["XDG_RUNTIME_DIR"]) / "srctl" / "tunnels")
    registry.make_folder()
    return registry


@pytest.fixture
def held(registry: Registry) -> Iterator[TunnelPlan]:
    """A tunnel that this process holds."""
    with registry.held(plan(1).id):
        registry.write(plan(1), standing())
        yield plan(1)


def test_there_are_no_tunnels_at_first_and_looking_makes_nothing(bare: FrontDoor) -> None:
    before = bare.files()
    assert bare.json("tunnel", "list") == []
    assert bare("tunnel", "close", "--all").code == 0
    assert bare("tunnel", "logs", "1").code == 3
    assert bare.files() == before
    assert not (Path(bare.environ["XDG_RUNTIME_DIR"]) / "srctl").exists()


def test_a_row_has_the_keys_of_the_contract_in_their_order(bare: FrontDoor, held: TunnelPlan) -> None:
    [row] = bare.json("tunnel", "list")
    assert list(row) == KEYS
    assert (row["state"], row["pid"], row["host"], row["last_error"]) == ("up", os.getpid(), "lab", "lost once")
    assert bare.ok("tunnel", "list", "-q").lines == [held.id]
    assert bare.ok("tunnel", "list", "-o", "csv").lines[0] == ",".join(KEYS)


def test_a_tunnel_that_nobody_holds_is_down_whatever_its_file_says(bare: FrontDoor, registry: Registry) -> None:
    registry.write(plan(1), standing("up"))
    [row] = bare.json("tunnel", "list")
    assert (row["state"], row["pid"]) == ("down", None)
    assert "killed" in row["last_error"]
    assert row["cause"] == row["last_error"]


def test_one_that_has_been_down_for_a_day_is_forgotten(bare: FrontDoor, registry: Registry) -> None:
    registry.write(plan(1), standing("down", age=25 * 3600))
    registry.write(plan(2), standing("down", age=23 * 3600))
    assert bare.ok("tunnel", "list", "-q").lines == [plan(2).id]
    assert not list(registry.folder.glob(f"{plan(1).id}*"))


def test_closing_what_is_down_removes_it(bare: FrontDoor, registry: Registry) -> None:
    for number in (1, 2):
        registry.write(plan(number), standing("down"))
    assert bare.json("tunnel", "close", plan(1).id) == [plan(1).id]
    assert bare.ok("tunnel", "close", "--all").lines == [plan(2).id]
    assert bare.json("tunnel", "list") == []


def test_several_are_tried_and_the_first_failure_decides(bare: FrontDoor, registry: Registry) -> None:
    registry.write(plan(1), standing("down"))
    ran = bare("tunnel", "close", "f" * 32, plan(1).id)
    assert (ran.code, ran.lines) == (3, [plan(1).id])


def test_an_ambiguous_beginning_names_the_candidates(bare: FrontDoor, registry: Registry) -> None:
    twins = [replace(plan(1), id="1" * 31 + digit) for digit in "12"]
    for each in twins:
        registry.write(each, standing("down"))
    ran = bare("tunnel", "close", "11")
    assert ran.code == 5
    assert all(each.id in ran.err for each in twins)
    assert bare("tunnel", "logs", "").code == 3


@pytest.mark.parametrize(("arguments", "said"), [([], "or say --all"), (["--all", "11"], "not both")])
def test_close_wants_ids_or_all(bare: FrontDoor, arguments: list[str], said: str) -> None:
    ran = bare("tunnel", "close", *arguments)
    assert (ran.code, said in ran.err) == (2, True)


def test_a_process_that_has_not_the_lock_is_never_ended(bare: FrontDoor, registry: Registry, held: TunnelPlan) -> None:
    path = registry.folder / f"{held.id}.json"
    written = json.loads(path.read_text())
    path.write_text(json.dumps(written | {"pid": os.getppid()}))
    ran = bare("tunnel", "close", held.id)
    assert ran.code == 1
    assert "another process" in ran.err
    assert registry.is_held(held.id)


def test_the_log_is_printed_and_an_empty_one_is_nothing(bare: FrontDoor, registry: Registry) -> None:
    registry.write(plan(1), standing("down"))
    assert bare.ok("tunnel", "logs", plan(1).id[:4]).out == ""
    registry.log_of(plan(1).id).write_text("then \x1b[2J it was up\n")
    assert bare.ok("tunnel", "logs", plan(1).id[:4]).out == "then \\u001b[2J it was up\n"
    assert bare.ok("tunnel", "logs", "-f", plan(1).id).out == "then \\u001b[2J it was up\n"


def make_pipe(path: Path) -> None:
    """Make a pipe, at which a reader would wait."""
    os.mkfifo(path)


def make_link(path: Path) -> None:
    """Make a link to a file of somebody else."""
    (path.parent / "foreign").write_text("a secret\n")
    path.symlink_to(path.parent / "foreign")


def make_large(path: Path) -> None:
    """Make a file that is larger than any log."""
    with path.open("wb") as stream:
        stream.truncate(8 * LARGEST_LOG)


@pytest.mark.parametrize("make", [make_pipe, make_link, make_large, Path.mkdir])
@pytest.mark.parametrize("verb", [("logs",), ("logs", "-f"), ("restart",)])
def test_what_is_no_log_is_not_read(
    bare: FrontDoor, registry: Registry, verb: tuple[str, ...], make: Callable[[Path], None]
) -> None:
    registry.write(plan(1), standing("down"))
    path = registry.log_of(plan(1).id)
    make(path)
    ran = bare("tunnel", *verb, plan(1).id)
    assert (ran.code, ran.out) == (1, "")
    message, hint = ran.err.splitlines()
    assert str(path) in message
    assert "Remove it" in hint


HOSTILE: dict[str, object] = {
    "a state nobody knows": {"standing": {"state": "fine"}},
    "a negative number": {"standing": {"bytes_in": -1}},
    "an endless number": {"standing": {"bytes_in": 10**30}},
    "a time without a zone": {"standing": {"since": "2026-01-01T00:00:00"}},
    "a time before time": {"standing": {"since": "0001-01-01T00:00:00+23:59"}},
    "the process of all": {"pid": 1},
    "a process group": {"pid": -5},
    "no process": {"pid": True},
    "another id": {"plan": {"id": "2" * 32}},
    "a path for an id": {"plan": {"id": "../../etc/passwd"}},
    "a URL elsewhere": {"plan": {"url": "http://evil.example/"}},
    "a URL that does something": {"plan": {"url": "javascript:alert(1)"}},
    "a port that is none": {"plan": {"local_port": 65536}},
    "a text for a port": {"plan": {"local_port": "20001"}},
    "no time-out": {"plan": {"timeout": float("nan")}},
    "a long name": {"plan": {"image": "x" * 5000}},
    "another field": {"plan": {"more": 1}},
    "no host": {"plan": {"host": None}},
    "a list": {"plan": []},
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_a_state_file_that_cannot_be_is_no_tunnel(
    bare: FrontDoor, registry: Registry, change: dict[str, object]
) -> None:
    registry.write(plan(1), standing("down"))
    path = registry.folder / f"{plan(1).id}.json"
    content = json.loads(path.read_text())
    for part, values in change.items():
        content[part] = {**content[part], **values} if isinstance(values, dict) else values
    path.write_text(json.dumps(content))
    assert bare.json("tunnel", "list") == []
    assert bare("tunnel", "close", plan(1).id).code == 3


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 60000, b"{}", b"null", b"1" * 70000])
def test_garbage_is_no_tunnel(bare: FrontDoor, registry: Registry, content: bytes) -> None:
    (registry.folder / f"{plan(1).id}.json").write_bytes(content)
    assert bare.json("tunnel", "list") == []


def test_what_is_no_file_is_no_tunnel(bare: FrontDoor, registry: Registry) -> None:
    os.mkfifo(registry.folder / f"{plan(1).id}.json")
    (registry.folder / f"{plan(2).id}.json").symlink_to("/dev/zero")
    (registry.folder / f"{plan(3).id}.json").mkdir()
    assert bare.json("tunnel", "list") == []


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_that_others_may_write_to_is_refused(bare: FrontDoor, registry: Registry, mode: int) -> None:
    registry.folder.chmod(mode)
    ran = bare("tunnel", "list")
    assert ran.code == 8
    assert str(registry.folder) in ran.err


def test_a_folder_of_somebody_else_is_refused(bare: FrontDoor, registry: Registry) -> None:
    os.chown(registry.folder, 12345, -1)
    assert bare("tunnel", "list").code == 8


def test_a_fallback_of_another_account_is_refused_with_what_to_do(
    bare: FrontDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("platformdirs.unix.geteuid", lambda: 54321, raising=False)  # one without /run/user/UID
    (tmp_path / "runtime-54321").mkdir(mode=0o700)
    os.chown(tmp_path / "runtime-54321", 12345, -1)
    ran = bare("tunnel", "list")
    assert ran.code == 8
    assert "runtime-54321" in ran.err.splitlines()[0]
    assert "XDG_RUNTIME_DIR" in ran.err.splitlines()[1]


def test_files_are_for_their_owner_only(registry: Registry, held: TunnelPlan) -> None:
    assert stat.S_IMODE(registry.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in registry.folder.iterdir()} == {0o600}


def test_ids_of_tunnels_are_offered(bare: FrontDoor, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.write(plan(1), standing("down"))
    assert offered(bare, "srctl tunnel close 1", monkeypatch) == [plan(1).id]
    assert offered(bare, "srctl tunnel logs 2", monkeypatch) == []


def test_on_this_machine_no_tunnel_is_opened(lab: FrontDoor) -> None:
    row = lab.json("tunnel", "open", WEB)
    assert list(row) == KEYS
    assert (row["id"], row["pid"], row["state"], row["host"]) == (None, None, "up", "fake")
    assert row["url"].startswith(f"http://127.0.0.1:{row['local_port']}/")
    assert lab.ok("tunnel", "open", WEB, "--background", "-q").lines == [row["url"]]


def test_a_busy_port_is_refused_first(bare: FrontDoor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = bare("tunnel", "open", WEB, "--background", "--local-port", port)
    assert ran.code == 5
    assert port in ran.err
