"""SQLite files that are missing, foreign, locked, damaged, read-only or without room: one clear line each."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import srctl.db.engine
from srctl.db.setup import initialise, status, upgrade
from srctl.db.store import open_store
from srctl.errors import ConflictError, NoDatabaseError, NotFoundError, SrctlError, UnsupportedError, UsageError


@pytest.fixture
def ready(sqlite_path: Path) -> Path:
    initialise(str(sqlite_path))
    with open_store(str(sqlite_path)) as store:
        store.add_user("alice")
    return sqlite_path


@pytest.mark.parametrize("call", [open_store, status, upgrade])
def test_a_missing_database_is_not_found_and_not_made(sqlite_path: Path, call: object) -> None:
    with pytest.raises(NotFoundError) as caught:
        call(str(sqlite_path))  # type: ignore[operator]
    assert "srctl db init" in caught.value.hint
    assert list(sqlite_path.parent.iterdir()) == []


def test_a_file_that_is_removed_or_replaced_is_not_read_any_more(ready: Path) -> None:
    other = ready.with_name("other.db")
    initialise(str(other))
    with open_store(str(other)) as store:
        store.add_user("zoe")
    with open_store(str(ready)) as store:
        assert [user.name for user in store.users()] == ["alice"]
        away = ready.rename(ready.with_name("away.db"))
        with pytest.raises(NoDatabaseError):
            store.users()
        other.rename(ready)
        assert [user.name for user in store.users()] == ["zoe"]
        away.replace(ready)
        assert [user.name for user in store.users()] == ["alice"]
        store.add_user("bob")
        assert len(store.users()) == 2


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("csv:///tmp/a.csv", UnsupportedError),
        ("", UsageError),
        ("a\0b", UsageError),
        ("sqlite://", UsageError),
        ("sqlite:///:memory:", UsageError),
        ("sqlite:////tmp/x.db?mode=ro", UsageError),
        ("sqlite+aiosqlite:////tmp/x.db", UsageError),
        ("mysql://user@server/db", UsageError),
        ("nonsense://server/db", UsageError),
        ("postgresql://server:port/db", UsageError),
        ("postgresql+nonsense://server/db", UsageError),
        ("postgresql://127.0.0.1/db?nonsense=1", UsageError),
        ("postgresql://server/db?connect_timeout=soon", UsageError),
        ("postgresql+pg8000://server/db", UsageError),
        ("~nobody-of-that-name/x.db", UsageError),
        ("/dev/null", UsageError),
        ("/", UsageError),
        ("/nowhere/at/all.db", NoDatabaseError),
        ("/etc/passwd/x.db", NoDatabaseError),
    ],
)
def test_what_is_no_database_is_told_so(location: str, kind: type[SrctlError]) -> None:
    with pytest.raises(kind) as caught:
        open_store(location)
    assert type(caught.value) is kind
    assert "\n" not in caught.value.message


def test_init_refuses_a_folder_and_a_file_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="folder"):
        initialise(str(tmp_path))
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear reader, this is not a database.\n" * 100)
    for call in (initialise, open_store, upgrade, status):
        with pytest.raises(ConflictError, match="not a database"):
            call(str(letter))
    assert letter.read_text().startswith("Dear")
    assert list(tmp_path.iterdir()) == [letter]


def test_a_relative_path_a_home_and_a_url_name_the_same_file(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ready.parent)
    monkeypatch.setenv("HOME", str(ready.parent))
    for location in ("srctl.db", "~/srctl.db", f"sqlite:///{ready}", "sqlite:///srctl.db"):
        assert status(location).url == str(ready)


def test_reading_leaves_no_file_behind(ready: Path) -> None:
    before = ready.read_bytes()
    with open_store(str(ready)) as store:
        assert len(store.users()) == 1
    assert list(ready.parent.iterdir()) == [ready]
    assert ready.read_bytes() == before


def test_a_damaged_database_is_told_so(ready: Path) -> None:
    with open(ready, "r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (ready.stat().st_size - 4096))
    with pytest.raises(SrctlError) as caught, open_store(str(ready)) as store:
        store.users()
    assert caught.value.exit_code == 1
    assert "damaged" in caught.value.message


def test_a_cut_database_is_told_so(ready: Path) -> None:
    os.truncate(ready, 4096 + 100)
    with pytest.raises(SrctlError) as caught, open_store(str(ready)) as store:
        store.users()
    assert caught.value.exit_code == 1


@contextmanager
def held(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        yield


def test_a_locked_database_is_a_conflict(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(srctl.db.engine, "BUSY_SECONDS", 0.1)
    with held(ready), open_store(str(ready)) as store:
        assert len(store.users()) == 1
        with pytest.raises(ConflictError, match="locked") as caught:
            store.add_user("bob")
    assert f"fuser {ready}" in caught.value.hint


def test_a_writer_waits_for_another_one(ready: Path) -> None:
    with closing(sqlite3.connect(ready, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        command = [
            sys.executable,
            "-c",
            f"from srctl.db.store import open_store as o; o({str(ready)!r}).add_user('bob')",
        ]
        with subprocess.Popen(command) as writer:
            with pytest.raises(subprocess.TimeoutExpired):
                writer.wait(1.5)
            holder.execute("COMMIT")
            assert writer.wait(30) == 0


_READ = """
import sys
from srctl.db.store import open_store
from srctl.errors import SrctlError
try:
    with open_store(sys.argv[1]) as store:
        print(len(store.users()), flush=True)
        if len(sys.argv) > 2:
            store.add_user("bob")
except SrctlError as error:
    sys.exit(f"{error.exit_code} {error.message}")
"""


@pytest.fixture
def locked_away(ready: Path) -> Iterator[Path]:
    """A database whose folder nobody can write to."""
    ready.parent.chmod(0o500)
    yield ready
    ready.parent.chmod(0o700)


def run(python: list[str], *words: object) -> tuple[str, str]:
    done = subprocess.run([*python, "-c", _READ, *map(str, words)], capture_output=True, text=True, check=False)
    return done.stdout.strip(), done.stderr.strip()


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_a_database_in_a_read_only_folder_can_be_read(locked_away: Path, python: list[str], mode: int) -> None:
    locked_away.chmod(mode)
    assert run(python, locked_away) == ("1", "")
    assert list(locked_away.parent.iterdir()) == [locked_away]


def test_writing_to_a_read_only_database_fails_in_one_line(locked_away: Path, python: list[str]) -> None:
    locked_away.chmod(0o400)
    assert run(python, locked_away, "write") == ("1", f"1 The database {locked_away} is read-only")


def test_a_read_only_file_in_a_writable_folder_can_be_read(ready: Path, python: list[str]) -> None:
    ready.chmod(0o400)
    assert run(python, ready) == ("1", "")
    assert run(python, ready, "write")[1] == f"1 The database {ready} is read-only"


def test_a_file_that_may_not_be_read_is_told_so(ready: Path, python: list[str]) -> None:
    ready.chmod(0o000)
    assert run(python, ready) == ("", f"1 The database {ready} is not readable")


def test_a_folder_that_may_not_be_entered_is_told_so(ready: Path, python: list[str]) -> None:
    ready.parent.chmod(0o000)
    try:
        assert run(python, ready) == ("", f"1 The database {ready} cannot be opened: Permission denied")
    finally:
        ready.parent.chmod(0o700)


def test_a_full_disk_is_told_so(ready: Path) -> None:
    program = f"""
import resource, signal, sys
from srctl.db.store import open_store
from srctl.errors import SrctlError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with open_store({str(ready)!r}) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))
    try:
        store.add_user("bob")
    except SrctlError as error:
        sys.exit(f"{{error.exit_code}} {{error.message}}")
"""
    done = subprocess.run([sys.executable, "-Bc", program], capture_output=True, text=True, check=False)
    assert done.stderr.startswith(f"1 The disk of the database {ready} ")
    assert len(done.stderr.splitlines()) == 1
    with open_store(str(ready)) as store:
        assert [user.name for user in store.users()] == ["alice"]


def test_grants_of_a_user_are_found_by_the_index(ready: Path) -> None:
    with closing(sqlite3.connect(ready)) as connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT grants.id FROM grants JOIN users ON users.id = grants.user_id"
            " JOIN applications ON applications.id = grants.application_id WHERE users.name = 'alice'"
        ).fetchall()
    steps = [row[3] for row in plan]
    assert all(step.startswith("SEARCH") for step in steps)
    assert any("user_id=?" in step for step in steps)
