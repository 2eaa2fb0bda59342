"""`srctl user` and `srctl user key`."""

from __future__ import annotations

import base64

import pytest

from tests.cli.front_door import FrontDoor

BODY = b"\0\0\0\x0bssh-ed25519\0\0\0\x20"
KEY = "ssh-ed25519 " + base64.b64encode(BODY + bytes(32)).decode()
OTHER = "ssh-ed25519 " + base64.b64encode(BODY + b"\1" * 32).decode()


def test_added_users_are_printed_by_name_and_listed(srctl: FrontDoor) -> None:
    assert srctl.ok("user", "add", "bob", "ann@example.org").out == "bob\nann@example.org\n"
    assert srctl.ok("user", "list", "-q").lines == ["ann@example.org", "bob"]


def test_rows_have_the_keys_of_the_contract(srctl: FrontDoor) -> None:
    srctl.ok("user", "add", "ann", "--admin")
    [row] = srctl.json("user", "list")
    assert list(row) == ["id", "name", "admin", "disabled", "created", "grants", "groups"]
    assert isinstance(row["id"], int)
    assert (row["name"], row["admin"], row["disabled"], row["grants"]) == ("ann", True, False, None)
    assert row["created"].endswith("Z")


def test_show_is_one_object_with_grants_and_without_licence_texts(team: FrontDoor) -> None:
    grant = team.add("grant", "add", "desktop", "ann", "--license", "SECRET")
    row = team.json("user", "show", "ann")
    assert [found["id"] for found in row["grants"]] == [grant]
    assert row["grants"][0]["policy"]["license"] is True
    assert team.json("user", "list", "--grants") == [row, team.json("user", "show", "bob")]
    everything = [team(*words, "-o", form) for words in (("user", "show", "ann"),) for form in ("table", "csv", "json")]
    assert all("SECRET" not in ran.out for ran in everything)


def test_a_table_tells_grants_in_words(team: FrontDoor) -> None:
    team.ok("grant", "add", "desktop", "ann")
    team.ok("grant", "add", "desktop", "ann", "--allow-home", "--volume", "/data:/data:ro")
    assert team.ok("user", "show", "ann").lines[-3:] == [
        "grants    desktop:latest (default)",
        "          desktop:latest (home, /data:/data:ro)",
        "groups    -",
    ]
    assert "desktop:latest (default), desktop:latest (home, " in team.ok("user", "list", "--grants").out


@pytest.mark.parametrize("name", ["", ".hidden", "a b", "a/b", "a" * 65, "ä", "a\nb", "a:b", "a\x1b[31m"])
def test_a_bad_name_is_wrong_usage(srctl: FrontDoor, name: str) -> None:
    ran = srctl("user", "add", "--", name)
    assert ran.code == 2
    assert "\x1b" not in ran.err


def test_a_name_that_begins_with_a_dash_is_wrong_usage(srctl: FrontDoor) -> None:
    assert srctl("user", "add", "--", "-rf").code == 2
    assert srctl("user", "add", "-rf").code == 2


@pytest.mark.parametrize("name", ["ann", "ANN"])
def test_a_taken_name_is_a_conflict_whatever_its_case(team: FrontDoor, name: str) -> None:
    ran = team("user", "add", name, "-o", "json")
    assert (ran.code, ran.error["code"]) == (5, "conflict")


def test_of_several_names_all_are_tried_and_the_first_failure_decides(srctl: FrontDoor) -> None:
    srctl.ok("user", "add", "ann")
    ran = srctl("user", "add", "bob", "ANN", "..", "eve", "-o", "json")
    assert ran.code == 5
    assert [row["name"] for row in ran.json] == ["bob", "eve"]
    assert ran.error["code"] == "conflict"
    assert [error["code"] for error in ran.error["errors"]] == ["conflict", "usage"]
    assert ran.error["message"] == ran.error["errors"][0]["message"]


def test_several_failures_are_told_line_by_line_to_people(srctl: FrontDoor) -> None:
    ran = srctl("user", "remove", "--yes", "ann", "bob")
    assert (ran.code, ran.out) == (3, "")
    assert [line.split(":")[0] for line in ran.err.splitlines() if not line.startswith("  ")] == ["srctl", "srctl"]


def test_removal_takes_grants_along(team: FrontDoor) -> None:
    team.ok("grant", "add", "desktop", "ann")
    assert team.ok("user", "remove", "ann", "--yes").out == "ann\n"
    assert team.json("grant", "list") == []


def test_an_id_is_never_used_again(team: FrontDoor) -> None:
    before = team.json("user", "show", "bob")["id"]
    team.ok("user", "remove", "bob", "-y")
    team.ok("user", "add", "bob")
    assert team.json("user", "show", "bob")["id"] > before


def test_a_disabled_user_keeps_the_rows_and_may_start_nothing(lab: FrontDoor) -> None:
    lab.ok("user", "disable", "ann")
    assert lab.json("user", "show", "ann")["disabled"] is True
    assert len(lab.json("grant", "list")) == 1
    assert lab("start", "srctl/web").code == 4
    lab.ok("user", "enable", "ann")
    assert lab("start", "srctl/web").code == 0


@pytest.mark.parametrize("verb", [["show"], ["disable"], ["enable"], ["remove", "-y"], ["key", "list"]])
def test_an_unknown_user_is_not_found(srctl: FrontDoor, verb: list[str]) -> None:
    ran = srctl("user", *verb, "nobody", "-o", "json")
    assert (ran.code, ran.out, ran.error["code"]) == (3, "", "not-found")


@pytest.mark.parametrize("verb", [["show"], ["disable"], ["enable"], ["remove", "-y"], ["key", "list"]])
def test_an_unknown_user_is_looked_for_in_the_list_and_not_added(team: FrontDoor, verb: list[str]) -> None:
    assert team("user", *verb, "nobody", "-o", "json").error["hint"] == "See `srctl user list`"
    assert team("user", *verb, "Ann", "-o", "json").error["hint"] == "Did you mean ann?"


def test_a_grant_to_an_unknown_user_hints_how_to_add_one(team: FrontDoor) -> None:
    assert "srctl user add nobody" in team("grant", "add", "desktop", "nobody").err
    assert "Did you mean ann?" in team("grant", "add", "desktop", "Ann").err


class TestKeys:
    def test_keys_come_from_a_file_or_from_stdin(self, team: FrontDoor) -> None:
        file = team.home / "keys.pub"
        file.write_text(f"# laptop\n{KEY} ann@laptop\n\n")
        [first] = team.ok("user", "key", "add", "ann", str(file)).lines
        second = team("user", "key", "add", "ann", "-", stdin=OTHER).out.strip()
        rows = team.json("user", "key", "list", "ann")
        assert [row["fingerprint"] for row in rows] == [first, second]
        assert list(rows[0]) == ["fingerprint", "type", "comment", "added", "last_used"]
        assert (rows[0]["type"], rows[0]["comment"]) == ("ssh-ed25519", "ann@laptop")
        assert first.startswith("SHA256:")

    def test_a_private_key_is_refused_and_not_repeated(self, team: FrontDoor) -> None:
        ran = team("user", "key", "add", "ann", "-", stdin="-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n")
        assert ran.code == 2
        assert "b3Blbn" not in ran.err
        assert team.json("user", "key", "list", "ann") == []

    def test_a_removed_key_is_gone(self, team: FrontDoor) -> None:
        fingerprint = team("user", "key", "add", "ann", "-", stdin=KEY).out.strip()
        assert team.ok("user", "key", "remove", "ann", fingerprint).out == f"{fingerprint}\n"
        assert team("user", "key", "remove", "ann", fingerprint).code == 3

    @pytest.mark.parametrize(
        ("file", "code"), [("~nosuch/x", 2), ("nul\0", 2), ("/dev/zero", 2), ("/nowhere/key.pub", 3), ("/", 1)]
    )
    def test_what_is_no_file_of_keys_is_no_crash(self, team: FrontDoor, file: str, code: int) -> None:
        ran = team("user", "key", "add", "ann", file)
        assert (ran.code, "reference" in ran.err) == (code, False)

    def test_a_file_that_can_not_be_read_is_named(self, team: FrontDoor) -> None:
        ran = team("user", "key", "add", "ann", "/nowhere/key.pub")
        assert ran.code != 0
        assert "/nowhere/key.pub" in ran.err
