"""The panes of everyone's sessions and of hosts, which administrators have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from srctl.errors import UnreachableError
from srctl.labels import EXTRA, RUNINFO
from srctl.models import Host
from tests.fakes import FakeEngine, only
from tests.tui.stage import Seat, Stage, among

AWAY = UnreachableError("fake refuses [b]connections[/b]", "Is it up?")


@pytest.fixture
def bob(stage: Stage) -> str:
    """bob runs a session, and ann none; its id."""
    stage.start()
    mine = only(stage.engine)
    name = {RUNINFO + "user": "bob", RUNINFO + "url_id": "b" * 32, EXTRA + "user_id": "2"}
    stage.engine.stored[mine.id] = replace(mine, labels={**mine.labels, **name})
    stage.engine.calls.clear()
    return "b" * 12


def test_sessions_of_all_users_are_asked_for_only_while_they_are_shown(stage: Stage, bob: str) -> None:
    async def story(seat: Seat) -> None:
        await seat.see("Nothing runs for you")
        await seat.until(lambda: stage.engine.listeners)
        assert stage.engine.listeners[-1].labels[RUNINFO + "user"] == "ann"
        asked = stage.engine.calls.count("containers")
        await seat.go("Everyone")
        await seat.see(bob, "bob", "● running", f"$ srctl logs -f {bob} --all-users")
        await seat.until(lambda: RUNINFO + "user" not in stage.engine.listeners[-1].labels)
        await seat.until(lambda: [each for each in stage.engine.watched if not each.closed])
        stage.engine.watched[-1].tell(20.0, 300 << 20)
        await seat.see("300M", "20% of a core")
        stage.engine.exit(only(stage.engine).id, 3)
        await seat.see("✗ exited")
        await seat.press("1")
        await seat.until(lambda: stage.engine.listeners[-1].labels.get(RUNINFO + "user") == "ann")
        assert stage.engine.calls.count("containers") > asked

    stage.play(story)


def test_an_administrator_reads_and_stops_what_others_run(stage: Stage, bob: str) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Everyone")
        await seat.see(bob)
        await seat.press("l")
        await seat.see("Log of Test page", "starting", f"$ srctl logs -f {bob} --all-users")
        await seat.press("q", "s")
        await seat.see("Stop Test page of bob and remove its container?", f"srctl stop {bob} --all-users")
        await seat.press("n")
        assert stage.engine.stored
        await seat.press("s", "y")
        await seat.hear("Stopped Test page of bob")
        await seat.see("Nothing runs for anybody")
        assert not stage.engine.stored

    stage.play(story)


def test_only_looking_stops_nothing_of_others(stage: Stage, bob: str) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Everyone")
        await seat.see(bob, "log")
        assert "s stop" not in seat.screen
        await seat.press("s", "y")
        assert stage.engine.stored

    stage.play(story, readonly=True)


def test_hosts_are_shown_with_what_they_are_and_what_runs_there(stage: Stage, bob: str) -> None:
    secret = Host("fake", "tcp://ann:secret@box:2375", "config")

    async def story(seat: Seat) -> None:
        await seat.go("Hosts")
        await seat.see("● up", "20.10", "16G", "tcp://ann:***@box:2375", "1 running, of 1 user", "8 cores")
        await seat.until(lambda: [each for each in stage.engine.watched if not each.closed])
        stage.engine.watched[-1].tell(250.0)
        await seat.see("2.5 of 8", "2.50 cores taken by them")
        assert "secret" not in seat.screen

    stage.play(story, size=(160, 40), hosts=[secret])


def test_a_host_that_is_away_says_why_and_is_asked_again_by_a_key(stage: Stage) -> None:
    dead = FakeEngine(name="dead", faults={"containers": [AWAY] * 99})

    async def story(seat: Seat) -> None:
        await seat.go("Hosts")
        await seat.see("✗ away", "● up")
        await seat.press("G")
        await seat.see("[b]connections[/b]", "Is it up?", "$ srctl host check dead")
        dead.faults.clear()
        await seat.press("enter")
        await seat.miss("✗ away")

    hosts = [Host("fake", "", "config"), Host("dead", "", "config")]
    stage.play(story, size=(120, 40), hosts=hosts, at=among(dead, stage.engine))
