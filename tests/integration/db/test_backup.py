"""Backups are whole, come back whole, and are never half of anything, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from srctl.db.backup import backup
from srctl.db.engine import Database
from srctl.db.location import parse
from srctl.db.restoring import MARGIN, restore
from srctl.db.schema import audit, closed_slots
from srctl.db.setup import initialise, status
from srctl.db.store import SqlStore, open_store
from srctl.errors import ConflictError, NotFoundError, SrctlError, UsageError
from srctl.models import Application, AuditEntry, Policy, Share
from tests.integration.db.old_files import OldDatabase

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def fill(store: SqlStore) -> SqlStore:
    store.add_user("ann", admin=True)
    store.add_user("bob")
    store.add_application(Application("web:1", title="Web", shm_size=2**33))
    store.add_grant("web:1", "ann", Policy(allow_home=True, license="text", expires=NOW))
    store.groups.add_group("team")
    store.groups.join("team", "bob")
    store.add_grant("web:1", None, Policy(cpus=1.5), group="team")
    return store


@pytest.fixture
def filled(location: str) -> Iterator[SqlStore]:
    with open_store(location) as store:
        yield fill(store)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "copy.db"


@pytest.fixture(autouse=True)
def _folder(copy: Path) -> None:
    copy.parent.mkdir()


def test_a_backup_has_all_rows_and_is_private(filled: SqlStore, location: str, copy: Path) -> None:
    copied = backup(location, str(copy))
    assert (copied.url, copied.users, copied.applications, copied.grants) == (str(copy), 2, 1, 2)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert list(copy.parent.iterdir()) == [copy]
    with open_store(str(copy)) as other:
        assert other.archive.contents() == filled.archive.contents()
        assert other.users() == filled.users()
        assert other.grants() == filled.grants()


def test_what_was_backed_up_comes_back_and_the_rest_goes(filled: SqlStore, location: str, copy: Path) -> None:
    before, users = filled.archive.contents(), filled.users()
    backup(location, str(copy))
    filled.remove_user("ann")
    filled.add_user("carol")
    filled.add_application(Application("other:1"))
    restored = restore(location, str(copy))
    assert filled.archive.contents() == before == restored.after
    assert filled.users() == users
    assert {user.name for user in restored.before.users} == {"bob", "carol"}
    assert (restored.status.users, restored.set_aside) == (2, None)


def test_an_id_that_was_given_since_is_not_given_again(filled: SqlStore, location: str, copy: Path) -> None:
    backup(location, str(copy))
    given = filled.add_user("carol").id
    restore(location, str(copy))
    assert filled.add_user("dave").id == given + 1


def test_a_backup_comes_back_where_there_is_no_database(
    filled: SqlStore, location: str, copy: Path, tmp_path: Path, postgres: str
) -> None:
    backup(location, str(copy))
    highest = max(user.id for user in filled.users())
    for place in (str(tmp_path / "new" / "folder" / "srctl.db"), postgres):
        restore(place, str(copy))
        with open_store(place) as other:
            assert other.archive.contents() == filled.archive.contents()
            new = other.add_user("carol").id
            assert new == (highest + 1 if place == postgres else highest + MARGIN + 1)
    assert stat.S_IMODE((tmp_path / "new/folder/srctl.db").stat().st_mode) == 0o600


def test_shares_do_not_come_back_and_closed_slots_stay(filled: SqlStore, location: str, copy: Path) -> None:
    grant = filled.grants(user="ann")[0].id
    share = Share("a" * 32, "ann", "bob", 20001, NOW)
    filled.book.add_share(share, grant)
    filled.book.close_slots("bob", [20005])
    backup(location, str(copy))
    filled.book.vacate(filled.user("bob").id, 20005)
    filled.book.close_slots("ann", [20007])
    restore(location, str(copy))
    assert filled.book.shares("ann") == []
    with Database(parse(location)) as database, database.reading() as connection:
        assert connection.execute(select(closed_slots)).all() == [(1, 20007)]


def test_the_audit_comes_back(filled: SqlStore, location: str, copy: Path) -> None:
    entry = AuditEntry(NOW, "ann", None, None, "ps", "", "ok")
    with Database(parse(location)) as database, database.writing() as connection:
        connection.execute(insert(audit).values(asdict(entry)))
    backup(location, str(copy))
    restore(location, str(copy))
    assert filled.book.entries() == [entry]


class TestSqlite:
    """What only files can come to."""

    @pytest.fixture
    def path(self, sqlite_location: str) -> Path:
        with open_store(sqlite_location) as store:
            fill(store)
        return Path(sqlite_location)

    def test_a_backup_is_made_while_others_write_and_is_of_one_moment(self, path: Path, copy: Path) -> None:
        stopped = threading.Event()

        def write() -> None:
            with open_store(str(path)) as store:
                for number in range(10_000):
                    store.add_user(f"u{number}")
                    if stopped.is_set():
                        return

        writer = threading.Thread(target=write)
        writer.start()
        try:
            counts = []
            for _ in range(10):
                counts.append(backup(str(path), str(copy)).users or 0)
                with open_store(str(copy)) as other:
                    names = {user.name for user in other.users()}
                assert names == {"ann", "bob", *(f"u{number}" for number in range(counts[-1] - 2))}
        finally:
            stopped.set()
            writer.join()
        assert counts == sorted(counts)
        assert counts[-1] > counts[0]

    def test_an_older_database_can_be_backed_up_and_comes_back_upgraded(
        self, path: Path, copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        from srctl.db import schema, setup, standing

        old = tmp_path / "old.db"
        with monkeypatch.context() as patch:
            for module in (standing, setup):
                patch.setattr(module, "HEAD", "srctl_0001")
            patch.setattr(standing, "REVISIONS", ("srctl_0001",))
            initialise(str(old))
        assert backup(str(old), str(copy)).revision == "srctl_0001"
        assert restore(str(path), str(copy)).status.revision == schema.HEAD
        assert status(str(path)).users == 0

    def test_it_takes_the_place_of_an_older_one_only(self, path: Path, copy: Path) -> None:
        for _ in range(2):
            backup(str(path), str(copy))
        copy.write_text("Dear diary")
        with pytest.raises(ConflictError, match="no backup"):
            backup(str(path), str(copy))
        assert copy.read_text() == "Dear diary"

    @pytest.mark.parametrize("name", ["link.db", "hard.db", "srctl.db", "."])
    def test_it_does_not_take_the_place_of_the_database_itself(self, path: Path, name: str) -> None:
        (path.parent / "link.db").symlink_to(path)
        (path.parent / "hard.db").hardlink_to(path)
        with pytest.raises(UsageError):
            backup(str(path), str(path.parent / name))
        assert status(str(path)).users == 2

    @pytest.mark.parametrize("kind", ["text", "foreign", "old", "empty", "cut", "newer"])
    def test_what_is_no_sound_backup_changes_nothing(self, path: Path, copy: Path, kind: str) -> None:
        backup(str(path), str(copy))
        if kind == "text":
            copy.write_text("Dear diary")
        elif kind == "cut":
            os.truncate(copy, 8192)
        elif kind == "newer":
            execute(copy, "UPDATE alembic_version SET version_num = 'srctl_9999'")
        else:
            copy.unlink()
            if kind == "old":
                OldDatabase(copy)
            else:
                execute(copy, "CREATE TABLE orders (id)" if kind == "foreign" else "VACUUM")
        before = path.read_bytes()
        with pytest.raises(SrctlError):
            restore(str(path), str(copy))
        assert path.read_bytes() == before
        assert status(str(path)).users == 2

    def test_it_comes_back_into_no_other_program_s_file(self, path: Path, copy: Path, tmp_path: Path) -> None:
        backup(str(path), str(copy))
        for name, content in (("notes.txt", b"Dear diary" * 100), ("other.db", None)):
            place = tmp_path / name
            if content is None:
                execute(place, "CREATE TABLE orders (id)")
            else:
                place.write_bytes(content)
            before = place.read_bytes()
            with pytest.raises(ConflictError):
                restore(str(place), str(copy))
            assert place.read_bytes() == before

    def test_missing_files_are_told(self, path: Path, copy: Path) -> None:
        with pytest.raises(NotFoundError):
            restore(str(path), str(copy))
        with pytest.raises(NotFoundError):
            backup(str(path.with_name("nothing.db")), str(copy))
        with pytest.raises(SrctlError, match="can't be written"):
            backup(str(path), str(copy.parent / "nowhere" / "copy.db"))


def execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()
