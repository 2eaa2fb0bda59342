"""A clean home with srctl in it: empty, with a database, with people and an application, with an engine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from srctl.db.setup import initialise
from tests.cli.front_door import FrontDoor
from tests.fakes import FakeEngine
from tools.clean_home import Home


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is ready and empty, to be copied."""
    path = tmp_path_factory.mktemp("database") / "srctl.db"
    initialise(str(path))
    return path


@pytest.fixture
def bare(home: Home) -> FrontDoor:
    """Nothing has been set up yet."""
    return FrontDoor(home.path, dict(os.environ) | {"SRCTL_USER": "ann", "DOCKER_HOST": "tcp://127.0.0.1:1"})


@pytest.fixture
def srctl(bare: FrontDoor, empty_database: Path) -> FrontDoor:
    """There is an empty database."""
    bare.database.parent.mkdir(parents=True)
    shutil.copy(empty_database, bare.database)
    bare.database.chmod(0o600)
    return bare


@pytest.fixture
def team(srctl: FrontDoor) -> FrontDoor:
    """There are ann, bob and two applications."""
    srctl.ok("user", "add", "ann", "bob")
    for image in ("desktop", "registry.example/web:2"):
        srctl.ok("app", "add", image, "--no-verify")
    return srctl


@pytest.fixture
def lab(srctl: FrontDoor) -> FrontDoor:
    """ann may run the test page on an engine that has it."""
    srctl.engine = FakeEngine()
    srctl.ok("user", "add", "ann", "bob")
    srctl.ok("app", "add", "srctl/web")
    srctl.ok("grant", "add", "srctl/web", "ann")
    return srctl
