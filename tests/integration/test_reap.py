"""`srctl reap` on a real engine: what it counts, what it ends, and what it finds out about what ended unseen."""

from __future__ import annotations

import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from srctl.db.store import SqlStore, open_store
from srctl.models import Extension, Record
from tests.fakes import WEB
from tests.integration.conftest import Deployment, Result
from tools.processes import wait_until

LONG_AGO = timedelta(hours=1)


def store(deployment: Deployment) -> SqlStore:
    return open_store(deployment.env["SRCTL_DB"])


def record(deployment: Deployment, session: dict[str, Any]) -> Record:
    with store(deployment) as opened:
        [found] = [each for each in opened.records.between(None, None) if each.session_id == session["id"]]
        return found


def look_back(deployment: Deployment, seconds: float) -> None:
    """Let the last look at each session, and its last use, have been so long ago."""
    then = datetime.now(UTC) - timedelta(seconds=seconds)
    with store(deployment) as opened, opened._database.writing() as connection:
        connection.exec_driver_sql("UPDATE records SET sampled = ?, active = ?", (f"{then:%Y-%m-%d %H:%M:%S.%f}",) * 2)


def overdue(deployment: Deployment, session: dict[str, Any]) -> None:
    """Let the lifetime of a session have been over for long, and its owner been warned."""
    then = datetime.now(UTC) - LONG_AGO
    with store(deployment) as opened:
        opened.records.extend(Extension(session["id"], then, "ann", then))
        opened.records.warn(session["id"], "It ends", then)


def test_what_sends_nothing_is_ended_and_what_is_looked_at_is_not(deployment: Deployment) -> None:
    (deployment.home.path / "config.toml").write_text("reap_warning = 1\n")
    deployment.env["SRCTL_CONFIG"] = str(deployment.home.path / "config.toml")
    grants = [deployment.grant("--idle-timeout", "1m", user=user) for user in ("bob", "boss")]
    lonely, watched = (
        deployment.start("--user", user, app=grant) for user, grant in zip(("bob", "boss"), grants, strict=True)
    )
    assert deployment.ok("reap", "-o", "json").json == []
    assert (record(deployment, lonely).cpu_seconds or 0) > 0
    look_back(deployment, 120)
    with urllib.request.urlopen(watched["url"], timeout=30) as page:  # noqa: S310 - the URL is ours
        page.read()
    [row] = deployment.ok("reap", "-o", "json").json
    assert (row["session_id"], row["action"], row["reason"]) == (lonely["id"], "warn", "idle")

    def ended() -> Any:
        done = deployment.ok("reap", "-o", "json").json
        assert all(row["session_id"] == lonely["id"] for row in done)
        return done or None

    assert wait_until(ended, "the end", limit=10)[0]["action"] == "stop"
    assert deployment.ok("ps", "--all", "--all-users", "-q").lines == [watched["id"]]
    assert (record(deployment, lonely).reason, record(deployment, watched).ended) == ("idle", None)


def test_several_who_reap_at_once_do_each_thing_once(deployment: Deployment) -> None:
    deployment.ok("grant", "remove", WEB, "ann")
    grants = [deployment.grant("--max-lifetime", "1h", "--pids", str(number)) for number in (100, 101)]
    sessions = [deployment.start(app=grant) for grant in grants]
    for session in sessions:
        overdue(deployment, session)
    ready = threading.Barrier(4)

    def reap(_: int) -> Result:
        ready.wait()
        return deployment("reap", "-o", "json")

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(reap, range(4)))
    assert [each.code for each in made] == [0] * 4, made
    done = [(row["session_id"], row["action"]) for each in made for row in each.json]
    assert sorted(done) == sorted((session["id"], "stop") for session in sessions)
    assert deployment.containers() == []
    assert {record(deployment, session).reason for session in sessions} == {"lifetime"}


def test_what_ended_unseen_is_found_out(deployment: Deployment) -> None:
    session = deployment.start()
    deployment.client.remove_container(session["container_id"], force=True)
    gone = datetime.now(UTC)
    crashed = deployment.start("--replace")
    deployment.client.kill(crashed["container_id"])
    deployment.client.wait(crashed["container_id"])
    deployment.ok("reap")
    removed, killed = record(deployment, session), record(deployment, crashed)
    assert (removed.reason, killed.reason) == ("removed", "exited (137)")
    assert removed.ended is not None
    assert abs(removed.ended - gone) < timedelta(seconds=2)
    assert killed.ended is not None
    assert killed.started <= killed.ended <= datetime.now(UTC) + timedelta(seconds=1)
    again = deployment.start()
    deployment.ok("stop", again["id"])
    assert record(deployment, again).reason == "stopped"
    assert (record(deployment, again).cpu_seconds or 0) > 0
    [row] = deployment.ok("usage", "-o", "json").json
    assert (row["name"], row["sessions"]) == ("ann", 3)
