"""What groups are granted, and why somebody may, in the pane of grants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from srctl.accounting import Accounting
from srctl.models import Policy
from tests.tui.granting import begin, change, grants, in_group
from tests.tui.stage import Seat, Stage


def test_a_group_has_a_row_and_is_given_and_taken_from_like_a_user(stage: Stage) -> None:
    change(stage, lambda accounting: in_group(accounting, "lab", "ann", "bob"))

    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.see("Grants · 1 group · 2 users · 3 applications", "▸ @lab  [·]", "members   ann, bob")
        await seat.press("space")
        await seat.see("▸ @lab  [✓]", "  ann    @ ", "  bob    @ ")
        await seat.press("enter", "space")
        await seat.see("Grant of desktop:latest to @lab")
        await seat.press("enter")
        await seat.see("▸ @lab  [✓h]", "  ann    @h ")
        [grant] = grants(stage, "@lab")
        assert (grant.holder, grant.policy) == ("@lab", Policy(allow_home=True))
        await seat.press("x")
        await seat.see("Take desktop:latest (home) away from @lab?")
        await seat.press("y")
        await seat.see("▸ @lab  [·]", "  bob    · ")
        assert grants(stage, "@lab") == []
        await seat.press("u")
        await seat.see("▸ @lab  [✓h]", "  bob    @h ")
        await seat.press("slash")
        await seat.type("group")
        await seat.see("1 of 1 group and 2 users /group")

    stage.play(story)


def test_why_somebody_may_and_who_may_is_told_in_the_words_of_the_commands(stage: Stage) -> None:
    def fill(accounting: Accounting) -> None:
        in_group(accounting, "lab", "bob")
        accounting.add_grant("desktop", "@lab", Policy(allow_view=True))

    change(stage, fill)

    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.press("j", "w")
        await seat.see("✗ ann may not start desktop:latest.", "There is no grant of", "$ srctl why ann desktop:latest")
        await seat.press("q", "j", "w")
        await seat.see("✓ bob may start desktop:latest.", "By the group lab, since")
        await seat.press("q", "W")
        await seat.see("Who may start desktop:latest", "bob   @lab     view", "$ srctl whocan desktop:latest")
        await seat.press("q", "g", "l", "w")
        await seat.see("Who may start srctl/web:latest", "ann   -        default")

    stage.play(story, readonly=True)


def test_what_has_expired_is_marked_and_counts_for_nothing(stage: Stage) -> None:
    until = datetime.now(UTC) + timedelta(seconds=1)
    change(stage, lambda accounting: accounting.add_grant("desktop", "bob", Policy(allow_home=True, expires=until)))

    async def story(seat: Seat) -> None:
        await seat.until(lambda: datetime.now(UTC) > until)
        await begin(seat)
        await seat.press("j")
        await seat.see("[✗]", "! expired home, until")

    stage.play(story)
