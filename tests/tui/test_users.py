"""The pane of users, which administrators have."""

from __future__ import annotations

from tests.tui.stage import Seat, Stage


def test_users_of_the_accounting_database_are_listed_and_kept_up_to_date(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.see("4 Users")
        await seat.press("4")
        await seat.see("Users 2", "● active")
        stage.lab.json("user", "add", "berta")
        await seat.see("Users 3", "berta")

    stage.play(story)


def test_without_an_accounting_database_there_are_no_panes_of_administrators(stage: Stage) -> None:
    stage.lab.database.unlink()

    async def story(seat: Seat) -> None:
        await seat.see("● up")
        await seat.press("4")
        assert "Users" not in seat.screen

    stage.play(story)
