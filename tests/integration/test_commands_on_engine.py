"""The commands that ask an engine and start nothing, on a real one."""

from __future__ import annotations

import os

import pytest

from tests.cli.front_door import FrontDoor
from tools.clean_home import Home
from tools.engine import Engine


@pytest.fixture
def srctl(home: Home, engine: Engine) -> FrontDoor:
    """A database, ann, and the private engine as the host in force."""
    srctl = FrontDoor(home.path, dict(os.environ) | {"SRCTL_USER": "ann", "SRCTL_REALM": "asking"})
    srctl.ok("db", "init")
    srctl.ok("user", "add", "ann")
    srctl.ok("host", "add", "private", engine.url)
    srctl.ok("host", "use", "private")
    return srctl


def test_check_tells_version_and_latency(srctl: FrontDoor) -> None:
    row = srctl.json("host", "check")
    assert (row["name"], row["default"], row["reachable"]) == ("private", True, True)
    assert row["version"].split(".")[0].isdigit()
    assert 0 < row["latency_ms"] < 10_000
    assert srctl.json("host", "check", "private")["version"] == row["version"]


def test_an_application_is_verified_and_can_be_started(srctl: FrontDoor, web_image: str) -> None:
    row = srctl.json("app", "add", web_image)
    assert row["title"]
    srctl.ok("grant", "add", web_image, "ann")
    [available] = srctl.json("session", "available")
    assert (available["image"], available["title"]) == (row["image"], row["title"])
    assert (available["image_present"], available["session_id"]) == (True, None)


def test_an_image_that_the_engine_does_not_have_is_not_found(srctl: FrontDoor) -> None:
    assert srctl("app", "add", "srctl/absent:1").code == 3


def test_status_counts_on_the_host_in_force(srctl: FrontDoor) -> None:
    status = srctl.json("status")
    assert (status["realm"], status["host"], status["users"]) == ("asking", "private", 1)
    assert (status["running_sessions"], status["active_users"]) == (0, 0)
