"""The form of a grant, by its keys."""

from __future__ import annotations

from datetime import UTC, datetime

from srctl.accounting import Accounting
from srctl.models import Limits, Policy, Volume
from tests.fakes import WEB
from tests.tui.granting import begin, change, grants, in_group
from tests.tui.stage import Seat, Stage


def test_the_form_has_every_field_of_a_policy(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.press("j", "enter")
        await seat.see("Grant of desktop:latest to bob", "[ ] home", "$ srctl grant add desktop:latest bob")
        await seat.press("space", "down", "space", "down", "space", "tab")
        await seat.type("L")
        await seat.press("tab")
        await seat.type("/a:/b:ro")
        await seat.press("enter")
        await seat.type("/s:/t:rwx")
        await seat.see("✗ Volume mode 'rwx' is neither ro nor rw")
        await seat.press("ctrl+s")
        await seat.press("backspace")
        await seat.see("[x] home", "--license-file - --volume /a:/b:ro --volume", "/s:/t:rw   ")
        await seat.press("ctrl+s")
        await seat.see("[✓hvslw]")
        [grant] = grants(stage, "bob")
        assert grant.policy == Policy(True, True, True, "L", (Volume("/a", "/b", "ro"), Volume("/s", "/t", "rw")))

    stage.play(story)


def test_a_grant_that_gets_more_stays_the_same_and_one_that_gets_less_does_not(stage: Stage) -> None:
    [before] = grants(stage)
    stage.start()

    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.press("l", "enter")
        await seat.see("Grant of Test page to ann", "Nothing changes")
        await seat.press("space")
        await seat.see("Its sessions run on as they were started, and can be opened")
        await seat.press("enter")
        await seat.hear("It stays the same grant")
        await seat.see("[✓h]")
        assert [(each.id, each.policy) for each in grants(stage)] == [(before.id, Policy(allow_home=True))]
        await seat.press("enter", "space")
        await seat.see("Takes something away: its sessions run on, but can't be opened any more")
        await seat.press("shift+tab", "shift+tab", "shift+tab", "space")
        await seat.see("[x] stop the sessions", "Its sessions end now", f"{before.id[:12]} --default --stop")
        await seat.press("enter")
        await seat.hear("It is a new grant")
        [after] = grants(stage)
        assert (after.policy, after.id == before.id, stage.engine.stored) == (Policy(), False, {})
        await seat.press("u")
        await seat.see("Let ann have Test page as it was granted before?", f"{after.id[:12]} --default --allow-home")
        await seat.press("y")
        await seat.see("[✓h]")

    stage.play(story)


def test_the_form_sets_every_limit_as_the_command_line_reads_it(stage: Stage) -> None:
    change(stage, lambda accounting: accounting.set_defaults("desktop", Limits(memory=4 << 30, network="isolated")))

    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.press("j", "enter")
        await seat.see("(4g)", "◂ (isolated) ▸", "max-lifetime", "read-only", "^S Save")
        await seat.press(*["down"] * 5)
        await seat.see("cpus: At most so many CPUs, e.g. 1.5.")
        for text in ("1.5", "2x", "all", "1g", "200"):
            await seat.type(text)
            await seat.press("down")
        await seat.press("right", "right", "down", "space", "down")
        for text in ("3", "12h", "90m", "2030-01-31"):
            await seat.type(text)
            await seat.press("tab")
        await seat.see("✗ Not a size: '2x'", "Write it as for docker, e.g. 512m or 2g", "◂ isolated ▸", "◂ yes ▸")
        await seat.press("ctrl+s")
        await seat.see("memory: At most so much memory")
        await seat.type("2g")
        await seat.see("--cpus 1.5 --memory 2g --gpus all", "--max-lifetime 12h", "--expires 2030-01-31", "^S Save")
        await seat.press("enter")
        await seat.see("[✓]")
        [grant] = grants(stage, "bob")
        assert grant.policy == Policy(
            cpus=1.5, memory=2 << 30, gpus="all", shm_size=1 << 30, pids=200, network="isolated", read_only=True,
            max_sessions=3, max_lifetime=43200, idle_timeout=5400, expires=datetime(2030, 1, 31, tzinfo=UTC),
        )  # fmt: skip
        await seat.press("enter")
        await seat.see("2030-01-31", "90m", "◂ isolated ▸", "◂ yes ▸", "Nothing changes")

    stage.play(story)


def test_limits_are_kept_where_nobody_changes_them_and_a_group_s_grant_is_nobody_s_to_take(stage: Stage) -> None:
    def fill(accounting: Accounting) -> None:
        accounting.remove_grants_of(WEB, "ann").check()
        accounting.add_grant(WEB, "ann", Policy(cpus=2.0, max_sessions=3))
        in_group(accounting, "lab", "ann")
        accounting.add_grant(WEB, "@lab", Policy(allow_view=True))

    change(stage, fill)

    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.press("j", "l", "enter", "space")
        await seat.see("--default --allow-home --cpus 2")
        await seat.press("enter")
        await seat.hear("It stays the same grant")
        await seat.see("[&hv]", "by @lab: view")
        own, by_group = grants(stage)
        assert (own.policy, by_group.group) == (Policy(allow_home=True, cpus=2.0, max_sessions=3), "lab")
        await seat.press("space")
        await seat.see("Take Test page (home, 2 CPUs, 3 sessions at once) away from ann?")
        await seat.press("y")
        await seat.hear("Took Test page away from ann")
        await seat.see("[@v]")
        assert grants(stage) == [by_group]
        await seat.press("x")
        await seat.hear("ann has Test page by @lab alone")
        assert grants(stage) == [by_group]

    stage.play(story)
