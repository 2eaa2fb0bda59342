"""A database on a full disk is read as it lies, where that is safe, by those who decide who gets in."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from srctl.db.ledger import Ledger
from srctl.errors import NotAllowedError, SrctlError
from srctl.gateway import keys
from tests.integration.gateway.keys_parts import Key, Place, key, make_place

ALICE = key("alice")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A gateway with alice, who has a key."""
    made = make_place(tmp_path / "gateway")
    made.add_key(made.add_user("alice"), ALICE)
    return made


def failing(message: str, then: Callable[..., Any], seen: list[str]) -> Callable[..., Any]:
    """Return what reads only where nothing has to be made beside the database."""

    def read(location: str, *rest: Any) -> Any:
        seen.append(location)
        if "immutable" not in location:
            raise sqlite3.OperationalError(message)
        return then(location, *rest)

    return read


def look_up(place: Place, asked: Key = ALICE) -> Any:
    """Ask the keys command's own function."""
    return keys.look_up(str(place.path), asked.fingerprint, asked.type, asked.blob)


def test_the_keys_command_reads_a_database_to_which_nobody_writes(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, seen = look_up(place), list[str]()
    monkeypatch.setattr(keys, "read", failing(keys.NO_ROOM, keys.read, seen))
    assert look_up(place) == expected
    assert look_up(place, key("nobody")) is None
    assert len(seen) == 4


@pytest.mark.parametrize("message", ["database is locked", "database disk image is malformed"])
def test_any_other_failure_refuses_the_key(place: Place, monkeypatch: pytest.MonkeyPatch, message: str) -> None:
    monkeypatch.setattr(keys, "read", failing(message, keys.read, []))
    with pytest.raises(sqlite3.OperationalError):
        look_up(place)


def test_what_is_not_in_the_database_yet_refuses_the_key(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may have been disabled there."""
    monkeypatch.setattr(keys, "read", failing(keys.NO_ROOM, keys.read, []))
    Path(f"{place.path}-wal").write_bytes(b"x")
    with pytest.raises(sqlite3.OperationalError):
        look_up(place)


def test_a_change_meanwhile_refuses_the_key(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys.read

    def read_and_change(location: str, *rest: Any) -> Any:
        found = before(location, *rest)
        place.run("UPDATE users SET disabled = 1")
        return found

    monkeypatch.setattr(keys, "read", failing(keys.NO_ROOM, read_and_change, []))
    with pytest.raises(keys.Refusal, match="changed"):
        look_up(place)


class TestTheLedger:
    """The forced command's own view of it."""

    def test_a_file_that_is_put_in_its_place_is_read(self, place: Place, tmp_path: Path) -> None:
        ledger = Ledger(place.path)
        assert ledger.person(ALICE.type, ALICE.blob, ALICE.fingerprint).name == "alice"
        fresh = shutil.copy(place.path, tmp_path / "backup")
        with sqlite3.connect(fresh) as connection:
            connection.execute("UPDATE users SET disabled = 1")
        connection.close()
        Path(fresh).replace(place.path)
        with pytest.raises(NotAllowedError):
            ledger.person(ALICE.type, ALICE.blob, ALICE.fingerprint)
        ledger.close()

    def test_a_change_by_another_process_is_seen_at_once(self, place: Place) -> None:
        ledger = Ledger(place.path)
        assert ledger.person(ALICE.type, ALICE.blob, ALICE.fingerprint).name == "alice"
        place.run("UPDATE users SET disabled = 1")
        with pytest.raises(NotAllowedError):
            ledger.person(ALICE.type, ALICE.blob, ALICE.fingerprint)
        ledger.close()

    def test_a_file_that_has_gone_is_told(self, place: Place) -> None:
        ledger = Ledger(place.path)
        ledger.note_use(ALICE.fingerprint)
        place.path.unlink()
        with pytest.raises(SrctlError, match="can't be used"):
            ledger.person(ALICE.type, ALICE.blob, ALICE.fingerprint)
        ledger.close()
