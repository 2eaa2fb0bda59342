"""`srctl whocan` and `srctl why`: rights in words."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.cli.front_door import FrontDoor

DESKTOP = "desktop:latest"


def expire(srctl: FrontDoor, grant: str) -> None:
    with closing(sqlite3.connect(srctl.database)) as connection, connection:
        text = '{"expires":"2026-01-01T00:00:00+00:00"}'
        connection.execute("UPDATE grants SET policy = ? WHERE id = ?", (text, grant))


def test_whocan_lists_who_may_and_through_what(team: FrontDoor) -> None:
    team.ok("user", "add", "carl", "dora")
    team.ok("group", "add", "lab")
    team.ok("group", "join", "lab", "ann", "carl", "dora")
    shared = team.add("grant", "add", "desktop", "@lab", "--license", "SECRET")
    own = team.add("grant", "add", "desktop", "ann", "--cpus", "2")
    expire(team, team.add("grant", "add", "desktop", "bob"))
    team.ok("user", "disable", "dora")
    rows = team.json("whocan", "desktop")
    assert [(row["user"], row["group"], row["grant_id"]) for row in rows] == [
        ("ann", None, own),
        ("ann", "lab", shared),
        ("carl", "lab", shared),
    ]
    assert rows[1]["policy"]["license"] is True
    assert team.ok("whocan", "desktop", "-q").lines == ["ann", "carl"]
    table = team.ok("whocan", "desktop").out
    assert "SECRET" not in table
    assert "ann   -        2 CPUs" in table
    assert "carl  @lab     licence" in table
    assert team("whocan", "absent").code == 3


def test_why_says_what_permits_it_and_what_does_not(team: FrontDoor) -> None:
    team.ok("group", "add", "lab")
    team.ok("app", "limit", "desktop", "--max-lifetime", "8h", "--cpus", "4")
    assert "There is no grant of desktop:latest to bob, who is in no group." in team.ok("why", "bob", "desktop").out
    team.ok("group", "join", "lab", "ann")
    shared = team.add("grant", "add", "desktop", "@lab", "--cpus", "2")
    own = team.add("grant", "add", "desktop", "ann", "--allow-home")
    lines = team.ok("why", "ann", "desktop").lines
    assert lines[0] == f"ann may start {DESKTOP}."
    assert lines[1].startswith("By a grant of the user's own, since ")
    assert lines[1].endswith(f"({own[:12]}): home; and, as every grant of it: 4 CPUs, at most 8h.")
    assert lines[2].startswith("By the group lab, since ")
    assert lines[2].endswith(f"({shared[:12]}): 2 CPUs; and, as every grant of it: at most 8h.")
    assert "the id of one" in lines[3]
    row = team.json("why", "ann", "desktop")
    assert (row["allowed"], [grant["id"] for grant in row["grants"]]) == (True, [own, shared])
    assert row["reasons"] == lines[1:]
    assert team.ok("why", "ann", "desktop", "-q").lines == [own, shared]


def test_why_not_names_what_is_missing(team: FrontDoor) -> None:
    team.ok("group", "add", "lab", "others")
    team.ok("group", "join", "others", "bob")
    team.add("grant", "add", "desktop", "@lab")
    [first, second] = team.ok("why", "bob", "desktop").lines
    assert first == f"bob may not start {DESKTOP}."
    assert second == (
        f"There is no grant of {DESKTOP} to bob, nor to @others. It is granted to @lab."
        f" To give one: srctl grant add {DESKTOP} bob."
    )
    expire(team, team.add("grant", "add", "desktop", "ann"))
    assert team.ok("why", "ann", "desktop").lines[1].endswith("It has expired.")
    team.ok("user", "disable", "ann")
    assert team.json("why", "ann", "desktop")["allowed"] is False
    assert "srctl user enable ann" in team.ok("why", "ann", "desktop").lines[2]
    assert team("why", "nobody", "desktop").code == 3
    assert team("why", "ann", "absent").code == 3
