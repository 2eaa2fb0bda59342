"""The screen on a terminal, an engine and an SSH server: a day with it, and how it leaves the terminal."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Desk
from tests.e2e.test_open import fetch
from tests.e2e.test_tunnels import listed
from tests.terminal import Terminal, terminal
from tools.processes import wait_until

URL = re.compile(r"http://127\.0\.0\.1:\d+/\S+")


@pytest.fixture
def screen(tunnels: Desk) -> Iterator[Terminal]:
    """A terminal as people have it."""
    with terminal(tunnels.home, width=100, height=30) as screen:
        yield screen


def test_a_day_with_the_screen(tunnels: Desk, screen: Terminal) -> None:
    screen.run("tui")
    screen.wait_for("ada@lab on lab ● up", "Nothing runs for you")
    screen.press("2")
    screen.wait_for("Test page", "✓ there")
    screen.press("Enter")
    shown = screen.wait_for("can be opened in a browser at", "http://127.0.0.1:", limit=40)
    [session] = tunnels.json("ps")
    [tunnel] = listed(tunnels)
    assert (tunnel["session_id"], tunnel["state"], tunnel["background"]) == (session["id"], "up", True)
    assert any(tunnel["url"] in line for line in shown)
    assert "200 OK" in fetch(tunnel["url"])
    screen.press("q")
    screen.press("1")
    screen.wait_for(session["id"][:12], "● running", f"⇄ up :{tunnel['local_port']}")
    screen.press("l")
    screen.wait_for("Log of Test page", "starting for ada_lab at")
    screen.press("q")
    screen.press("s")
    screen.wait_for("Stop Test page and remove its container?")
    screen.press("y")
    screen.wait_for("Nothing runs for you")
    assert tunnels.json("ps", "--all") == []
    screen.press("3")
    screen.wait_for("✗ down")
    screen.press("x")
    screen.wait_for("Close the tunnel")
    screen.press("y")
    screen.wait_for("No tunnels.")
    screen.press("q")
    assert screen.end() == 0
    assert screen.sane
    assert screen.cooked


def test_the_screen_hears_of_what_others_do_and_a_tunnel_outlives_it(tunnels: Desk, screen: Terminal) -> None:
    screen.run()  # srctl alone
    screen.wait_for("Nothing runs for you")
    row = tunnels.json("tunnel", "open", "srctl/web:latest", "--background")
    screen.wait_for("● running", f"⇄ up :{row['local_port']}")
    tunnels.run("stop", row["session_id"])
    screen.wait_for("Nothing runs for you")
    row = tunnels.json("tunnel", "open", "srctl/web:latest", "--background")
    screen.wait_for(row["session_id"][:12], "⇄ up")
    screen.press("q")
    screen.wait_for("in the background. What shall become of that?")
    screen.press("k")
    assert screen.end() == 0
    assert "200 OK" in fetch(row["url"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=str)
def test_a_signal_leaves_the_terminal_as_it_was(screen: Terminal, number: int) -> None:
    screen.run("tui")
    screen.wait_for("● up")
    os.kill(screen.process, number)
    assert screen.end() == 130
    assert screen.sane
    assert screen.cooked


def test_a_terminal_that_is_made_tiny_and_large_again_shows_all_again(screen: Terminal) -> None:
    screen.run("tui")
    before = screen.wait_for("● up", "Nothing runs for you")
    screen.resize(20, 5)
    screen.wait_for("[1 Ses]", "q quit")
    screen.resize(200, 60)
    screen.wait_for("Nothing runs for you")
    screen.resize(100, 30)
    wait_until(lambda: screen.screen() == before or None, "the screen as it was")
    screen.press("q")
    assert screen.end() == 0


def test_an_engine_that_is_not_there_is_told_and_the_screen_stays(screen: Terminal, tmp_path: Path) -> None:
    screen.run("tui", "--host", f"unix://{tmp_path}/none.sock")
    screen.wait_for("✗ away", "none.sock")
    screen.press("q")
    assert screen.end() == 0
    assert screen.sane


def number_of(screen: Terminal, pane: str) -> str:
    """Return the key of a pane: panes of administrators come a moment later than others."""
    tab = re.compile(rf"([0-9]) {pane[:3]}")
    found: re.Match[str] = wait_until(lambda: tab.search(screen.screen()[0]), f"a pane {pane}")
    return found[1]


def test_a_day_of_an_administrator(tunnels: Desk, screen: Terminal) -> None:
    screen.run("tui")
    screen.press(number_of(screen, "Users"))
    screen.wait_for("Users", "ada@lab", "● active")
    screen.press("n")
    screen.wait_for("Add users")
    screen.type("grace hopper")
    screen.wait_for("Added grace, hopper")
    assert "grace" in [user["name"] for user in tunnels.json("user", "list")]
    screen.press(number_of(screen, "Images"))
    screen.wait_for("Images", "srctl/web:latest", "✓ registered", "webapp")
    screen.press("i")
    screen.wait_for("Labels of srctl/web:latest", "eu.simphony-project.docker.type = webapp")
    screen.press("q")
    screen.press("x")
    screen.wait_for("Unregister srctl/web:latest with 1 grant?", "$ srctl app remove srctl/web:latest")
    screen.press("y")
    screen.wait_for("- not registered")
    assert tunnels.json("app", "list") == []
    screen.press("Enter")
    screen.wait_for("Register an application", "Test page")
    screen.press("Enter")
    screen.wait_for("✓ registered")
    assert [row["title"] for row in tunnels.json("app", "list")] == ["Test page"]
    screen.press("q")
    assert screen.end() == 0
    assert screen.sane
