"""A clean home with srctl in it: empty, with a database, with people and an application, with an engine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from srctl.accounting import Accounting
from srctl.db.setup import initialise
from srctl.db.store import open_store
from srctl.models import Application
from tests.cli.front_door import FrontDoor
from tests.fakes import WEB, FakeEngine
from tools.clean_home import Home


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is ready and empty, to be copied."""
    path = tmp_path_factory.mktemp("database") / "srctl.db"
    initialise(str(path))
    return path


@pytest.fixture(scope="session")
def team_database(empty_database: Path) -> Path:
    """A database with ann, bob and two applications, to be copied."""
    path = Path(shutil.copy(empty_database, empty_database.with_name("team.db")))
    with open_store(str(path)) as store:
        accounting = Accounting(store)
        accounting.add_users(["ann", "bob"]).check()
        for image in ("desktop", "registry.example/web:2"):
            accounting.add_application(Application(image), verify=False)
    return path


@pytest.fixture(scope="session")
def lab_database(team_database: Path) -> Path:
    """A database in which ann may also run the test page, to be copied."""
    path = Path(shutil.copy(team_database, team_database.with_name("lab.db")))
    with open_store(str(path)) as store:
        accounting = Accounting(store, FakeEngine().image)
        accounting.add_application(Application(WEB))
        accounting.add_grant(WEB, "ann")
    return path


@pytest.fixture
def bare(home: Home) -> FrontDoor:
    """Nothing has been set up yet."""
    return FrontDoor(home.path, dict(os.environ) | {"SRCTL_USER": "ann", "DOCKER_HOST": "tcp://127.0.0.1:1"})


@pytest.fixture
def srctl(bare: FrontDoor, empty_database: Path) -> FrontDoor:
    """There is an empty database."""
    return bare.with_database(empty_database)


@pytest.fixture
def team(bare: FrontDoor, team_database: Path) -> FrontDoor:
    """There are ann, bob and two applications."""
    return bare.with_database(team_database)


@pytest.fixture
def lab(bare: FrontDoor, lab_database: Path) -> FrontDoor:
    """ann may run the test page on an engine that has it."""
    bare.engine = FakeEngine()
    return bare.with_database(lab_database)
