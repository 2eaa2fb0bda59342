"""Hosts that are slow, away, or back again, and hosts that ask."""

from __future__ import annotations

import io
import threading
import time
from typing import Any

import pytest

from srctl import places
from srctl.context import Context
from srctl.errors import UnreachableError
from srctl.models import Host
from srctl.output import Output
from srctl.tui import host as hosts
from tests.fakes import FakeEngine
from tests.tui.stage import Seat, Stage, among

AWAY = UnreachableError("fake refuses connections", "Is it up?")


def test_a_host_that_is_away_is_told_once_and_asked_again_by_a_key(stage: Stage) -> None:
    identifier = stage.start()
    stage.engine.faults["containers"] = [AWAY]

    async def story(seat: Seat) -> None:
        await seat.see("✗ away", "fake refuses connections. Is it up?")
        await seat.hear("fake refuses connections\nIs it up?")
        await seat.press("r")
        await seat.see("● up", identifier[:12])

    stage.play(story)


def test_a_host_that_is_lost_is_asked_again_by_itself(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "PAUSES", (0.1,))
    identifier = stage.start()
    stage.engine.faults["containers"] = [AWAY, AWAY, AWAY]

    async def story(seat: Seat) -> None:
        await seat.see("● up", identifier[:12])

    stage.play(story)


def test_sessions_of_a_host_that_is_lost_stay_and_say_so(stage: Stage) -> None:
    identifier = stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.until(lambda: stage.engine.listeners)
        stage.engine.faults["containers"] = [AWAY] * 9
        stage.engine.exit(next(iter(stage.engine.stored)), 1)
        await seat.see("? host away", identifier[:12], "! host")

    stage.play(story)


def test_a_host_that_is_slow_is_said_to_be_and_blocks_no_key(stage: Stage) -> None:
    answer = threading.Event()
    stage.engine.before["containers"] = answer.wait

    async def story(seat: Seat) -> None:
        await seat.see("? slow")
        await seat.press("3")
        await seat.see("[3 Tun", "No tunnels")
        answer.set()
        await seat.see("● up")

    stage.play(story)


def test_leaving_waits_for_no_host(stage: Stage) -> None:
    answer = threading.Event()
    stage.engine.before["containers"] = answer.wait
    asked: list[float] = []

    async def story(seat: Seat) -> None:
        await seat.see("[1 Ses")
        asked.append(time.monotonic())
        await seat.press("q")
        await seat.until(lambda: not seat.app.is_running)

    stage.play(story)
    assert time.monotonic() - asked[0] < 1
    answer.set()


def test_one_host_that_hangs_delays_no_other(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srctl.tui.tabs.SLOW", 0.5)
    identifier, answer = stage.start(), threading.Event()
    dead = FakeEngine(name="dead", before={"containers": answer.wait})

    async def story(seat: Seat) -> None:
        await seat.see(identifier[:12], "HOST")
        await seat.see("dead ? slow")
        await seat.see(f"$ srctl open {identifier[:12]} --host fake")
        answer.set()
        await seat.see("2 of 2 hosts up")

    hosts = [Host("dead", "", "config"), Host("fake", "", "config")]
    stage.play(story, size=(120, 30), hosts=hosts, at=among(dead, stage.engine))


def test_hosts_of_the_config_file_are_shown_unless_one_is_named(stage: Stage) -> None:
    with Context(stage.lab.environ | {"DOCKER_HOST": ""}) as context:
        stage.lab.write_config('host = "b"\n[hosts.a]\nurl = "unix:///a.sock"\n[hosts.b]\nurl = "unix:///b.sock"\n')
        assert [host.name for host in places.hosts(context)] == ["b", "a"]
    with Context(stage.lab.environ | {"DOCKER_HOST": ""}) as context:
        context.flags["host"] = "a"
        assert [host.name for host in places.hosts(context)] == ["a"]


def test_a_context_of_another_host_has_the_same_flags(stage: Stage) -> None:
    stage.lab.write_config('host = "b"\n[hosts.a]\nurl = "unix:///a.sock"\n[hosts.b]\nurl = "unix:///b.sock"\n')
    with Context(stage.lab.environ | {"DOCKER_HOST": ""}) as context:
        context.flags["user"] = "bob"
        first, second = (places.at(context, host, lambda _: None) for host in places.hosts(context))
        assert (first.host.name, first.config.user) == ("b", "bob")
        assert (second.host.name, second.config.user) == ("a", "bob")


def test_a_question_of_the_client_is_asked_on_the_screen_and_its_answer_is_used(stage: Stage) -> None:
    said: list[object] = []

    def at(context: Context, host: Host, asks: Any) -> Context:
        made = places.at(context, host, asks)
        prompter = made.prompter
        assert prompter is not None
        said.append(prompter.confirm("The authenticity of [b]host[/b] can't be established.\nGo on (yes/no)?"))
        said.append(prompter.secret("Enter passphrase for key /x:"))
        return made

    async def story(seat: Seat) -> None:
        await seat.see("The authenticity of [b]host[/b] can't be established.", "Go on (yes/no)?")
        await seat.press("y")
        await seat.see("Enter passphrase for key /x:")
        await seat.type("sesame")
        assert "sesame" not in seat.screen
        await seat.press("enter")
        await seat.see("● up")

    stage.play(story, at=at)
    assert said == [True, "sesame"]


def test_what_is_said_meanwhile_is_said_after_the_screen() -> None:
    said = io.StringIO()
    output = Output(stderr=said)
    with output.held():
        output.note("meanwhile")
        assert said.getvalue() == ""
    assert said.getvalue() == "meanwhile\n"
