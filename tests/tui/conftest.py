"""A stage for the screen: ann's home, an engine in memory with the test page, and keys that are pressed."""

from __future__ import annotations

import pytest

from srctl.tui import watch
from tests.cli.conftest import bare, empty_database, lab, lab_database, team_database  # noqa: F401 - as fixtures
from tests.cli.front_door import FrontDoor
from tests.tui.stage import Stage


@pytest.fixture
def stage(lab: FrontDoor, monkeypatch: pytest.MonkeyPatch) -> Stage:  # noqa: F811 - the fixture
    """ann may start the test page, and nothing runs; files are looked at more often than people need."""
    assert lab.engine is not None
    monkeypatch.setattr(watch, "LOOK", 0.1)
    return Stage(lab, lab.engine, {"TERM": "xterm-256color"})
