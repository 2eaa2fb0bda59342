"""The pane of numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from srctl.errors import UnreachableError
from srctl.models import Host, Session
from srctl.tui.messages import EveryoneListed
from tests.fakes import WEB, FakeEngine
from tests.tui.stage import Seat, Stage, among

ONE = Session(
    "5" * 32, "6" * 32, "ann", WEB, "Test page", "fake", "srctl", "running", None, None, "/x", None, "7" * 64,
    "srctl-web", "sha256:1", False, True, datetime(2030, 1, 1, tzinfo=UTC),
)  # fmt: skip


def test_the_numbers_are_shown_with_bars(stage: Stage) -> None:
    stage.lab.ok("user", "disable", "bob")
    sessions = [
        *(replace(ONE, id=f"{number:032x}") for number in range(3)),
        replace(ONE, id="e" * 32, user="eve[b]", image="old:1", title="Old\x1b"),
        replace(ONE, id="d" * 32, user="zoe", status="exited"),
    ]

    async def story(seat: Seat) -> None:
        await seat.go("Overview")
        await seat.see("of realm srctl · 0 running for no users of 2")
        seat.app.post_message(EveryoneListed("fake", sessions))
        await seat.see("Overview of realm srctl · 4 running for 2 users of 2")
        rows = {row.cells[:2]: row.cells[2:] for row in seat.app.main.pane.table.rows}
        assert rows["users", "active"] == rows["users", "disabled"] == ("1", "█" * 10)
        assert rows["users", "with something running"] == ("2", "█" * 20)
        assert rows["applications", "registered"] == ("3", "")
        assert rows["applications", "granted to somebody"] == ("1", "█" * 6 + "▋")
        assert rows["grants", "given"] == ("1", "")
        assert rows["running on", "fake"] == ("4", "█" * 20)
        assert rows["running as", "Test page"] == rows["running for", "ann"] == ("3", "█" * 15)
        assert rows["running as", r"Old\u001b"] == rows["running for", "eve[b]"] == ("1", "█" * 5)
        assert ("running for", "zoe") not in rows
        assert rows["running", "everywhere"] == ("4", "")
        seat.app.main.pane.table.select("running on\0fake")
        await seat.see("running on fake", "4 of 4", "ann 3, eve[b] 1", f"{WEB} 3, old:1 1", "$ srctl status")

    stage.play(story)


def test_a_host_that_is_away_has_no_number_and_the_last_one_that_it_told_is_marked(stage: Stage) -> None:
    other = FakeEngine(name="other", faults={"containers": [UnreachableError("gone")] * 99})

    async def story(seat: Seat) -> None:
        await seat.go("Overview")
        await seat.see("other", "✗ away", "at least 0 running")
        row = next(row for row in seat.app.main.pane.table.rows if row.cells[1] == "other")
        assert row.cells[2:] == ("?", "✗ away")
        seat.app.post_message(EveryoneListed("other", [replace(ONE, host="other")]))
        await seat.see("█" * 20 + " ✗ away")

    hosts = [Host("fake", "", "config"), Host("other", "", "config")]
    stage.play(story, hosts=hosts, at=among(stage.engine, other))
