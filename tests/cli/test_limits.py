"""The limits of grants and of applications, as they are written and shown."""

from __future__ import annotations

import shlex

import pytest

from srctl import limits
from srctl.db.store import open_store
from tests.cli.front_door import FrontDoor
from tests.fakes import WEB, only

LIMITS = (
    "--cpus", "1.5", "--memory", "4g", "--gpus", "2", "--shm-size", "512m", "--pids", "200", "--network", "isolated",
    "--read-only", "--max-sessions", "3", "--max-lifetime", "12h", "--idle-timeout", "2h", "--expires", "2099-01-31",
)  # fmt: skip
WORDS = (
    "1.5 CPUs, memory 4g, 2 GPUs, shared memory 512m, 200 processes, isolated network, read-only, 3 sessions at once,"
    " at most 12h, 2h idle, until 2099-01-31 00:00 UTC"
)


def test_limits_are_part_of_the_policy_and_told_in_words(team: FrontDoor) -> None:
    grant = team.add("grant", "add", "desktop", "ann", *LIMITS)
    assert team.add("grant", "add", "desktop", "ann", "--expires", "2099-01-31T01:00+01:00", *LIMITS[:-2]) == grant
    [row] = team.json("grant", "list")
    assert {name: value for name, value in row["policy"].items() if value not in (None, False, [])} == {
        "cpus": 1.5,
        "memory": 4 * 1024**3,
        "gpus": "2",
        "shm_size": 512 * 1024**2,
        "pids": 200,
        "network": "isolated",
        "read_only": True,
        "max_sessions": 3,
        "max_lifetime": 12 * 3600,
        "idle_timeout": 2 * 3600,
        "expires": "2099-01-31T00:00:00Z",
    }
    assert f"  {WORDS}  " in team.ok("grant", "list").out
    assert team("grant", "remove", "desktop", "ann", *LIMITS[:-2]).code == 3
    assert team.ok("grant", "remove", "desktop", "ann", *LIMITS).out == f"{grant}\n"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--cpus", "0"), ("--cpus", "nan"), ("--cpus", "1e3"), ("--cpus", "-1"), ("--memory", "1m"), ("--memory", "x"),
        ("--memory", "9999999g"), ("--gpus", "-1"), ("--gpus", "some"), ("--shm-size", "0"), ("--pids", "0"),
        ("--pids", "1.5"), ("--network", "host"), ("--max-sessions", "0"), ("--max-lifetime", "5s"),
        ("--max-lifetime", "9999d"), ("--idle-timeout", "soon"), ("--expires", "tomorrow"), ("--expires", "2001-01-01"),
    ],
)  # fmt: skip
def test_a_limit_that_makes_no_sense_grants_nothing(team: FrontDoor, option: str, value: str) -> None:
    for words in (("grant", "add", "desktop", "ann"), ("app", "limit", "desktop")):
        ran = team(*words, option, value, "-o", "json")
        assert (ran.code, ran.error["code"]) == (2, "usage")
    assert team.json("grant", "list") == []


def test_a_limit_that_is_wider_leaves_the_grant_the_same_and_one_that_is_tighter_does_not(team: FrontDoor) -> None:
    team.ok("group", "add", "lab")
    grant = team.add(
        "grant", "add", "desktop", "@lab", "--cpus", "2", "--expires", "2099-01-31", "--network", "isolated"
    )
    wider = ("--cpus", "4", "--expires", "2099-02-28", "--network", "bridge")
    assert team.ok("grant", "edit", grant, *wider).out == f"{grant}\n"
    [row] = team.json("grant", "list")
    assert (row["group"], row["policy"]["cpus"], row["policy"]["network"]) == ("lab", 4.0, "bridge")
    less = ("--cpus 3", "--network none", "--expires 2099-01-01", "--pids 9", "--read-only")
    for tighter in map(str.split, less):
        before = team.json("grant", "list")[0]["id"]
        [after] = team.ok("grant", "edit", before, *wider, *tighter).lines
        assert after != before
        assert team.ok("grant", "edit", after, "--default", *wider).out == f"{after}\n"
    assert team("grant", "edit", after, "--expires", "2001-01-01").code == 2
    other = team.add("grant", "add", "desktop", "@lab")
    assert team("grant", "edit", other, *wider).code == 5


def test_a_session_shows_when_its_grant_ends_now(lab: FrontDoor) -> None:
    lab.ok("grant", "remove", WEB, "ann")
    grant = lab.add("grant", "add", WEB, "ann", "--expires", "2099-01-31")
    lab.ok("start", WEB)
    assert lab.json("ps")[0]["ends"] == "2099-01-31T00:00:00Z"
    lab.ok("grant", "edit", grant, "--expires", "2099-03-31")
    assert lab.json("ps")[0]["ends"] == "2099-03-31T00:00:00Z"
    lab.ok("grant", "edit", grant, "--default")
    assert lab.json("ps")[0]["ends"] is None


def test_a_refusal_says_what_changes_the_limit(lab: FrontDoor) -> None:
    lab.ok("group", "add", "team")
    lab.ok("group", "join", "team", "ann", "bob")
    lab.ok("grant", "remove", WEB, "ann")
    grant = lab.add("grant", "add", WEB, "@team", "--max-sessions", "1", "--allow-home", "--max-lifetime", "12h")
    lab.ok("start", WEB)
    [row] = lab.json("ps")
    assert (row["seats_left"], lab.json("session", "show", row["id"])["seats_left"]) == (0, 0)
    assert ", no seat  " in lab.ok("ps").out
    ran = lab("start", WEB, "--user", "bob")
    assert ran.code == 4
    command = f"srctl grant edit {grant[:12]} --max-sessions ..."
    assert ran.err.endswith(f"an administrator can change it: {command}\n")
    words = shlex.split(command.removesuffix("..."))
    assert lab.ok(*words[1:], "3").lines == [grant]
    lab.ok("start", WEB, "--user", "bob")
    assert [row["seats_left"] for row in lab.json("ps", "--all-users")] == [1, 1]
    assert ", 1 seat  " in lab.ok("ps").out


ODD = ("--no-read-only", "--gpus", "all", "--cpus", "1000.125", "--memory", "1000000000001b", "--idle-timeout", "61s")


@pytest.mark.parametrize("words", [LIMITS, ODD])
def test_the_options_of_a_policy_name_its_grant(team: FrontDoor, words: tuple[str, ...]) -> None:
    grant = team.add("grant", "add", "desktop", "ann", *words)
    with open_store(str(team.database)) as store:
        [found] = store.grants()
    assert team.ok("grant", "remove", "desktop", "ann", *limits.as_options(found.policy)).out == f"{grant}\n"


class TestDefaults:
    def test_an_application_has_limits_for_grants_that_set_none(self, team: FrontDoor) -> None:
        words = ("--no-verify", "--cpus", "2", "--shm-size", "1g", "--max-lifetime", "8h")
        row = team.json("app", "add", "cad", *words)
        assert row["shm_size"] == 1024**3
        assert {name: value for name, value in row["defaults"].items() if value is not None} == {
            "cpus": 2.0,
            "max_lifetime": 8 * 3600,
        }
        assert "2 CPUs, shared memory 1g, at most 8h" in team.ok("app", "show", "cad").out
        changed = team.json("app", "limit", "cad", "--memory", "2g")
        assert (changed["defaults"]["memory"], changed["defaults"]["cpus"]) == (2 * 1024**3, 2.0)
        changed = team.json("app", "limit", "cad", "--without", "memory", "--none", "--pids", "9")
        assert {name: value for name, value in changed["defaults"].items() if value is not None} == {"pids": 9}
        assert team("app", "limit", "none", "--memory", "2g").code == 3

    def test_what_belongs_to_the_application_itself_is_not_said_to_be_gone(self, team: FrontDoor) -> None:
        team.ok("app", "add", "cad", "--no-verify", "--shm-size", "1g", "--gpus", "1")
        said = team.ok("app", "limit", "cad", "--without", "gpus").err
        assert "--gpus, which stays. Give another number, e.g. --gpus 0" in said
        assert "shm" not in said
        assert "--shm-size, which stays" in team.ok("app", "limit", "cad", "--none").err
        assert team.ok("app", "limit", "cad", "--gpus", "0", "--shm-size", "64m").err == ""
        assert "no GPU, shared memory 64m" in team.ok("app", "show", "cad").out

    def test_a_grant_s_own_limits_go_before(self, lab: FrontDoor) -> None:
        lab.ok("app", "limit", WEB, "--cpus", "2", "--pids", "100", "--network", "isolated", "--gpus", "1")
        lab.ok("grant", "remove", WEB, "ann")
        lab.add("grant", "add", WEB, "ann", "--cpus", "0.5", "--network", "bridge", "--gpus", "0", "--memory", "1g")
        lab.ok("start", WEB)
        assert lab.engine is not None
        spec = lab.engine.specs[only(lab.engine).id]
        found = spec.hardening
        assert (found.cpus, found.pids, found.memory, found.gpus) == (0.5, 100, 1024**3, None)
        assert (spec.network, found.read_only) == ("srctl", True)  # read-only is the profile of this image
