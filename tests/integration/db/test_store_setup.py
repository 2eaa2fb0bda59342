"""Making databases ready: init, upgrade, status, and what they refuse, on SQLite and on PostgreSQL."""

import json
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

import srctl.db
from srctl.db import schema, setup, standing
from srctl.db.engine import Database
from srctl.db.location import parse
from srctl.db.setup import initialise, status, upgrade
from srctl.db.store import open_store
from srctl.errors import ConflictError, NotFoundError, SrctlError
from srctl.models import Limits, Policy


@contextmanager
def writing(location: str) -> Iterator[Connection]:
    with Database(parse(location)) as database, database.writing() as connection:
        yield connection


def execute(location: str, *statements: str) -> None:
    with writing(location) as connection:
        for statement in statements:
            connection.execute(text(statement))


PRESENT = schema.REVISIONS


def initialise_as(place: str, revision: str) -> None:
    """Make a database as an earlier version of the program did."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (standing, setup):
            patch.setattr(module, "HEAD", revision)
        patch.setattr(standing, "REVISIONS", PRESENT[: PRESENT.index(revision) + 1])
        initialise(place)


@pytest.fixture
def location_of_old(place: str) -> str:
    """A database as the first version of the program made it."""
    initialise_as(place, "srctl_0001")
    return place


@pytest.fixture
def newer_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """This program with one more revision than the database has; there is no migration for it."""
    for module in (schema, standing, setup):
        monkeypatch.setattr(module, "HEAD", "srctl_9999", raising=False)
        monkeypatch.setattr(module, "REVISIONS", (*PRESENT, "srctl_9999"), raising=False)


def test_the_revisions_are_those_of_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(srctl.db.__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    assert tuple(script.revision for script in reversed(list(scripts.walk_revisions()))) == schema.REVISIONS
    assert scripts.get_current_head() == schema.HEAD


def test_migrations_make_the_tables_of_the_schema(location: str) -> None:
    with Database(parse(location)) as database, database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_init_makes_a_database_ready(place: str) -> None:
    prepared = initialise(place)
    assert prepared.applied == schema.REVISIONS
    assert prepared.status == status(place)
    assert (prepared.status.revision, prepared.status.users) == (schema.HEAD, 0)
    open_store(place).close()


def test_init_leaves_a_ready_database_untouched(sqlite_path: Path) -> None:
    initialise(str(sqlite_path))
    before = (sqlite_path.read_bytes(), sqlite_path.stat().st_mtime_ns)
    assert initialise(str(sqlite_path)).applied == ()
    assert (sqlite_path.read_bytes(), sqlite_path.stat().st_mtime_ns) == before


def test_init_keeps_the_content(location: str) -> None:
    with open_store(location) as store:
        store.add_user("alice")
    assert initialise(location).status.users == 1
    assert upgrade(location).applied == ()


def test_init_makes_a_private_file_in_private_folders(tmp_path: Path) -> None:
    path = tmp_path / "a b" / "c%20?#" / "srctl.db"
    initialise(str(path))
    with open_store(str(path)) as store:
        store.add_user("alice")
        files = sorted(path.parent.iterdir())
        assert [file.name for file in files] == ["srctl.db", "srctl.db-shm", "srctl.db-wal"]
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)} == {0o700}
    assert list(path.parent.iterdir()) == [path]
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


@pytest.mark.parametrize("content", [b"", None])
def test_init_repairs_what_a_killed_init_left(sqlite_path: Path, content: bytes | None) -> None:
    if content is None:
        connection = sqlite3.connect(sqlite_path)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.close()
    else:
        sqlite_path.write_bytes(content)
    with pytest.raises(NotFoundError) as caught:
        open_store(str(sqlite_path))
    assert "srctl db init" in caught.value.hint
    assert initialise(str(sqlite_path)).applied == schema.REVISIONS
    assert stat.S_IMODE(sqlite_path.stat().st_mode) == 0o600


_INIT = "import sys; from srctl.db.setup import initialise; print(len(initialise(sys.argv[1]).applied))"


def test_several_inits_at_once_all_succeed(place: str) -> None:
    command = [sys.executable, "-c", _INIT, place]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    results = [process.communicate(timeout=60) for process in running]
    assert [error for _, error in results] == [""] * 4
    assert sorted(int(out) for out, _ in results) == [0, 0, 0, len(schema.REVISIONS)]
    open_store(place).close()


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03, 0.06])
def test_a_killed_init_leaves_nothing_or_what_init_repairs(place: str, delay: float) -> None:
    program = "import sys, alembic.command; import srctl.db.setup as setup; print(flush=True); " + _INIT.split(";")[2]
    program = "from srctl.db.setup import initialise; " + program
    with subprocess.Popen([sys.executable, "-c", program, place], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
    initialise(place)
    with open_store(place) as store:
        assert store.users() == []


@pytest.mark.parametrize("call", [open_store, status, upgrade, initialise])
class TestRefusals:
    def test_a_database_of_another_program(self, call: object, place: str) -> None:
        if "://" not in place:
            Path(place).touch()
        execute(place, "CREATE TABLE orders (id INTEGER)")
        assert refuse(call, place, ConflictError).startswith("Name another")

    def test_a_database_of_another_program_that_uses_alembic(self, call: object, place: str) -> None:
        if "://" not in place:
            Path(place).touch()
        execute(
            place,
            "CREATE TABLE alembic_version (version_num VARCHAR(32))",
            "INSERT INTO alembic_version VALUES ('ae1027a6acf')",
            "CREATE TABLE orders (id INTEGER)",
        )
        assert refuse(call, place, ConflictError).startswith("Name another")

    def test_a_database_of_the_old_system(self, call: object, place: str) -> None:
        if "://" not in place:
            Path(place).touch()
        tables = ("user", "application", "application_policy", "accounting")
        execute(place, *(f'CREATE TABLE "{table}" (id INTEGER)' for table in tables))
        assert "srctl db import" in refuse(call, place, ConflictError)

    def test_a_database_newer_than_the_program(self, call: object, location: str) -> None:
        execute(location, "UPDATE alembic_version SET version_num = 'srctl_9999'")
        assert "pgrade srctl" in refuse(call, location, ConflictError)


def refuse(call: object, place: str, kind: type[SrctlError]) -> str:
    """Check that the call is refused and changes nothing; give the hint."""
    before = content(place)
    with pytest.raises(kind) as caught:
        call(place)  # type: ignore[operator]
    assert content(place) == before
    assert "\n" not in caught.value.message
    return caught.value.hint


def content(place: str) -> object:
    if "://" not in place:
        path = Path(place)
        return path.read_bytes(), path.stat().st_mtime_ns, sorted(path.parent.iterdir())
    with Database(parse(place)) as database, database.reading() as connection:
        return sorted(connection.execute(text("SELECT relname FROM pg_class WHERE relkind = 'r'")).scalars())


@pytest.mark.usefixtures("newer_program")
class TestOlderDatabases:
    def test_opening_names_the_upgrade(self, location_of_old: str) -> None:
        with pytest.raises(ConflictError) as caught:
            open_store(location_of_old)
        assert "srctl db upgrade" in caught.value.hint

    def test_status_lists_what_is_pending(self, location_of_old: str) -> None:
        found = status(location_of_old)
        assert (found.revision, found.head, found.pending) == ("srctl_0001", "srctl_9999", (*PRESENT[1:], "srctl_9999"))
        assert found.users is None


def test_an_upgrade_keeps_what_is_there(location_of_old: str) -> None:
    insert = "INSERT INTO users (name, name_folded, admin, disabled, created) VALUES ('ada', 'ada', {0}, {0}, '{1}')"
    false = "false" if location_of_old.startswith("postgres") else "0"
    execute(location_of_old, insert.format(false, "2026-01-02 03:04:05.000000"))
    assert upgrade(location_of_old).applied == PRESENT[1:]
    with open_store(location_of_old) as store:
        assert [user.name for user in store.users()] == ["ada"]


_SECOND = (
    "INSERT INTO users (name, name_folded, admin, disabled, created) VALUES ('ada', 'ada', {0}, {0}, {1})",
    "INSERT INTO users (name, name_folded, admin, disabled, created) VALUES ('bob', 'bob', {0}, {0}, {1})",
    "INSERT INTO applications (image, created) VALUES ('web:1', {1})",
    "INSERT INTO grants (id, user_id, application_id, policy, policy_digest, created)"
    " SELECT 'aaaa', users.id, applications.id, '{{}}', 'd', {1} FROM users, applications WHERE users.name = 'ada'",
    "INSERT INTO shares (session_id, grant_id, owner_id, guest_id, slot, created)"
    " SELECT 's', 'aaaa', a.id, b.id, 20001, {1} FROM users a, users b WHERE a.name = 'ada' AND b.name = 'bob'",
)
_HELD_BY = (
    "INSERT INTO grants (user_id, group_id, id, application_id, policy, policy_digest, created)"
    " VALUES ({}, 'b', (SELECT id FROM applications), '{{}}', 'd', '2026-01-02 03:04:05.000000')"
)


def test_an_upgrade_from_the_second_revision_keeps_grants_and_what_depends_on_them(place: str) -> None:
    initialise_as(place, "srctl_0002")
    false = "false" if place.startswith("postgres") else "0"
    execute(place, *(each.format(false, "'2026-01-02 03:04:05.000000'") for each in _SECOND))
    assert upgrade(place).applied == PRESENT[2:]
    with open_store(place) as store:
        [grant] = store.grants(user="ada")
        assert (grant.id, grant.user, grant.group, grant.application.defaults) == ("aaaa", "ada", None, Limits())
        assert [share.guest for share in store.book.shares("ada")] == ["bob"]
        store.groups.add_group("lab")
        assert store.add_grant("web:1", None, Policy(), group="lab").holder == "@lab"
        store.remove_grant("aaaa")
        assert store.book.shares("ada") == []  # what refers to grants does so still
        store.remove_user("ada")
    for holders in ("NULL, NULL", "(SELECT id FROM users), (SELECT id FROM groups)"):
        with pytest.raises(ConflictError):
            execute(place, _HELD_BY.format(holders))


@pytest.mark.parametrize("what", ["rows that refer to nothing", "a kill in the middle"])
def test_an_upgrade_that_does_not_end_well_changes_nothing(sqlite_path: Path, what: str) -> None:
    place = str(sqlite_path)
    initialise_as(place, "srctl_0002")
    with closing(sqlite3.connect(place)) as connection, connection:  # without foreign keys, as a careless hand would
        connection.execute("INSERT INTO closed_slots VALUES (77, 20001)")
    if what.startswith("rows"):
        with pytest.raises(SrctlError, match="refer to nothing"):
            upgrade(place)
    else:
        program = (
            "import os, sys, alembic.op as op; from srctl.db.setup import upgrade\n"
            "op.drop_table = lambda name: os._exit(9)\nupgrade(sys.argv[1])"
        )
        assert subprocess.run([sys.executable, "-c", program, place], check=False).returncode == 9
    assert status(place).revision == "srctl_0002"
    with closing(sqlite3.connect(place)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'groups'").fetchone() == (0,)


def test_a_failing_migration_leaves_the_database_as_it_was(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(text("CREATE TABLE half (id INTEGER)"))
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(setup, "_run_alembic", fail)
        with pytest.raises(RuntimeError):
            initialise(place)
    with pytest.raises(NotFoundError):
        open_store(place)
    initialise(place)


def test_short_commands_load_neither_alembic_nor_the_orm(location: str) -> None:
    program = (
        "import json, sys; from srctl.db.store import open_store; open_store(sys.argv[1]).close();"
        "print(json.dumps([name for name in sys.modules if name.startswith(('alembic', 'sqlalchemy.orm'))]))"
    )
    run = subprocess.run([sys.executable, "-c", program, location], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == []
