"""`srctl session` and its short forms, on an engine in memory that contract tests hold to the real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.cli.front_door import FrontDoor
from tests.fakes import WEB, FakeEngine

KEYS = [
    "id", "grant_id", "user", "image", "title", "host", "realm", "status", "address", "port", "url_path", "url",
    "container_id", "container_name", "image_id", "image_outdated", "granted", "created", "shared_with",
    "ends", "warning", "seats_left",
]  # fmt: skip


@pytest.fixture
def engine(lab: FrontDoor) -> FakeEngine:
    assert lab.engine is not None
    return lab.engine


@pytest.fixture
def declare(engine: FakeEngine) -> Callable[..., None]:
    """Let the image understand these variables."""

    def declare(*names: str) -> None:
        labels = {f"eu.simphony-project.docker.env.{name}": "" for name in names}
        image = engine.present[WEB]
        engine.present[WEB] = replace(image, labels=dict(image.labels) | labels)

    return declare


def test_available_has_the_keys_of_the_contract(lab: FrontDoor) -> None:
    [row] = lab.json("session", "available")
    assert list(row) == [
        "grant_id", "image", "title", "description", "type", "policy", "configurables", "image_present", "session_id",
    ]  # fmt: skip
    assert (row["image"], row["title"], row["type"]) == (WEB, "Test page", "webapp")
    assert (row["configurables"], row["image_present"], row["session_id"]) == ([], True, None)
    session = lab.add("start", WEB)
    assert lab.json("session", "available")[0]["session_id"] == session


def test_start_prints_the_id_and_ps_lists_the_session(lab: FrontDoor) -> None:
    session = lab.add("session", "start", "srctl/web")
    [row] = lab.json("ps")
    assert list(row) == KEYS
    assert (row["id"], row["user"], row["image"], row["status"]) == (session, "ann", WEB, "running")
    assert (row["granted"], row["image_outdated"], row["realm"]) == (True, False, "srctl")
    assert row["url"] == f"http://127.0.0.1:{row['port']}{row['url_path']}/"
    assert lab.json("session", "list") == [row]
    assert lab.json("session", "show", session[:6]) == row
    assert lab.ok("ps", "-q").lines == [session]


@pytest.mark.parametrize("name", ["srctl/web", WEB, "Test page"])
def test_a_second_start_returns_the_running_session_and_says_so(lab: FrontDoor, name: str) -> None:
    first = lab.json("start", WEB)
    again = lab.ok("start", name)
    assert again.out == f"{first['id']}\n"
    assert first["id"] in again.err
    assert lab.json("start", name) == first
    assert lab("start", name, "-o", "json").err == ""


def test_settings_of_a_session_that_runs_are_checked_and_told_to_be_kept(
    lab: FrontDoor, declare: Callable[..., None]
) -> None:
    declare("x11-width", "x11-height", "x11-depth")
    session = lab.add("start", WEB)
    again = lab.ok("start", WEB, "--set", "resolution=800x600")
    assert again.out == f"{session}\n"
    assert "keeps its settings" in again.err
    assert "keeps its settings" not in lab.ok("start", WEB).err
    for verb in ("start", "open"):
        assert lab(verb, WEB, "--set", "resolution=0x0").code == 2
        assert lab(verb, WEB, "--set", "colour=red").code == 4
        assert lab(verb, WEB, "--env", "PATH=/x").code == 2


def test_available_tells_grants_apart_in_its_table(lab: FrontDoor) -> None:
    grant = lab.add("grant", "add", WEB, "ann", "--allow-home", "--license", "SECRET")
    head, *rows = lab.ok("session", "available").lines
    assert head.split()[:4] == ["IMAGE", "TITLE", "POLICY", "GRANT"]
    assert len(rows) == 2
    [row] = [row for row in rows if grant in row]
    assert "home, licence" in row
    assert "SECRET" not in row
    assert "default" in "".join(rows)


def test_a_session_is_opened_only_while_user_and_grant_are_there(lab: FrontDoor) -> None:
    session = lab.add("start", WEB)
    lab.ok("user", "disable", "ann")
    assert lab("open", session[:8]).code == 4
    lab.ok("user", "enable", "ann")
    lab.ok("grant", "remove", WEB, "ann")
    ran = lab("open", session[:8])
    assert ran.code == 4
    assert "srctl stop" in ran.err
    assert lab.ok("ps", "-q").lines == [session]
    assert lab.ok("stop", session).lines == [session]


def test_a_start_by_grant_id_replaces_where_told(lab: FrontDoor) -> None:
    [grant] = lab.ok("grant", "list", "-q").lines
    first = lab.add("start", grant[:8])
    assert lab.add("start", grant, "--replace") != first
    assert len(lab.json("ps", "--all")) == 1


def test_an_image_with_several_grants_is_a_conflict_that_names_them(lab: FrontDoor) -> None:
    lab.ok("grant", "add", WEB, "ann", "--allow-home")
    ran = lab("start", WEB, "-o", "json")
    assert (ran.code, ran.error["code"]) == (5, "conflict")
    assert all(grant in ran.error["hint"] for grant in lab.ok("grant", "list", "-q").lines)


@pytest.mark.parametrize(("argv", "code"), [(["bob"], 4), (["nobody"], 4)])
def test_without_a_grant_or_a_user_nothing_starts(lab: FrontDoor, argv: list[str], code: int) -> None:
    ran = lab("start", WEB, "--user", *argv, "-o", "json")
    assert (ran.code, ran.error["code"]) == (code, "not-allowed")
    assert lab("--user", *argv, "start", WEB).code == code
    assert lab.json("ps", "--all", "--all-users") == []


def test_an_unknown_login_name_gets_the_hint_to_add_it(lab: FrontDoor) -> None:
    assert "srctl user add nobody" in lab("start", WEB, "--user", "nobody").err
    assert "srctl user add nobody" in lab("open", WEB, "--user", "nobody").err


def test_an_unknown_application_is_not_found(lab: FrontDoor) -> None:
    assert lab("start", "nosuch").code == 3


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--set", "resolution=1280x800"], 0), (["--set", "resolution=0x800"], 2), (["--set", "resolution=12"], 2),
        (["--set", "colour=red"], 4), (["--startup-data", "/data/a"], 4), (["--set", "startup-data=/data/a"], 4),
        (["--env", "MODE=ok"], 0), (["--env", "USER=root"], 2), (["--env", "JPY_USER=bob"], 2),
        (["--env", "JPY_BASE_USER_URL=/"], 2), (["--env", "URL_ID=1"], 2), (["--env", "STARTUPDATA=/x"], 2),
        (["--env", "APP_LICENSE=x"], 2), (["--env", "X11_WIDTH=9"], 2), (["--env", "LD_PRELOAD=/x"], 2),
        (["--env", "PATH=/x"], 2), (["--env", "A B=1"], 2),
    ],
    ids=str,
)  # fmt: skip
def test_settings_and_variables_are_checked_and_a_refusal_leaves_nothing(
    lab: FrontDoor, declare: Callable[..., None], options: list[str], code: int
) -> None:
    declare("x11-width", "x11-height", "x11-depth", "startupdata")
    ran = lab("start", WEB, *options)
    assert ran.code == code
    assert len(lab.json("ps", "--all")) == (code == 0)
    if code == 4:
        assert "colour" in ran.err or "startup-data" in ran.err


def test_start_up_data_reaches_the_container_where_image_and_grant_allow_it(
    lab: FrontDoor, engine: FakeEngine, declare: Callable[..., None]
) -> None:
    declare("startupdata")
    grant = lab.add("grant", "add", WEB, "ann", "--allow-startup-data", "--license", "27000@l")
    lab.ok("start", grant, "--startup-data", "/data/a")
    [spec] = engine.specs.values()
    assert (spec.env["STARTUPDATA"], spec.env["APP_LICENSE"]) == ("/data/a", "27000@l")


def test_a_volume_source_that_the_host_does_not_have_is_not_found(lab: FrontDoor, engine: FakeEngine) -> None:
    grant = lab.add("grant", "add", WEB, "ann", "--volume", "/srv/absent:/data:ro")
    ran = lab("start", grant)
    assert ran.code == 3
    assert "/srv/absent" in ran.err
    assert engine.stored == {}


def test_an_application_that_ends_while_we_wait_is_1_with_its_log(lab: FrontDoor, engine: FakeEngine) -> None:
    ran = lab("start", WEB, "--env", "MODE=crash")
    assert (ran.code, ran.out) == (1, "")
    assert "told to crash" in ran.err
    assert engine.stored == {}
    assert lab("start", WEB, "--env", "MODE=crash", "-o", "json").error["code"] == "failure"


def test_an_application_that_is_not_ready_in_time_is_7_with_its_log(lab: FrontDoor, engine: FakeEngine) -> None:
    ran = lab("start", WEB, "--env", "MODE=503", "--timeout", "0.2")
    assert (ran.code, ran.out) == (7, "")
    assert "starting" in ran.err
    assert engine.stored == {}


def test_an_image_that_is_missing_is_not_pulled_where_that_is_forbidden(lab: FrontDoor, engine: FakeEngine) -> None:
    del engine.present[WEB]
    assert lab("start", WEB, "--pull", "never").code == 3
    assert "pull" not in engine.calls


def test_sessions_of_others_are_not_found(lab: FrontDoor) -> None:
    session = lab.add("start", WEB)
    for verb in ("stop", "logs"):
        assert lab(verb, session, "--user", "bob").code == 3
    assert lab.json("ps", "--user", "bob") == []
    assert lab("session", "show", session, "--realm", "x").code == 2
    assert lab("--realm", "other", "session", "show", session).code == 3
    assert [row["user"] for row in lab.json("ps", "--all-users", "--user", "bob")] == ["ann"]


def test_sessions_of_others_are_read_and_stopped_where_that_is_said(lab: FrontDoor) -> None:
    session = lab.add("start", WEB)
    assert lab.json("session", "show", session, "--all-users", "--user", "bob")["user"] == "ann"
    assert lab.ok("logs", session, "--all-users", "--user", "bob").out == "starting\n"
    assert lab.ok("stop", session, "--all-users", "--user", "bob").lines == [session]
    assert lab.json("ps", "--all") == []


def test_stop_asks_nothing_and_tries_all(lab: FrontDoor, engine: FakeEngine) -> None:
    session = lab.add("start", WEB)
    ran = lab("stop", "f" * 32, session[:5], "-o", "json")
    assert (ran.code, ran.json, ran.error["code"]) == (3, [session], "not-found")
    assert engine.stored == {}


def test_prune_removes_what_has_ended_and_nothing_else(lab: FrontDoor, engine: FakeEngine) -> None:
    ended = lab.add("start", WEB)
    engine.exit(next(iter(engine.stored)), 1)
    running = lab.add("start", lab.add("grant", "add", WEB, "ann", "--allow-home"))
    assert {row["id"]: row["status"] for row in lab.json("ps", "--all")} == {ended: "exited", running: "running"}
    assert lab.ok("session", "prune", "--yes").lines == [ended]
    assert lab.ok("ps", "--all", "-q").lines == [running]


def test_prune_leaves_alone_what_runs_again_and_says_so(lab: FrontDoor, engine: FakeEngine) -> None:
    session = lab.add("start", WEB)
    [container_id] = engine.stored
    engine.exit(container_id, 1)
    engine.before["remove"] = lambda: engine.start(container_id, "srctl")
    ran = lab.ok("session", "prune", "--yes")
    assert ran.out == ""
    assert f"{session} runs again" in ran.err
    assert lab.ok("ps", "-q").lines == [session]


def test_logs_print_what_the_application_wrote(lab: FrontDoor) -> None:
    session = lab.add("start", WEB)
    assert lab.ok("logs", session).out == "starting\n"
    assert lab.ok("session", "logs", session, "--tail", "0").out == ""


def test_a_session_whose_grant_is_gone_says_so(lab: FrontDoor) -> None:
    session = lab.add("start", WEB)
    lab.ok("grant", "remove", WEB, "ann")
    assert lab.json("session", "show", session)["granted"] is False
    assert lab.ok("stop", session).out == f"{session}\n"


def test_without_a_database_what_runs_can_be_seen_read_and_stopped(lab: FrontDoor) -> None:
    session = lab.add("start", WEB)
    lab.database.unlink()
    assert lab.json("ps")[0]["granted"] is None
    assert lab.json("session", "show", session)["granted"] is None
    assert lab.ok("logs", session).out == "starting\n"
    assert lab("start", WEB).code == 3
    assert lab.ok("stop", session).out == f"{session}\n"
    assert not lab.database.exists()


def test_a_session_of_a_namesake_who_was_removed_is_nobody_s(lab: FrontDoor) -> None:
    session = lab.add("start", WEB)
    lab.ok("user", "remove", "ann", "--yes")
    lab.ok("user", "add", "ann")
    assert lab.json("ps") == []
    assert lab("stop", session).code == 3
    assert len(lab.json("ps", "--all-users")) == 1


def test_a_container_of_the_old_system_is_a_session_like_any_other(lab: FrontDoor, engine: FakeEngine) -> None:
    lab.ok("start", WEB)
    [(container_id, container)] = engine.stored.items()
    labels = {name: value for name, value in container.labels.items() if not name.startswith("io.srctl.")}
    engine.stored[container_id] = replace(container, labels=labels)
    [row] = lab.json("ps")
    assert (row["image"], row["image_outdated"]) == (WEB, None)
    assert row["url"] == f"http://127.0.0.1:{row['port']}{row['url_path']}/"


def test_status_counts(lab: FrontDoor) -> None:
    lab.ok("start", WEB)
    assert lab.json("status") == {
        "realm": "srctl",
        "host": "fake",
        "users": 2,
        "applications": 3,
        "grants": 1,
        "running_sessions": 1,
        "active_users": 1,
    }
    assert len(lab.ok("status").lines) == 7
