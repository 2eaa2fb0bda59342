"""Databases to test on: SQLite files and databases of a private PostgreSQL server."""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from srctl.db.setup import initialise
from srctl.db.store import SqlStore, open_store


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A private server on a socket in a folder of its own; no network, no password."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not binaries:
        pytest.skip("PostgreSQL is not installed")
    owner = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        folder, data = Path(name), Path(name) / "data"
        data.mkdir(mode=0o700)
        if owner:
            for path in (folder, data):
                subprocess.run(["chown", "postgres:postgres", path], check=True)

        def run(*words: str) -> None:
            subprocess.run([f"{binaries[-1]}/{words[0]}", "-D", data, *words[1:]], check=True, cwd="/", **owner)  # type: ignore[call-overload]

        run("initdb", "-A", "trust", "-U", "srctl", "-N", "--no-locale", "-E", "UTF8")
        run("pg_ctl", "-w", "-l", f"{folder}/log", "-o", f"-c listen_addresses= -c fsync=off -k {folder}", "start")
        try:
            yield f"postgresql+psycopg://srctl@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")


@pytest.fixture
def empty_postgres(postgres: str) -> Iterator[str]:
    """The URL of a fresh database on the private server."""
    name = "t" + secrets.token_hex(6)
    admin = make_url(postgres).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield make_url(postgres).set(database=name).render_as_string(hide_password=False)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    """A path in a folder of its own where nothing is yet."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder / "srctl.db"


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest) -> str:
    """A location where no database is yet, on each kind of database."""
    return str(request.getfixturevalue("sqlite_path" if request.param == "sqlite" else "empty_postgres"))


@pytest.fixture
def location(place: str) -> str:
    """A location with a database that is ready and empty."""
    initialise(place)
    return place


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
