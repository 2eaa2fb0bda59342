"""`srctl group`, grants to groups, and the rights that people have by them."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from srctl.db.store import open_store
from tests.cli.front_door import FrontDoor
from tests.fakes import WEB

DESKTOP = "desktop:latest"


@pytest.fixture
def staff(team: FrontDoor) -> FrontDoor:
    """Ann is in the group staff."""
    team.ok("group", "add", "staff")
    team.ok("group", "join", "staff", "ann")
    return team


def test_groups_are_added_listed_and_removed(team: FrontDoor) -> None:
    assert team.ok("group", "add", "staff", "lab").out == "staff\nlab\n"
    assert team.ok("group", "join", "staff", "ann", "bob").out == "ann\nbob\n"
    assert team.ok("group", "join", "@staff", "ann").out == "ann\n"
    rows = team.json("group", "list")
    assert [list(row) for row in rows] == [["name", "members", "grants", "created"]] * 2
    assert [(row["name"], row["members"]) for row in rows] == [("lab", []), ("staff", ["ann", "bob"])]
    assert team.json("group", "show", "staff") == rows[1]
    assert team.json("user", "show", "bob")["groups"] == ["staff"]
    assert team.ok("group", "leave", "staff", "bob").out == "bob\n"
    assert team.ok("group", "remove", "staff", "--yes").out == "staff\n"
    assert team.ok("group", "list", "-q").lines == ["lab"]
    assert team("group", "remove", "lab").code == 2


@pytest.mark.parametrize("name", ["", "@staff", "-x", ".x", "a b", "a" * 64, "ä"])
def test_a_bad_name_of_a_group_is_wrong_usage(team: FrontDoor, name: str) -> None:
    assert team("group", "add", "--", name).code == 2


def test_of_several_users_each_is_tried(staff: FrontDoor) -> None:
    ran = staff("group", "join", "staff", "nobody", "bob")
    assert (ran.code, ran.out) == (3, "bob\n")
    ran = staff("group", "leave", "staff", "ann", "nobody", "ann")
    assert (ran.code, ran.out) == (3, "ann\n")
    assert staff("group", "join", "none", "ann").code == 3


class TestGrants:
    def test_a_grant_of_a_group_has_no_user(self, staff: FrontDoor) -> None:
        grant = staff.add("grant", "add", "desktop", "@staff", "--allow-home")
        assert staff.add("grant", "add", "desktop", "@staff", "--allow-home") == grant
        [row] = staff.json("grant", "list")
        assert (row["id"], row["user"], row["group"], row["image"]) == (grant, None, "staff", DESKTOP)
        assert "@staff" in staff.ok("grant", "list").out
        assert staff("grant", "add", "desktop", "@nobody").code == 3

    def test_the_list_of_a_user_says_through_what(self, staff: FrontDoor) -> None:
        shared = staff.add("grant", "add", "desktop", "@staff")
        own = staff.add("grant", "add", "desktop", "ann", "--allow-home")
        staff.add("grant", "add", "desktop", "bob")
        rows = staff.json("grant", "list", "--user", "ann")
        assert [(row["id"], row["user"], row["group"]) for row in rows] == [
            (own, "ann", None),
            (shared, None, "staff"),
        ]
        assert staff.ok("grant", "list", "--user", "@staff", "-q").lines == [shared]
        assert [found["group"] for found in staff.json("user", "show", "ann")["grants"]] == [None, "staff"]
        assert staff.json("user", "list", "--grants")[0] == staff.json("user", "show", "ann")
        assert f"{DESKTOP} (default, by @staff)" in staff.ok("user", "show", "ann").out

    def test_what_comes_by_a_group_is_not_removed_with_what_is_a_user_s_own(self, staff: FrontDoor) -> None:
        shared = staff.add("grant", "add", "desktop", "@staff")
        for words in (("desktop", "ann"), ("desktop", "ann", "--all")):
            ran = staff("grant", "remove", *words)
            assert ran.code == 3
            assert "srctl group leave staff ann" in ran.err
        assert staff.ok("grant", "remove", "desktop", "@staff").out == f"{shared}\n"

    def test_a_user_whose_name_begins_so_is_no_group(self, team: FrontDoor) -> None:
        team.ok("user", "add", "@odd")
        grant = team.add("grant", "add", "desktop", "@odd")
        assert team.json("grant", "list", "--user", "@odd")[0]["user"] == "@odd"
        assert team("group", "add", "odd").code == 5
        assert team.ok("grant", "remove", "desktop", "@odd").out == f"{grant}\n"


class TestSessions:
    def test_a_member_starts_by_the_group_and_no_more_when_the_member_has_left(self, lab: FrontDoor) -> None:
        lab.ok("group", "add", "staff")
        lab.ok("group", "join", "staff", "bob")
        grant = lab.add("grant", "add", WEB, "@staff")
        assert lab.ok("--user", "bob", "session", "available", "-q").lines == [grant]
        session = lab.add("--user", "bob", "start", WEB)
        [row] = lab.json("--user", "bob", "ps")
        assert (row["id"], row["grant_id"], row["granted"]) == (session, grant, True)
        lab.ok("group", "leave", "staff", "bob")
        assert lab.json("--user", "bob", "ps")[0]["granted"] is False
        assert lab("--user", "bob", "start", WEB).code == 4
        lab.ok("group", "join", "staff", "bob")
        lab.ok("group", "leave", "staff", "bob", "--stop")
        assert lab.json("--user", "bob", "ps") == []

    def test_the_same_by_two_ways_is_no_choice_and_something_else_is(self, lab: FrontDoor) -> None:
        lab.ok("group", "add", "staff")
        lab.ok("group", "join", "staff", "ann")
        shared = lab.add("grant", "add", WEB, "@staff")
        lab.ok("start", WEB)
        assert lab.json("ps")[0]["grant_id"] != shared
        other = lab.add("grant", "add", WEB, "@staff", "--allow-home")
        ran = lab("start", WEB)
        assert ran.code == 5
        assert f"{other} (home, by @staff)" in ran.err
        assert shared not in ran.err

    def test_removing_a_group_can_end_what_runs_by_it_and_nothing_else(self, lab: FrontDoor) -> None:
        lab.ok("group", "add", "staff")
        lab.ok("group", "join", "staff", "bob")
        lab.add("grant", "add", WEB, "@staff")
        own, others = lab.add("start", WEB), lab.add("--user", "bob", "start", WEB)
        lab.ok("group", "leave", "staff", "bob")
        lab.ok("group", "remove", "staff", "--yes", "--stop")
        assert lab.ok("ps", "--all-users", "--all", "-q").lines == [own]
        with open_store(str(lab.database)) as store:
            ended = {each.session_id: each.reason for each in store.records.between(None, None)}
        assert ended == {own: None, others: "ungranted"}

    def test_a_start_that_loses_its_group_meanwhile_leaves_nothing(self, lab: FrontDoor) -> None:
        lab.ok("group", "add", "staff")
        lab.ok("group", "join", "staff", "bob")
        lab.add("grant", "add", WEB, "@staff")

        def leave() -> None:
            with closing(sqlite3.connect(lab.database)) as connection, connection:
                connection.execute("DELETE FROM group_members")

        assert lab.engine is not None
        lab.engine.before["create"] = leave
        assert lab("--user", "bob", "start", WEB).code == 4
        assert lab.engine.stored == {}
