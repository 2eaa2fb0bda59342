"""Databases to test on: SQLite files, and databases of the private PostgreSQL server."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from srctl.db.setup import initialise
from srctl.db.store import SqlStore, open_store


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
