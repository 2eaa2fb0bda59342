"""What sessions take: as numbers and bars, of what is in view and of nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from srctl.models import Host, Usage
from srctl.tui.meters import SLOT, SLOTS, Meters, bars
from tests.fakes import FakeEngine, FakeStats
from tests.tui.stage import Seat, Stage, among


def test_bars_say_how_much_of_a_core_and_what_nobody_has_measured() -> None:
    assert bars([None, 0.0, 12.5, 50.0, 100.0]) == "·▁▂▅█"
    assert bars([100.0, 400.0]) == "▃█"


def test_samples_of_some_seconds_are_one_bar_and_old_ones_go() -> None:
    meters = Meters()
    for second, share in ((0, 10.0), (1, 30.0), (SLOT, 80.0), (3 * SLOT, 50.0)):
        meters.put("h", Usage("c", share, 5, 10), now=100 * SLOT + second)
    now = 100.0 * SLOT + 3 * SLOT
    assert meters.course("h", "c", 5, now) == [None, 20.0, 80.0, None, 50.0]
    assert meters.course("other", "c", 2, now) == [None, None]
    assert meters.now("h", "c", now) == Usage("c", 50.0, 5, 10)
    assert meters.now("h", "c", now + 60) is None
    assert meters.course("h", "c", SLOTS, now + 1000 * SLOT) == [None] * SLOTS


def opened(stage: Stage) -> list[FakeStats]:
    return [each for each in stage.engine.watched if not each.closed]


def test_a_session_in_view_tells_what_it_takes(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.until(lambda: opened(stage))
        await seat.see("100M", "- of a core")
        opened(stage)[0].tell(250.0, 410 << 20)
        await seat.see("CPU", "·······█", "410M", "250% of a core, 250% at most", "410M of 16G")

    stage.play(story)


def test_where_the_room_is_short_the_numbers_go_and_stand_below(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.until(lambda: opened(stage))
        opened(stage)[0].tell(37.0)
        await seat.see("37% of a core", "Test page", "● running")
        assert "MEM" not in seat.screen

    stage.play(story, size=(50, 30))


def test_nothing_is_streamed_for_what_is_not_to_be_seen(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.until(lambda: len(opened(stage)) == 1)
        await seat.press("2")
        await seat.until(lambda: not opened(stage), "closed with its pane")
        await seat.press("1")
        await seat.until(lambda: len(opened(stage)) == 1, "opened again")
        await seat.press("l")
        await seat.until(lambda: not opened(stage), "closed under a log")
        await seat.press("q")
        await seat.until(lambda: len(opened(stage)) == 1)
        stage.engine.exit(opened(stage)[0].container_id, 0)
        await seat.until(lambda: not opened(stage), "closed with its session")

    stage.play(story)


def test_streams_follow_the_rows_that_are_scrolled_to(stage: Stage, busy: Callable[[], list[str]]) -> None:
    ids = busy()

    async def story(seat: Seat) -> None:
        await seat.see("Sessions 40")
        await seat.until(lambda: {each.container_id for each in opened(stage)} == set(ids[:10]), str(opened(stage)))
        calls = stage.engine.calls.count("containers")
        await seat.press("G")
        await seat.until(lambda: {each.container_id for each in opened(stage)} == set(ids[-10:]))
        assert stage.engine.calls.count("containers") == calls + 1, "one request tells which may be watched"
        seat.app.main.pane.table.sort(5, backwards=True)
        await seat.until(lambda: len(opened(stage)) == 40, "sorted by what they take, all must be known")
        opened(stage)[7].tell(90.0, 500 << 20)
        await seat.press("g")
        await seat.until(lambda: "500M" in seat.lines[3], "the greatest is on top")

    stage.play(story)


@pytest.fixture
def busy(stage: Stage) -> Callable[[], list[str]]:
    """ann runs 40 sessions; their containers, as they are listed."""

    def fill() -> list[str]:
        stage.start()
        [first] = stage.engine.stored.values()
        name = "eu.simphony-project.docker.runinfo.url_id"
        for number in range(101, 140):
            labels = {**first.labels, name: f"{number:032x}"}
            container = replace(first, id=f"{number:064x}", name=f"n{number}", labels=labels)
            stage.engine.stored[container.id] = container
        with stage.context() as context:
            return [each.container_id for each in context.sessions.find()]

    return fill


def test_a_stream_that_breaks_is_opened_again_and_the_old_number_is_not_shown_for_ever(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("srctl.following.PAUSES", (0.5,))
    monkeypatch.setattr("srctl.tui.meters.FRESH", 1.5)
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.until(lambda: opened(stage))
        opened(stage)[0].tell(37.0, 200 << 20)
        await seat.see("200M")
        stage.engine.watched[0].lines.put(None)
        await seat.see("not known yet")
        await seat.until(lambda: len(stage.engine.watched) == 2)
        stage.engine.watched[1].tell(12.0, 300 << 20)
        await seat.see("300M")

    stage.play(story)


def test_leaving_waits_for_no_stream_and_a_host_that_hangs_stops_no_other(stage: Stage) -> None:
    identifier, answer = stage.start(), threading.Event()
    dead = FakeEngine(name="dead", before={"containers": answer.wait})

    async def story(seat: Seat) -> None:
        await seat.see(identifier[:12])
        await seat.until(lambda: opened(stage))
        opened(stage)[0].tell(55.0, 200 << 20)
        await seat.see("200M")
        begun = time.monotonic()
        await seat.press("q")
        await seat.until(lambda: not seat.app.is_running)
        assert time.monotonic() - begun < 1
        answer.set()

    stage.play(story, hosts=[Host("dead", "", "config"), Host("fake", "", "config")], at=among(dead, stage.engine))
