"""Commands for gateways, as they are without one: the audit of a database of this machine, and what is refused."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import pytest

from srctl import durations
from srctl.db.ledger import Ledger
from srctl.errors import UsageError
from srctl.models import AuditEntry
from tests.cli.front_door import FrontDoor
from tests.fakes import WEB

NOW = datetime(2030, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("words", [["share", "1234", "bob"], ["unshare", "1234"]], ids=" ".join)
def test_sharing_needs_a_gateway(lab: FrontDoor, words: list[str]) -> None:
    ran = lab("session", *words, "-o", "json")
    assert (ran.code, ran.error["code"]) == (8, "unsupported")
    assert "gateway" in ran.error["message"]


def test_the_audit_of_a_database_is_listed(team: FrontDoor) -> None:
    entries = [
        AuditEntry(NOW.replace(hour=hour), user, "SHA256:x", "192.0.2.1", "session.start", WEB, "ok")
        for hour, user in enumerate(("ann", "bob", "ann"))
    ]
    with closing(Ledger(team.database)) as ledger:
        for entry in entries:
            ledger.note(entry)
    rows = team.json("audit", "list")
    assert [row["user"] for row in rows] == ["ann", "bob", "ann"]
    assert list(rows[0]) == ["time", "user", "fingerprint", "address", "action", "detail", "result"]
    assert rows[0]["time"] == "2030-01-02T00:00:00Z"
    assert len(team.json("audit", "list", "--user", "ann", "--since", "2030-01-02T01:00:00Z")) == 1
    assert team.ok("audit", "list", "--since", "2030-01-02 02:00").out.count("session.start") == 1


def test_without_a_database_there_is_no_audit(bare: FrontDoor) -> None:
    assert bare("audit", "list").code == 3


def test_whoami_is_the_user_acted_as(bare: FrontDoor) -> None:
    assert bare.json("--host", "ssh://lab", "--user", "bob", "whoami") == {
        "user": "bob", "admin": None, "host": "ssh://lab", "fingerprint": None,
    }  # fmt: skip


def test_accounting_needs_no_docker_that_is_set_up_well(team: FrontDoor) -> None:
    broken = {"DOCKER_HOST": "", "DOCKER_CONTEXT": "gone"}
    assert team.ok("user", "list", "-q", env=broken).lines == ["ann", "bob"]


def test_a_host_that_was_named_and_is_not_there_may_have_been_a_gateway(team: FrontDoor) -> None:
    assert team("user", "list", "--host", "labb").code == 3
    assert team("user", "list", env={"SRCTL_HOST": "labb"}).code == 3


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("2h", 7200), ("7d", 604800), ("5m", 300), ("1h30m", 5400)])
def test_durations_are_read(text: str, value: float) -> None:
    assert durations.parse(text) == value


@pytest.mark.parametrize(
    "text", ["", "2", "h", "-2h", "2 h", "0s", "2w", "1e3s", "30m1h", "1h30", "\u0663s", "9" * 12 + "d"]
)
def test_what_is_no_duration_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError):
        durations.parse(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("24h", datetime(2030, 1, 1, tzinfo=UTC)),
        ("2029-12-31", datetime(2029, 12, 31, tzinfo=UTC)),
        ("2030-01-01T01:00:00+01:00", datetime(2030, 1, 1, tzinfo=UTC)),
    ],
)
def test_moments_are_read(text: str, moment: datetime) -> None:
    assert durations.moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2030-13-01", "999999999d", "0001-01-01T00:00:00+10:00"])
def test_what_is_no_moment_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError):
        durations.moment(text, NOW)
