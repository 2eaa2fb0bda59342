"""Records that several machines write at once: nobody waits for who waits for him, and nobody is refused."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

from srctl.db.store import SqlStore, open_store
from srctl.models import Extension, Record

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ROUNDS = 8


def at_once(location: str, *tasks: Callable[[SqlStore], object]) -> None:
    """Do all of it at the same time, each with a connection of its own."""
    ready = Barrier(len(tasks))

    def run(task: Callable[[SqlStore], object]) -> None:
        with open_store(location) as store:
            for _ in range(ROUNDS):
                ready.wait(30)
                task(store)

    with ThreadPoolExecutor(len(tasks)) as pool:
        list(pool.map(run, tasks))


def test_who_sees_the_same_sessions_in_another_order_writes_them_down_too(location: str) -> None:
    found = [
        Record(f"{number:032x}", "b" * 64, "ann", 1, None, "c" * 32, "web:1", "here", "srctl", NOW)
        for number in range(200)
    ]
    ids = [record.session_id for record in found]
    with open_store(location) as store:
        for record in found:
            store.records.begin(record)
    at_once(
        location,
        lambda store: store.records.notice(found),
        lambda store: store.records.notice(found[::-1]),
        lambda store: store.records.calm(ids),
        lambda store: store.records.calm(ids[::-1]),
    )
    with open_store(location) as store:
        assert len(store.records.running("srctl")) == 200


def test_who_extends_a_session_at_the_same_time_is_not_refused(location: str) -> None:
    def extend(store: SqlStore, hours: int) -> None:
        store.records.extend(Extension("a" * 32, NOW + timedelta(hours=hours), "ann", NOW))
        store.records.end("a" * 32, NOW, "stopped")

    at_once(location, *(lambda store, hours=hours: extend(store, hours) for hours in range(6)))
