"""`srctl session extend`, `reap` and `usage`, as people see them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from srctl.db.store import open_store
from srctl.models import Extension, Record
from tests.cli.front_door import FrontDoor
from tests.fakes import START, WEB

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def over(srctl: FrontDoor, session: str) -> None:
    """Let the time of a session have been over long ago."""
    with open_store(str(srctl.database)) as store:
        store.records.extend(Extension(session, LONG_AGO, "ann", LONG_AGO))


def limited(lab: FrontDoor, *limits: str) -> str:
    """Start the test page under limits, with an engine whose clock is right."""
    assert lab.engine is not None
    lab.engine.time.now = (datetime.now(UTC) - START).total_seconds()
    lab.ok("grant", "remove", WEB, "ann")
    lab.add("grant", "add", WEB, "ann", *limits)
    return lab.add("start", WEB)


def test_ps_shows_what_is_left_and_extend_gives_more(lab: FrontDoor) -> None:
    session = limited(lab, "--max-lifetime", "12h")
    [row] = lab.json("ps")
    assert row["warning"] is None
    assert row.keys() == lab.json("session", "show", session).keys()
    assert "LEFT" in lab.ok("ps").out
    assert "11h 59m" in lab.ok("ps").out
    ran = lab("session", "extend", session[:8], "2h", "-o", "json")
    assert (ran.code, ran.error["code"]) == (4, "not-allowed")
    assert "--max-lifetime 12h" in ran.error["message"]
    assert "for sessions to come an administrator can change it: srctl grant edit" in ran.error["hint"]
    over(lab, session)
    assert "  over  " in lab.ok("ps").out
    extended = lab.json("session", "extend", session[:8], "2h")
    ends = datetime.fromisoformat(extended["ends"])
    assert abs(ends - datetime.now(UTC) - timedelta(hours=2)) < timedelta(minutes=1)
    assert lab.json("session", "show", session)["ends"] == extended["ends"]
    for wrong in ("soon", "0h", "-1h"):
        assert lab("session", "extend", session, "--", wrong).code == 2


def test_a_session_without_an_end_has_no_such_column(lab: FrontDoor) -> None:
    session = lab.add("start", WEB)
    assert "LEFT" not in lab.ok("ps").out
    assert lab.json("ps")[0]["ends"] is None
    assert lab("session", "extend", session, "1h").code == 5


def test_reap_tells_what_it_did_and_ps_what_it_will_do(lab: FrontDoor) -> None:
    session = limited(lab, "--max-lifetime", "12h")
    assert lab.ok("reap", "-q").out == ""
    over(lab, session)
    [row] = lab.json("reap", "--dry-run")
    assert list(row) == ["session_id", "user", "image", "action", "reason", "message"]
    assert (row["session_id"], row["user"], row["action"], row["reason"]) == (session, "ann", "warn", "lifetime")
    assert lab.json("ps")[0]["warning"] is None
    assert lab.json("reap") == [row]
    assert lab.json("ps")[0]["warning"] == row["message"]
    assert "WARNING" in lab.ok("ps").out
    with closing(sqlite3.connect(lab.database)) as connection, connection:
        connection.execute("UPDATE records SET warned = '2026-01-01 00:00:00.000000'")
    assert row["message"].endswith("; srctl session extend gives it longer")
    ended = lab.ok("reap").out
    assert f"stop    {session}  ann" in ended
    assert "extend" not in ended
    assert lab.json("ps", "--all") == []
    assert lab.json("usage")[0]["sessions"] == 1


@pytest.mark.parametrize("value", ["0", "soon"])
def test_the_time_of_a_warning_is_configured(lab: FrontDoor, value: str) -> None:
    lab.write_config(f'reap_warning = "{value}"\n')
    assert lab("reap").code == 2


class TestUsage:
    @pytest.fixture
    def month(self, srctl: FrontDoor) -> FrontDoor:
        """A month of 10,000 sessions."""
        rows = []
        for number in range(10_000):
            started = MARCH + timedelta(minutes=4 * number)
            user, image = ("=ann", "@bob", "carl")[number % 3], f"app:{number % 7}"
            made = Record(f"{number:032x}", f"{number:064x}", user, 1, None, "a" * 32, image, "here", "srctl", started)
            ended = started + timedelta(hours=1)
            rows.append((
                made.session_id, made.container_id, user, 1, made.grant_id, image, "here", "srctl",
                f"{started:%Y-%m-%d %H:%M:%S}.000000", f"{ended:%Y-%m-%d %H:%M:%S}.000000", "stopped", 1800.0,
            ))  # fmt: skip
        with closing(sqlite3.connect(srctl.database)) as connection, connection:
            names = 'session_id, container_id, "user", user_id, grant_id, image, host, realm, started, ended, reason'
            marks = ", ".join("?" * 12)
            connection.executemany(f"INSERT INTO records ({names}, cpu_seconds) VALUES ({marks})", rows)  # noqa: S608
        return srctl

    def test_a_month_is_counted_by_user(self, month: FrontDoor) -> None:
        rows = month.json("usage", "--since", "2026-03-01", "--until", "2026-04-01")
        assert sum(row["sessions"] for row in rows) == 10_000
        assert [list(row) for row in rows] == [["by", "name", "sessions", "hours", "cpu_hours"]] * 3
        assert rows[0] == {"by": "user", "name": "=ann", "sessions": 3334, "hours": 3334.0, "cpu_hours": 1667.0}

    def test_it_is_counted_by_several_things_and_in_a_time(self, month: FrontDoor) -> None:
        assert [row["name"] for row in month.json("usage", "--by", "app")] == [f"app:{number}" for number in range(7)]
        assert [row["name"] for row in month.json("usage", "--by", "month")] == ["2026-03"]
        [row] = month.json("usage", "--by", "host", "--since", "2026-03-02", "--until", "2026-03-02T01:00Z")
        assert (row["hours"], row["sessions"]) == (15.0, 29)
        [row] = month.json("usage", "--user", "carl")
        assert (row["name"], row["sessions"]) == ("carl", 3333)
        for wrong in (("--by", "day"), ("--since", "x"), ("--since", "2026-03-02", "--until", "2026-03-01")):
            assert month("usage", *wrong).code == 2

    def test_in_csv_no_name_is_a_formula(self, month: FrontDoor) -> None:
        lines = month.ok("usage", "-o", "csv").lines
        assert lines[0] == "by,name,sessions,hours,cpu_hours"
        assert [line.split(",")[1] for line in lines[1:]] == ["'=ann", "@bob", "carl"]

    def test_on_a_terminal_there_are_bars(self, month: FrontDoor) -> None:
        out = month("usage", "--by", "app", terminal=True).out
        assert out.count("█") > 100
        assert "█" not in month.ok("usage", "--by", "app").out

    def test_nothing_was_used(self, srctl: FrontDoor) -> None:
        assert srctl.json("usage") == []
        assert srctl("usage", terminal=True).code == 0
