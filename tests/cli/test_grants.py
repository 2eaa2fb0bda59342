"""`srctl grant`: who may run what, and the words for a policy."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.cli.front_door import FrontDoor

EVERYTHING = (
    "--allow-home", "--allow-view", "--allow-startup-data", "--license", "27000@licences",
    "--volume", "/srv/data:/data:ro", "--volume", "/scratch:/scratch:rw",
)  # fmt: skip
DEFAULT: dict[str, Any] = {
    "allow_home": False,
    "allow_view": False,
    "allow_startup_data": False,
    "license": None,
    "volumes": [],
}
UNLIMITED: dict[str, Any] = dict.fromkeys(
    ("cpus", "memory", "gpus", "shm_size", "pids", "network", "read_only", "max_sessions", "max_lifetime",
     "idle_timeout", "expires")
)  # fmt: skip


def test_a_grant_is_printed_by_an_id_of_32_hexadecimal_digits(team: FrontDoor) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", team.add("grant", "add", "desktop", "ann"))


def test_the_same_grant_again_is_the_same_id(team: FrontDoor) -> None:
    first = team.add("grant", "add", "desktop", "ann", *EVERYTHING)
    turned = ("--volume", "/scratch/:/scratch:rw", "--volume", "/srv/./data:/data:ro", *EVERYTHING[:5])
    assert team.add("grant", "add", "desktop:latest", "ann", *turned) == first
    assert team.add("grant", "add", "desktop", "ann") != first
    assert len(team.json("grant", "list")) == 2


def test_rows_have_the_keys_of_the_contract(team: FrontDoor) -> None:
    grant = team.add("grant", "add", "desktop", "ann", *EVERYTHING)
    [row] = team.json("grant", "list")
    assert list(row) == ["id", "user", "image", "policy", "created", "group"]
    assert (row["id"], row["user"], row["image"]) == (grant, "ann", "desktop:latest")
    assert row["policy"] == {
        "allow_home": True,
        "allow_view": True,
        "allow_startup_data": True,
        "license": "27000@licences",
        "volumes": [
            {"source": "/srv/data", "target": "/data", "mode": "ro"},
            {"source": "/scratch", "target": "/scratch", "mode": "rw"},
        ],
        **UNLIMITED,
    }


def test_the_text_of_a_licence_stands_in_the_list_alone(team: FrontDoor) -> None:
    added = team.json("grant", "add", "desktop", "ann", "--license", "SECRET")
    assert added["policy"]["license"] is True
    assert team.json("grant", "list")[0]["policy"]["license"] == "SECRET"


def test_a_table_tells_policies_in_words_and_only_begins_a_licence(team: FrontDoor) -> None:
    team.ok("grant", "add", "desktop", "bob")
    assert " default " in team.ok("grant", "list").out
    assert "LICENSE" not in team.ok("grant", "list").out
    team.ok("grant", "add", "desktop", "ann", "--allow-home", "--license", "L" * 1000)
    table = team.ok("grant", "list").out
    assert " home, licence  " + "L" * 19 + "…  " in table
    assert "L" * 1000 in team.ok("grant", "list", "-o", "csv").out


def test_a_licence_comes_from_a_file_or_from_stdin(team: FrontDoor) -> None:
    (team.home / "licence").write_bytes(b"LINE 1\r\nLINE 2\n")
    words = ("grant", "add", "desktop", "ann", "--license-file")
    grant = team.add(*words, "~/licence")
    assert team.json("grant", "list")[0]["policy"]["license"] == "LINE 1\nLINE 2"
    assert team(*words, "-", stdin="LINE 1\nLINE 2\n").out == f"{grant}\n"
    removal = ("grant", "remove", "desktop", "ann", "--license-file", str(team.home / "licence"))
    assert team.ok(*removal).out == f"{grant}\n"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--license", "x", "--license-file", "-"], 2), (["--license-file", "/nowhere/licence"], 3),
        (["--license-file", "/dev/zero"], 2), (["--license-file", "~/latin"], 2), (["--license-file", "~/large"], 2),
    ],
    ids=str,
)  # fmt: skip
def test_a_licence_that_can_not_be_read_grants_nothing(team: FrontDoor, options: list[str], code: int) -> None:
    (team.home / "latin").write_bytes(b"\xe4")
    (team.home / "large").write_text("L" * (64 * 1024 + 1))
    ran = team("grant", "add", "desktop", "ann", *options)
    assert (ran.code, "reference" in ran.err) == (code, False)
    assert team.json("grant", "list") == []


def test_an_empty_licence_is_no_licence(team: FrontDoor) -> None:
    plain = team.add("grant", "add", "desktop", "ann")
    assert team.add("grant", "add", "desktop", "ann", "--license", "") == plain
    assert team.json("grant", "list")[0]["policy"] == DEFAULT | UNLIMITED


@pytest.mark.parametrize(
    ("volume", "part"),
    [
        ("relative:/data:ro", "source"), ("/srv:data:ro", "target"), ("/srv:/data:RO", "mode"), ("/srv:/data:", "mode"),
        ("::ro", "source"), ("/srv:/:rw", "target"), ("/srv://:rw", "target"), ("/srv:/data/../..:rw", "target"),
        ("/srv:/data", "volume"), ("", "volume"), ("/srv:/data:ro:z", "volume"),
    ],
)  # fmt: skip
def test_a_bad_volume_is_wrong_usage_that_names_the_part(team: FrontDoor, volume: str, part: str) -> None:
    ran = team("grant", "add", "desktop", "ann", "--volume", volume)
    assert ran.code == 2
    assert part in ran.err
    assert team.json("grant", "list") == []


@pytest.mark.parametrize(
    "policy",
    [
        ["--volume", "/a:/data:ro", "--volume", "/b:/data:rw"],
        ["--volume", "/a:/data:ro", "--volume", "/a:/data/:ro"],
        ["--allow-home", "--volume", "/a:/workspace:rw"],
        ["--volume", "/a:/workspace/:ro", "--allow-home"],
    ],
    ids=" ".join,
)
def test_volumes_that_get_in_each_other_s_way_are_wrong_usage(team: FrontDoor, policy: list[str]) -> None:
    assert team("grant", "add", "desktop", "ann", *policy).code == 2


@pytest.mark.parametrize(
    "policy",
    [
        ["--license", "\udcff"], ["--license", "L" * (64 * 1024 + 1)],
        ["--volume", "/\udcff:/data:ro"], ["--volume", "/srv:/\udcff:ro"],
    ],
    ids=["license bytes", "license length", "source", "target"],
)  # fmt: skip
def test_bytes_that_are_no_text_and_endless_licences_are_wrong_usage(team: FrontDoor, policy: list[str]) -> None:
    ran = team("grant", "add", "desktop", "ann", *policy, "-o", "json")
    assert (ran.code, ran.error["code"]) == (2, "usage")
    assert "database" not in ran.error["message"]
    assert team.json("grant", "list") == []


def test_an_environment_of_bytes_that_are_no_text_is_wrong_usage(lab: FrontDoor) -> None:
    ran = lab("start", "srctl/web", "--env", "A=\udcff", "-o", "json")
    assert (ran.code, ran.error["code"]) == (2, "usage")
    assert lab.json("ps") == []


def test_a_volume_may_be_the_workspace_where_there_is_no_home(team: FrontDoor) -> None:
    team.add("grant", "add", "desktop", "ann", "--volume", "/a:/workspace:rw")


def test_the_application_is_looked_for_before_the_user(team: FrontDoor) -> None:
    ran = team("grant", "add", "absent", "nobody", "-o", "json")
    assert (ran.code, ran.error["code"]) == (3, "not-found")
    assert "absent" in ran.error["message"]
    assert "nobody" in team("grant", "add", "desktop", "nobody").err
    assert team("grant", "add", "desktop", "nobody").code == 3


def test_the_list_is_filtered_by_user_and_application(team: FrontDoor) -> None:
    ann = team.add("grant", "add", "desktop", "ann")
    bob = team.add("grant", "add", "desktop", "bob")
    web = team.add("grant", "add", "registry.example/web:2", "ann")
    assert set(team.ok("grant", "list", "-q").lines) == {ann, bob, web}
    assert set(team.ok("grant", "list", "--user", "ann", "-q").lines) == {ann, web}
    assert set(team.ok("grant", "list", "--app", "desktop", "-q").lines) == {ann, bob}
    assert team.ok("grant", "list", "--app", "desktop", "--user", "bob", "-q").lines == [bob]
    assert set(team.ok("--user", "ann", "grant", "list", "-q").lines) == {ann, bob, web}


def named_alike(srctl: FrontDoor, grant: str) -> str:
    """Give a grant an id that begins with `ffff`."""
    alike = "ffff" + grant[4:]
    with closing(sqlite3.connect(srctl.database)) as connection, connection:
        connection.execute("UPDATE grants SET id = ? WHERE id = ?", (alike, grant))
    return alike


class TestEdit:
    def test_what_is_named_changes_and_all_else_stays(self, team: FrontDoor) -> None:
        grant = team.add("grant", "add", "desktop", "ann", "--cpus", "2")
        assert team.ok("grant", "edit", grant[:4], *EVERYTHING).out == f"{grant}\n"
        before = team.json("grant", "list")[0]["policy"]
        assert (before["license"], before["cpus"]) == ("27000@licences", 2.0)
        [other] = team.ok("grant", "edit", grant, "--without", "license", "--without=cpus", "--memory", "4g").lines
        assert other != grant
        [row] = team.json("grant", "list")
        assert (row["id"], row["policy"]) == (other, before | {"license": None, "cpus": None, "memory": 4 * 1024**3})
        [last] = team.ok("grant", "edit", other, "--default", "--allow-home").lines
        [row] = team.json("grant", "list")
        assert (row["id"], row["policy"]) == (last, DEFAULT | UNLIMITED | {"allow_home": True})

    @pytest.mark.parametrize("options", ["", "--without colour", "--without allow_home", "--cpus 2 --without cpus"])
    def test_what_changes_nothing_or_makes_no_sense_is_told(self, team: FrontDoor, options: str) -> None:
        grant = team.add("grant", "add", "desktop", "ann", *EVERYTHING)
        team.ok("app", "limit", "desktop", "--memory", "4g")
        before = team.json("grant", "list"), team.json("app", "list")
        assert team("grant", "edit", grant, *options.split()).code == 2
        assert team("app", "limit", "desktop", *options.split()).code == 2
        assert (team.json("grant", "list"), team.json("app", "list")) == before

    def test_what_is_unknown_or_too_short_or_there_already_changes_nothing(self, team: FrontDoor) -> None:
        first, second = (team.add("grant", "add", "desktop", "ann", *more) for more in ((), ("--allow-home",)))
        before = team.json("grant", "list")
        for word, code in ((first[:3], 2), ("0" * 32, 3), (first, 5)):
            ran = team("grant", "edit", word, "--allow-home", "-o", "json")
            assert (ran.code, ran.out) == (code, "")
        assert second in team("grant", "edit", first, "--allow-home").err
        assert team.json("grant", "list") == before

    @pytest.mark.parametrize(
        ("options", "left"),
        [(["--allow-view"], 1), (["--allow-view", "--stop"], 0), (["--default", "--stop"], 0)],
        ids=str,
    )
    def test_sessions_stay_unless_they_are_to_be_stopped(self, lab: FrontDoor, options: list[str], left: int) -> None:
        [grant] = lab.ok("grant", "list", "-q").lines
        lab.ok("start", "srctl/web")
        assert lab.ok("grant", "edit", grant, *options).lines == [grant]
        assert [row["granted"] for row in lab.json("ps")] == [True] * left

    def test_sessions_are_without_a_grant_once_something_was_taken_away(self, lab: FrontDoor) -> None:
        [grant] = lab.ok("grant", "list", "-q").lines
        lab.ok("grant", "edit", grant, "--allow-view")
        lab.ok("start", "srctl/web")
        lab.ok("grant", "edit", grant, "--without", "allow-view", "--allow-home")
        assert [row["granted"] for row in lab.json("ps")] == [False]


class TestRemoval:
    def test_a_grant_goes_by_any_unique_beginning_of_its_id(self, team: FrontDoor) -> None:
        grant = team.add("grant", "add", "desktop", "ann")
        assert team.ok("grant", "remove", grant[:8]).out == f"{grant}\n"
        assert team.json("grant", "list") == []

    def test_an_ambiguous_beginning_is_a_conflict_that_names_the_candidates(self, team: FrontDoor) -> None:
        grants = [named_alike(team, team.add("grant", "add", "desktop", name)) for name in ("ann", "bob")]
        ran = team("grant", "remove", "ffff", "-o", "json")
        assert (ran.code, ran.error["code"]) == (5, "conflict")
        assert all(grant in ran.error["message"] for grant in grants)
        assert len(team.json("grant", "list")) == len(grants)

    @pytest.mark.parametrize("words", [["fff"], ["f"], ["ffff", "ada"], ["F" * 3]], ids=" ".join)
    def test_fewer_than_four_digits_remove_nothing(self, team: FrontDoor, words: list[str]) -> None:
        named_alike(team, team.add("grant", "add", "desktop", "ann"))
        ran = team("grant", "remove", *words)
        assert (ran.code, "at least 4 digits" in ran.err) == (2, True)
        assert len(team.json("grant", "list")) == 1

    def test_names_that_look_like_ids_never_remove_the_grant_of_another(self, team: FrontDoor) -> None:
        team.ok("user", "add", "dada")
        victim = named_alike(team, team.add("grant", "add", "desktop", "ann"))
        ran = team("grant", "remove", "ffff", "dada")
        assert (ran.code, ran.out) == (3, "")
        assert "no application ffff" in ran.err
        assert team.ok("grant", "list", "-q").lines == [victim]

    def test_of_two_ids_none_is_removed_where_one_is_not_there(self, team: FrontDoor) -> None:
        grant = named_alike(team, team.add("grant", "add", "desktop", "ann"))
        ran = team("grant", "remove", "ffff", "0" * 32)
        assert (ran.code, ran.out) == (3, "")
        assert team.ok("grant", "list", "-q").lines == [grant]
        other = team.add("grant", "add", "desktop", "bob")
        assert team.ok("grant", "remove", "ffff", other).lines == [grant, other]

    def test_an_id_that_nothing_has_is_not_found(self, team: FrontDoor) -> None:
        assert team("grant", "remove", "f" * 32).code == 3

    def test_ids_are_all_tried(self, team: FrontDoor) -> None:
        first = team.add("grant", "add", "desktop", "ann")
        second = team.add("grant", "add", "desktop", "bob")
        ran = team("grant", "remove", first, "0" * 32, second, "-q")
        assert (ran.code, ran.lines) == (3, [first, second])

    def test_without_policy_the_default_one_goes_alone(self, team: FrontDoor) -> None:
        default = team.add("grant", "add", "desktop", "ann")
        other = team.add("grant", "add", "desktop", "ann", "--allow-home")
        assert team.ok("grant", "remove", "desktop", "ann").out == f"{default}\n"
        assert team("grant", "remove", "desktop", "ann").code == 3
        assert team.ok("grant", "list", "-q").lines == [other]

    def test_a_policy_goes_by_its_options(self, team: FrontDoor) -> None:
        default = team.add("grant", "add", "desktop", "ann")
        other = team.add("grant", "add", "desktop", "ann", *EVERYTHING)
        assert team.ok("grant", "remove", "desktop", "ann", *EVERYTHING).out == f"{other}\n"
        assert team.ok("grant", "list", "-q").lines == [default]

    def test_all_takes_every_policy_of_this_user(self, team: FrontDoor) -> None:
        gone = [team.add("grant", "add", "desktop", "ann", *policy) for policy in ((), ("--allow-home",))]
        kept = team.add("grant", "add", "desktop", "bob")
        assert set(team.ok("grant", "remove", "desktop", "ann", "--all").lines) == set(gone)
        assert team.ok("grant", "list", "-q").lines == [kept]

    def test_names_that_look_like_ids_are_names_where_such_an_application_exists(self, team: FrontDoor) -> None:
        team.ok("user", "add", "ada")
        team.ok("app", "add", "cafe", "--no-verify")
        grant = team.add("grant", "add", "cafe", "ada")
        assert team.ok("grant", "remove", "cafe", "ada").out == f"{grant}\n"

    @pytest.mark.parametrize("words", [["f" * 32, "--all"], ["f" * 32, "--allow-home"], ["a", "b", "c", "--all"], []])
    def test_policies_do_not_go_with_ids(self, team: FrontDoor, words: list[str]) -> None:
        assert team("grant", "remove", *words).code == 2
