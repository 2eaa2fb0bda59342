"""Tunnels in the background, as a person opens, lists, closes and restarts them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Desk
from tests.e2e.test_open import fetch, refused


@pytest.fixture
def tunnels(desk: Desk, web_image: str) -> Iterator[Desk]:
    """The desk, with the test page granted; every tunnel and session is gone afterwards."""
    desk.grant(web_image)
    yield desk
    desk.run("tunnel", "close", "--all")
    if ids := desk.run("ps", "--all", "-q").split():
        desk.run("stop", *ids)


def opened(desk: Desk, *arguments: str) -> dict[str, Any]:
    """Open a tunnel in the background and return its row."""
    row: dict[str, Any] = desk.json("tunnel", "open", "srctl/web", "--background", *arguments)
    return row


def listed(desk: Desk) -> list[dict[str, Any]]:
    """Return the rows of all tunnels."""
    rows: list[dict[str, Any]] = desk.json("tunnel", "list")
    return rows


def test_a_background_tunnel_is_listed_and_serves_until_it_is_closed(tunnels: Desk) -> None:
    row = opened(tunnels)
    assert "200 OK" in fetch(row["url"])
    [found] = listed(tunnels)
    same = ("id", "session_id", "image", "host", "local_port", "url", "pid", "since")
    assert [found[key] for key in same] == [row[key] for key in same]
    assert (found["state"], found["reconnects"], found["last_error"], found["background"]) == ("up", 0, None, True)
    assert tunnels.run("tunnel", "close", row["id"][:8]) == row["id"]
    assert refused(row["local_port"])
    assert listed(tunnels) == []
    assert tunnels.json("session", "show", row["session_id"])["status"] == "running"
