"""Databases to test on: SQLite files, and databases of the private PostgreSQL server."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg.sql
import pytest

from srctl.db.schema import HEAD, metadata
from srctl.db.setup import initialise
from srctl.db.store import SqlStore, open_store
from tools.postgres import Postgres, emptied


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    """A path in a folder of its own where nothing is yet."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder / "srctl.db"


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest) -> str:
    """A location where no database is yet, on each kind of database."""
    return str(request.getfixturevalue("sqlite_path" if request.param == "sqlite" else "postgres"))


@pytest.fixture(scope="session")
def ready_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database that is ready and empty, to be copied."""
    path = tmp_path_factory.mktemp("ready") / "srctl.db"
    initialise(str(path))
    return path


@pytest.fixture(scope="session")
def ready_postgres(postgres_server: Postgres) -> str:
    """A database of the server that is ready, which tests use in turns."""
    url = postgres_server.new_database()
    initialise(url)
    return url


@pytest.fixture
def sqlite_location(sqlite_path: Path, ready_sqlite: Path) -> str:
    """A SQLite database that is ready and empty."""
    return str(shutil.copy(ready_sqlite, sqlite_path))


@pytest.fixture
def postgres_location(ready_postgres: str) -> str:
    """A database on the server that is ready and empty, which is this test's own until its end."""
    with emptied(ready_postgres) as admin:
        tables = psycopg.sql.SQL(", ").join(map(psycopg.sql.Identifier, metadata.tables))
        admin.execute(psycopg.sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(tables))
        admin.execute("UPDATE alembic_version SET version_num = %s", [HEAD])
    return ready_postgres


@pytest.fixture(params=["sqlite", "postgres"])
def location(request: pytest.FixtureRequest) -> str:
    """A location with a database that is ready and empty, on each kind of database."""
    return str(request.getfixturevalue(f"{request.param}_location"))


@pytest.fixture
def store(location: str) -> Iterator[SqlStore]:
    """An open store on each kind of database."""
    with open_store(location) as opened:
        yield opened


@pytest.fixture
def python() -> list[str]:
    """The command that runs Python without the privileges of root, so that file modes count."""
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    return [*drop, sys.executable]
