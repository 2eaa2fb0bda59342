"""Groups in the pane of users, by its keys."""

from __future__ import annotations

from typing import Any

from srctl.accounting import Accounting
from srctl.db.store import open_store
from srctl.groups import Groups
from srctl.models import Policy
from tests.fakes import WEB
from tests.tui.stage import Seat, Stage


def teams(stage: Stage) -> dict[str, Any]:
    """Return the members of the groups of the accounting database by their names."""
    return {each["name"]: each["members"] for each in stage.lab.json("group", "list")}


def in_lab(stage: Stage, *users: str) -> None:
    """Have a group with these members, to which the test page is granted; ann has nothing of her own."""
    with open_store(str(stage.lab.database)) as store:
        Groups(store).add(["lab"]).check()
        Groups(store).join("lab", users).check()
        Accounting(store).remove_grants_of(WEB, "ann").check()
        Accounting(store).add_grant(WEB, "@lab", Policy(allow_home=True))


def test_groups_are_added_where_users_are_and_stand_before_them(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Users")
        await seat.see("Users 2")
        await seat.press("n")
        await seat.type("@lab chem")
        await seat.press("down", "space", "space")
        await seat.see("◂ group ▸", "$ srctl group add lab chem")
        await seat.press("enter")
        await seat.hear("Added @lab, @chem")
        await seat.see("Users 2 · 2 groups", "@chem   group   no members")
        assert teams(stage) == {"chem": [], "lab": []}
        await seat.press("n")
        await seat.type("lab")
        await seat.press("down", "left", "enter")
        await seat.see("✗ Group lab exists", "◂ group ▸")

    stage.play(story)


def test_users_are_taken_into_a_group_and_out_again(stage: Stage) -> None:
    in_lab(stage, "ann")
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.go("Users")
        await seat.see("▸ @lab", "members   ann", "gives     srctl/web:latest: home", "$ srctl group show lab")
        await seat.press("enter")
        await seat.see("Members 1 · @lab", "▸ ann", "gives     srctl/web:latest: home", "$ srctl group join lab USER")
        await seat.press("n")
        await seat.type("bob eve")
        await seat.see("$ srctl group join lab bob eve")
        await seat.press("enter")
        await seat.see("✓ In @lab now: bob", "✗ There is no user eve")
        await seat.press("q")
        await seat.see("Members 2")
        await seat.press("x")
        await seat.see("Take ann out of @lab?", "$ srctl group leave lab ann [--stop]")
        await seat.press("n", "x", "s")
        await seat.hear("Out of @lab now: ann")
        await seat.see("Members 1", "▸ bob")
        assert (teams(stage), stage.engine.stored) == ({"lab": ["bob"]}, {})
        await seat.press("q")
        await seat.see("Users 2 · 1 group", "members   bob")

    stage.play(story)


def test_a_user_is_taken_into_several_groups_and_out_of_one(stage: Stage) -> None:
    in_lab(stage)
    stage.lab.ok("group", "add", "chem")

    async def story(seat: Seat) -> None:
        await seat.go("Users")
        await seat.see("▸ @chem")
        await seat.press("j", "j", "m")
        await seat.see("Groups 0 · ann", "In no group")
        await seat.press("n")
        await seat.type("chem @lab")
        await seat.see("$ srctl group join chem ann && srctl group join lab ann")
        await seat.press("enter")
        await seat.hear("ann is now in @chem, @lab")
        await seat.see("Groups 2 · ann")
        await seat.press("x", "y")
        await seat.see("Groups 1 · ann", "▸ @lab", "gives     srctl/web:latest: home")
        assert teams(stage) == {"chem": [], "lab": ["ann"]}
        await seat.press("q")
        await seat.see("groups    @lab", "by @lab: srctl/web:latest: home")

    stage.play(story)


def test_removing_a_group_says_what_goes_and_who_stays(stage: Stage) -> None:
    in_lab(stage, "ann", "bob")
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.type(":groups")
        await seat.press("enter")
        await seat.see("▸ @lab")
        await seat.press("d")
        await seat.hear("A group can't be disabled")
        await seat.press("x")
        await seat.see("Remove @lab with 1 grant? 2 members stay", "$ srctl group remove lab [--stop]")
        await seat.press("y")
        await seat.hear("Removed @lab")
        await seat.see("Users 2", "▸ ann")
        assert (teams(stage), len(stage.engine.stored)) == ({}, 1)

    stage.play(story)


def test_only_looking_changes_no_group(stage: Stage) -> None:
    in_lab(stage, "ann")

    async def story(seat: Seat) -> None:
        await seat.go("Users")
        await seat.see("▸ @lab", "m groups")
        await seat.press("x", "n", "enter")
        await seat.see("Members 1 · @lab")
        await seat.press("x", "n", "enter", "q")
        await seat.see("Users 2 · 1 group")

    stage.play(story, readonly=True)
    assert teams(stage) == {"lab": ["ann"]}
