"""Who changes the database as a whole keeps other writers waiting until it is done, and no reader."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from srctl.db import copying
from srctl.db.backup import backup
from srctl.db.restoring import restore
from srctl.db.store import open_store

MOMENT = 0.3


def writer(location: str, pool: ThreadPoolExecutor) -> Future[None]:
    """Let somebody write, who has to wait; readers do not."""
    begun = threading.Event()

    def write() -> None:
        with open_store(location) as store:
            begun.set()
            store.add_user("late")

    waiting = pool.submit(write)
    assert begun.wait(10)
    with pytest.raises(TimeoutError):
        waiting.result(MOMENT)
    with open_store(location) as store:
        assert store.users() == []
    return waiting


def test_who_applies_keeps_writers_waiting(location: str) -> None:
    with ThreadPoolExecutor(1) as pool, open_store(location) as store:
        with store.archive.revision() as revision:
            assert revision.contents().users == ()
            waiting = writer(location, pool)
        waiting.result(10)


def test_who_restores_keeps_writers_waiting(location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backup(location, str(tmp_path / "copy.db"))
    found: list[Future[None]] = []
    advance: Callable[..., None] = copying.advance

    with ThreadPoolExecutor(1) as pool:

        def advance_while_one_waits(*given: object) -> None:
            found.append(writer(location, pool))
            advance(*given)

        monkeypatch.setattr(copying, "advance", advance_while_one_waits)
        restore(location, str(tmp_path / "copy.db"))
        found[0].result(10)
    with open_store(location) as store:
        assert [user.name for user in store.users()] == ["late"]
