"""Many names and many grants at once, from stdin."""

from __future__ import annotations

import pytest

from tests.cli.front_door import FrontDoor

GRANTS = r"""
# image, user, and what the options of `grant add` say
desktop ann --allow-home --cpus 2

desktop bob --volume "/srv/my data:/data:ro"  --license 'a b'
registry.example/web:2 ann
"""


def test_users_are_added_from_stdin_each_for_itself(team: FrontDoor) -> None:
    ran = team("user", "add", "eve", "-", "fay", "--admin", stdin="\ufeffcarol\r\n\n# no\n  dan  \nann\n-x\n")
    assert ran.lines == ["eve", "carol", "dan", "fay"]
    assert ran.code == 5
    assert "User ann exists" in ran.err
    assert "'-x'" in ran.err
    assert {row["name"] for row in team.json("user", "list") if row["admin"]} == {"eve", "carol", "dan", "fay"}


def test_grants_are_added_from_stdin_as_they_would_be_typed(team: FrontDoor) -> None:
    ran = team("grant", "add", "-", stdin=GRANTS)
    assert ran.code == 0, ran.err
    rows = {(row["image"], row["user"]): row for row in team.json("grant", "list")}
    assert {row["id"] for row in rows.values()} == set(ran.lines)
    assert rows["desktop:latest", "ann"]["policy"]["cpus"] == 2.0
    policy = rows["desktop:latest", "bob"]["policy"]
    assert (policy["license"], policy["volumes"][0]["source"]) == ("a b", "/srv/my data")
    again = team("grant", "add", "-", "-o", "json", stdin=GRANTS)
    assert [row["id"] for row in again.json] == ran.lines


def test_each_line_that_fails_is_told_with_its_number(team: FrontDoor) -> None:
    wrong = [
        "none:1 ann", "desktop", "desktop ann -o json", "desktop ann --license-file -", 'desktop "ann', "desktop a\0n",
        "desktop ann --help", "- ann", "desktop ann --frob", "desktop ann --cpus many", "desktop -- -x",
        "desktop - ann",
    ]  # fmt: skip
    ran = team("grant", "add", "-", "-o", "json", stdin="\n".join([*wrong, "desktop bob"]))
    assert ran.code == 3
    assert [row["user"] for row in ran.json] == ["bob"]
    messages = [each["message"] for each in ran.error["errors"]]
    assert [message.partition(":")[0] for message in messages] == [f"line {number}" for number in range(1, 13)]


def test_an_application_is_granted_to_names_from_stdin(team: FrontDoor) -> None:
    team.ok("group", "add", "lab")
    ran = team("grant", "add", "desktop", "-", "--allow-view", stdin="ann\n@lab\nnobody\n")
    assert (ran.code, len(ran.lines)) == (3, 2)
    assert "line 3: There is no user nobody" in ran.err
    assert {(row["user"], row["group"]) for row in team.json("grant", "list")} == {("ann", None), (None, "lab")}


@pytest.mark.parametrize(
    "argv",
    [
        ["user", "add", "-", "-"],
        ["grant", "add", "-", "ann"],
        ["grant", "add", "-", "--allow-home"],
        ["grant", "add", "desktop"],
    ],
    ids=" ".join,
)
def test_what_leaves_open_what_is_meant_is_wrong_usage(team: FrontDoor, argv: list[str]) -> None:
    assert team(*argv, stdin="desktop ann\n").code == 2
    assert team.json("grant", "list") == []


def test_nothing_on_stdin_does_nothing(team: FrontDoor) -> None:
    for argv in (["user", "add", "-"], ["grant", "add", "-"], ["grant", "add", "desktop", "-"]):
        ran = team(*argv, "-o", "json", stdin="\n# nobody\n")
        assert (ran.code, ran.json) == (0, [])


def test_users_join_and_leave_a_group_by_their_names_on_stdin(team: FrontDoor) -> None:
    team.ok("group", "add", "class")
    ran = team("group", "join", "class", "-", stdin="ann\nnobody\nbob\n")
    assert (ran.code, ran.lines) == (3, ["ann", "bob"])
    assert team("group", "leave", "class", "-", stdin="ann\n").lines == ["ann"]
    assert team.json("group", "show", "class")["members"] == ["bob"]
