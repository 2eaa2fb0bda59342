"""The screen on a terminal, an engine and an SSH server: a day with it, and how it leaves the terminal."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import USER, Desk
from tests.e2e.test_open import fetch
from tests.e2e.test_tunnels import listed
from tests.terminal import Terminal, terminal
from tools.engine import Engine, away
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
    url = start_and_open(tunnels, screen)
    assert "200 OK" in fetch(url)
    read_its_log(screen)
    give_grace_the_same(tunnels, screen)
    screen.press("1")
    stop_it(tunnels, screen)
    close_its_tunnel(screen)
    screen.press("q")
    assert screen.end() == 0
    assert screen.sane
    assert screen.cooked


def start_and_open(desk: Desk, screen: Terminal) -> str:
    """Start the test page, see it become ready and its tunnel come up; return the address of its page."""
    screen.press("2")
    screen.wait_for("Test page", "✓ there")
    screen.press("Enter")
    shown = screen.wait_for("can be opened in a browser at", "http://127.0.0.1:", limit=40)
    [session] = desk.json("ps")
    [tunnel] = listed(desk)
    assert (tunnel["session_id"], tunnel["state"], tunnel["background"]) == (session["id"], "up", True)
    assert any(tunnel["url"] in line for line in shown)
    screen.press("q")
    screen.press("1")
    screen.wait_for(session["id"][:12], "● running", f"⇄ up :{tunnel['local_port']}")
    return str(tunnel["url"])


def read_its_log(screen: Terminal) -> None:
    """Read what the test page writes."""
    screen.press("l")
    screen.wait_for("Log of Test page", "starting for ada_lab at")
    screen.press("q")


def give_grace_the_same(desk: Desk, screen: Terminal) -> None:
    """Add a user, and grant the test page to her."""
    screen.press(number_of(screen, "Users"))
    screen.wait_for("ada@lab", "● active")
    screen.press("n")
    screen.wait_for("Add users")
    screen.type("grace")
    screen.wait_for("Added grace")
    screen.press(number_of(screen, "Grants"))
    screen.wait_for("Grants", "grace")
    screen.press("/")
    screen.type("grace")
    screen.wait_for("▸", "grace", "[·]")
    screen.press("Space")
    screen.wait_for("[✓]")
    assert sorted(each["user"] for each in desk.json("grant", "list")) == [USER, "grace"]


def stop_it(desk: Desk, screen: Terminal) -> None:
    """Stop the test page."""
    screen.press("s")
    screen.wait_for("Stop Test page and remove its container?")
    screen.press("y")
    screen.wait_for("Nothing runs for you")
    assert desk.json("ps", "--all") == []


def close_its_tunnel(screen: Terminal) -> None:
    """Close the tunnel, which leads nowhere any more."""
    screen.press("3")
    screen.wait_for("✗ down")
    screen.press("x")
    screen.wait_for("Close the tunnel")
    screen.press("y")
    screen.wait_for("No tunnels.")


def start_what_never_answers(desk: Desk, screen: Terminal) -> None:
    """Start the test page, and look for it at a port at which it is not."""
    desk.run("app", "remove", "--yes", "srctl/web:latest")
    desk.run("app", "add", "srctl/web:latest", "--port", "9")
    desk.run("grant", "add", "srctl/web:latest", USER)
    screen.run("tui")
    screen.wait_for("● up", "4 Use")
    screen.press("2")
    screen.wait_for("Test page")
    screen.press("Enter")


def test_a_start_is_given_up_and_leaves_nothing(tunnels: Desk, screen: Terminal) -> None:
    start_what_never_answers(tunnels, screen)
    screen.wait_for("Waiting until the application answers", "X give up")
    assert len(tunnels.json("ps", "--all")) == 1
    screen.press("X")
    screen.wait_for("What goes on", "▸ Opening Test page")
    screen.press("Enter")
    screen.wait_for("Gave up: Opening Test page")
    wait_until(lambda: "What goes on" not in "\n".join(screen.screen()), "the list is gone")
    assert tunnels.json("ps", "--all") == []
    assert listed(tunnels) == []
    screen.press("q")
    assert screen.end() == 0


def test_a_signal_gives_up_what_goes_on(tunnels: Desk, screen: Terminal) -> None:
    start_what_never_answers(tunnels, screen)
    screen.wait_for("Waiting until the application answers")
    os.kill(screen.process, signal.SIGTERM)
    assert screen.end() == 130
    assert tunnels.json("ps", "--all") == []


def test_an_engine_that_is_restarted_is_told_and_heard_again(tunnels: Desk, screen: Terminal, engine: Engine) -> None:
    session = tunnels.json("start", "srctl/web:latest")
    screen.run("tui")
    screen.wait_for(session["id"][:12], "● running")
    screen.press("l")
    screen.wait_for("starting for ada_lab at")
    with away(engine):
        screen.wait_for("the end")
        screen.press("q")
        screen.wait_for("✗ away", "? host away", session["id"][:12])
    screen.wait_for("● up", "✗ exited")
    tunnels.run("stop", session["id"])
    screen.wait_for("Nothing runs for you")
    screen.press("E")
    screen.wait_for("What went wrong in this run", "hint: Is Docker running there?")
    screen.press("q")
    screen.press("q")
    assert screen.end() == 0


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
    screen.press("s")
    wait_until(lambda: "Stay here" not in "\n".join(screen.screen()), "no question")
    screen.press("q")
    screen.wait_for("in the background. What shall become of that?")
    screen.press("k")
    assert screen.end() == 0
    assert "200 OK" in fetch(row["url"])
    with terminal(tunnels.home, width=100, height=30) as again:
        again.run("tui")
        again.wait_for("⇄ up")
        again.press("q")
        again.wait_for("in the background. What shall become of that?")
        again.press("c")
        assert again.end() == 0
    assert listed(tunnels) == []
    assert [each["id"] for each in tunnels.json("ps")] == [row["session_id"]]


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
    screen.press("/")
    screen.type("srctl/web")  # other images may be there too
    screen.wait_for("/srctl/web")
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
