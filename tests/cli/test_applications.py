"""`srctl app`."""

from __future__ import annotations

import pytest

from tests.cli.front_door import FrontDoor


def test_an_added_application_is_printed_with_its_tag(srctl: FrontDoor) -> None:
    assert srctl.ok("app", "add", "desktop", "--no-verify").out == "desktop:latest\n"
    assert srctl.ok("app", "list", "-q").out == "desktop:latest\n"


def test_rows_have_the_keys_of_the_contract(srctl: FrontDoor) -> None:
    options = ("--title", "My desk", "--port", "6080", "--path", "/vnc/", "--scheme", "https")
    srctl.ok("app", "add", "desktop:1", "--no-verify", *options)
    [row] = srctl.json("app", "list")
    assert list(row)[:7] == ["id", "image", "title", "port", "path", "scheme", "created"]
    assert isinstance(row["id"], int)
    assert list(row.values())[1:6] == ["desktop:1", "My desk", 6080, "/vnc/", "https"]
    assert srctl.json("app", "show", "desktop:1") == row


def test_what_was_not_said_is_null(srctl: FrontDoor) -> None:
    srctl.ok("app", "add", "desktop", "--no-verify")
    row = srctl.json("app", "show", "desktop")
    assert {row[key] for key in ("title", "port", "path", "scheme")} == {None}


@pytest.mark.parametrize("same", ["desktop", "desktop:latest", "docker.io/library/desktop", "index.docker.io/desktop"])
def test_spellings_of_one_image_are_one_application(srctl: FrontDoor, same: str) -> None:
    srctl.ok("app", "add", "desktop", "--no-verify")
    assert srctl("app", "add", same, "--no-verify").code == 5
    assert srctl.json("app", "show", same)["image"] == "desktop:latest"


@pytest.mark.parametrize(
    "wrong",
    [
        ["UPPER"], ["a b"], ["desktop:"], ["-x"], ["desktop", "--port", "0"], ["desktop", "--port", "65536"],
        ["desktop", "--port", "http"], ["desktop", "--path", "relative"], ["desktop", "--scheme", "ftp"],
        ["desktop", "--title", "two\nlines"], ["desktop", "--profile", "none"], ["desktop", "--shm-size", "much"],
        ["desktop", "--gpus", "-1"], ["desktop", "--shm-size", "999999999999g"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_wrong_value_is_wrong_usage_and_adds_nothing(srctl: FrontDoor, wrong: list[str]) -> None:
    assert srctl("app", "add", *wrong, "--no-verify").code == 2
    assert srctl.json("app", "list") == []


def test_sizes_are_written_as_for_docker(srctl: FrontDoor) -> None:
    srctl.ok("app", "add", "desktop", "--no-verify", "--shm-size", "512MiB", "--gpus", "all")
    row = srctl.json("app", "show", "desktop")
    assert (row["shm_size"], row["gpus"]) == (512 * 1024**2, "all")


def test_verifying_is_the_default_and_takes_the_image_s_own_title(lab: FrontDoor) -> None:
    assert lab.json("app", "show", "srctl/web")["title"] == "Test page"


def test_an_image_that_the_host_does_not_have_is_not_added(lab: FrontDoor) -> None:
    ran = lab("app", "add", "absent", "-o", "json")
    assert (ran.code, ran.error["code"]) == (3, "not-found")
    assert "--no-verify" in ran.error["hint"]
    assert lab("app", "show", "absent").code == 3


def test_an_engine_that_can_not_be_reached_adds_nothing(srctl: FrontDoor) -> None:
    ran = srctl("app", "add", "desktop", "-o", "json")
    assert (ran.code, ran.error["code"]) == (6, "unreachable")
    assert "--no-verify" in ran.error["hint"]
    assert srctl.json("app", "list") == []


def test_removal_takes_grants_along_and_tries_all(team: FrontDoor) -> None:
    team.ok("grant", "add", "desktop", "ann")
    ran = team("app", "remove", "--yes", "absent", "desktop", "-o", "json")
    assert (ran.code, ran.json, ran.error["code"]) == (3, ["desktop:latest"], "not-found")
    assert team.json("grant", "list") == []
    assert team.ok("app", "list", "-q").lines == ["registry.example/web:2"]


@pytest.mark.parametrize("verb", [["show"], ["remove", "-y"]])
def test_an_unknown_application_is_looked_for_in_the_list_and_not_added(team: FrontDoor, verb: list[str]) -> None:
    assert team("app", *verb, "absent", "-o", "json").error["hint"] == "See `srctl app list`"
    assert "srctl app add absent" in team("grant", "add", "absent", "ann").err
