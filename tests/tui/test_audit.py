"""The pane of the audit, where the accounting database is a gateway's."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from srctl.db.ledger import Ledger
from srctl.entry import AuditEntry
from srctl.logins import FOLDER
from srctl.tui import audit
from tests.tui.stage import Seat, Stage

NOW = datetime.now(UTC)
KEY = "SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


@pytest.fixture
def gateway(stage: Stage) -> Stage:
    """The accounting database is that of a gateway on this machine."""
    (stage.lab.database.parent / FOLDER).mkdir(mode=0o700)
    return stage


def note(stage: Stage, action: str, result: str = "ok", *, ago: float = 0, user: str | None = "ann") -> None:
    """Write an entry, as a gateway's command does."""
    moment = datetime.now(UTC) - timedelta(seconds=ago)
    detail = f'{{"app": "{action} [b]x\x1b"}} ' + "long " * 40
    with closing(Ledger(stage.lab.database)) as ledger:
        ledger.note(AuditEntry(moment, user, KEY, "192.0.2.7", action, detail, result))


def test_the_audit_is_shown_newest_first_and_grows(gateway: Stage) -> None:
    note(gateway, "session.start", ago=60)
    note(gateway, "user.list", "not-allowed", ago=30, user=None)

    async def story(seat: Seat) -> None:
        await seat.go("Audit")
        await seat.see("Audit 2", "▸ ", "192.0.2.7", "abcdefgh")
        rows = [row.cells for row in seat.app.main.pane.table.rows]
        assert [row[1:4] for row in rows] == [("-", "user.list", "✗ not-allowed"), ("ann", "session.start", "✓ ok")]
        await seat.see("user.list by nobody known", KEY[:30], r'[b]x\u001b"} long')
        await seat.see("$ srctl audit list --since 20")
        note(gateway, "session.stop", ago=70)
        note(gateway, "session.open")
        await seat.see("Audit 4")
        actions = [row.cells[2] for row in seat.app.main.pane.table.rows]
        assert actions == ["session.open", "session.stop", "user.list", "session.start"]
        await seat.press("G", "enter")
        await seat.see("session.start by ann", "result    ✓ ok", f"key       {KEY}")
        await seat.press("q")

    gateway.play(story, size=(140, 40))


def test_a_filter_finds_text_also_that_of_a_whole_key(gateway: Stage) -> None:
    for action in ("session.start", "session.stop", "user.add"):
        note(gateway, action)

    async def story(seat: Seat) -> None:
        await seat.go("Audit")
        await seat.see("Audit 3")
        await seat.press("slash", *"stop")
        await seat.see("Audit 1 of 3", "session.stop")
        await seat.press("escape", "slash", *"xyz0123")
        await seat.see("Audit 3 of 3")

    gateway.play(story)


def test_no_text_is_hidden_by_the_scrollbar(gateway: Stage) -> None:
    for _ in range(30):
        note(gateway, "session.longer")

    async def story(seat: Seat) -> None:
        await seat.go("Audit")
        await seat.see("Audit 30")
        await seat.until(lambda: all("192.0.2.7" in line for line in seat.lines[4:10]), "the end of it is hidden")

    gateway.play(story)


def test_only_the_newest_entries_are_kept(gateway: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST", 3)
    for number in range(5):
        note(gateway, f"a{number}")

    async def story(seat: Seat) -> None:
        await seat.go("Audit")
        await seat.see("Audit 3", "a4", "a2")
        note(gateway, "a5")
        await seat.see("▸", "a5", "a3")
        assert [row.cells[2] for row in seat.app.main.pane.table.rows] == ["a5", "a4", "a3"]

    gateway.play(story)


def test_nothing_is_read_while_another_pane_is_shown(gateway: Stage) -> None:
    note(gateway, "first")

    async def story(seat: Seat) -> None:
        await seat.go("Audit")
        await seat.see("Audit 1")
        pane = seat.app.main.pane
        await seat.go("Users")
        note(gateway, "second")
        edition = seat.app.state.edition
        await seat.until(lambda: seat.app.state.edition > edition)
        await seat.pilot.pause(0.2)
        assert len(pane.table.rows) == 1
        await seat.go("Audit")
        await seat.see("Audit 2", "second")

    gateway.play(story)


def test_without_a_gateway_there_is_no_audit(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Users")
        assert "Audit" not in seat.panes

    stage.play(story)
