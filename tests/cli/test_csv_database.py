"""A CSV file as the database: everything can be read and nothing written, and it is read again when it has changed."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path
from threading import Event, Thread

import pytest

from srctl.context import Context
from srctl.db.csv_source import CsvSource
from srctl.shared_files import replace_file
from tests.cli.front_door import FrontDoor
from tests.fakes import WEB, FakeEngine
from tests.integration.db.old_files import csv_text

ROWS = (("ann", WEB, "1"), ("ann", "jupyter", "", "1"), ("bob", WEB, "", "", "", "/srv", "/data", "ro"))


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(csv_text(*ROWS))
    return path


@pytest.fixture
def door(bare: FrontDoor, sheet: Path) -> FrontDoor:
    bare.environ["SRCTL_DB"] = f"csv://{sheet}"
    bare.engine = FakeEngine()
    return bare


def test_people_applications_and_grants_are_those_of_the_file(door: FrontDoor, sheet: Path) -> None:
    assert door.ok("user", "list", "-q").lines == ["ann", "bob"]
    assert door.ok("app", "list", "-q").lines == ["jupyter:latest", WEB]
    rows = door.json("grant", "list", "--user", "bob")
    assert [(row["image"], row["policy"]["volumes"][0]["target"]) for row in rows] == [(WEB, "/data")]
    assert door.ok("grant", "list", "--app", WEB, "-q").lines == door.ok("grant", "list", "-q").lines[1:]
    assert door.json("user", "show", "ann")["id"] is None
    assert door.json("user", "key", "list", "ann") == []
    assert door("user", "show", "carol").code == 3
    assert door("app", "show", "absent:1").code == 3
    status = door.json("db", "status")
    assert (status["url"], status["revision"], status["head"]) == (f"csv://{sheet}", None, None)
    assert (status["users"], status["applications"], status["grants"]) == (2, 2, 3)
    assert door.json("status")["grants"] == 3


def test_sessions_run_under_its_grants(door: FrontDoor, sheet: Path) -> None:
    offers = {row["image"]: row["grant_id"] for row in door.json("session", "available")}
    assert set(offers) == {WEB, "jupyter:latest"}
    session = door.json("start", WEB)
    assert (session["grant_id"], session["granted"]) == (offers[WEB], True)
    assert door("start", "jupyter", "--pull", "never").code == 3
    assert door("start", WEB, env={"SRCTL_USER": "carol"}).code == 4
    sheet.write_text(csv_text(*ROWS[1:]))
    assert door.json("ps")[0]["granted"] is False
    assert door("open", session["id"], "--no-browser").code == 4
    assert door.ok("stop", session["id"]).lines == [session["id"]]


def test_a_session_stays_its_user_s_when_the_file_is_taken_over(
    door: FrontDoor, sheet: Path, empty_database: Path
) -> None:
    session = door.json("start", WEB)
    door.with_database(empty_database)
    database = {"SRCTL_DB": str(door.database)}
    door.ok("db", "import", str(sheet), env=database)
    [row] = door.json("ps", env=database)
    assert (row["id"], row["grant_id"], row["granted"]) == (session["id"], session["grant_id"], True)
    assert door.ok("start", WEB, env=database).lines == [session["id"]]


WRITES = [
    ["user", "add", "carol"], ["user", "remove", "bob", "--yes"], ["user", "disable", "ann"], ["user", "enable", "ann"],
    ["user", "key", "remove", "ann", "SHA256:x"], ["app", "add", "new:1", "--no-verify"],
    ["app", "remove", WEB, "--yes"], ["grant", "add", "absent:1", "nobody"], ["grant", "add", WEB, "ann"],
    ["grant", "remove", "jupyter", "ann", "--all"], ["db", "init"], ["db", "upgrade"], ["db", "import", "~/same.csv"],
    ["audit", "list"],
]  # fmt: skip


@pytest.mark.parametrize("argv", WRITES, ids=" ".join)
def test_what_would_write_is_8_and_leaves_the_file_alone(door: FrontDoor, sheet: Path, argv: list[str]) -> None:
    (door.home / "same.csv").write_text(csv_text(*ROWS))
    before = sheet.read_bytes(), sheet.stat()
    ran = door(*argv, "-o", "json")
    assert (ran.code, ran.error["code"]) == (8, "unsupported")
    assert (sheet.read_bytes(), sheet.stat()) == before
    assert list(sheet.parent.glob("*.csv*")) == [sheet]


def test_ids_do_not_depend_on_the_order_of_rows_or_columns(door: FrontDoor, sheet: Path) -> None:
    before = door.ok("grant", "list", "-q").lines
    columns = csv_text().strip().split(",")
    for rows in itertools.permutations(ROWS):
        full = [dict(zip(columns, (*row, *("",) * 8), strict=False)) for row in rows]
        turned = columns[::-1]
        sheet.write_text(csv_text(*([row[name] for name in turned] for row in full), columns=turned))
        assert sorted(door.ok("grant", "list", "-q").lines) == sorted(before)
    sheet.write_text(csv_text(*ROWS, *ROWS))
    assert door.ok("grant", "list", "-q").lines == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (csv_text(("ann", "UPPER")), "line 2, column application.image"),
        (csv_text(("ann", WEB), ("b b", WEB)), "line 3, column user.name"),
        ("user.name;application.image\n", "line 1: there is no column"),
        ("", "line 1: there is no column"),
    ],
)
def test_a_file_that_is_not_right_is_2_and_names_itself_line_and_column(
    door: FrontDoor, sheet: Path, text: str, said: str
) -> None:
    sheet.write_text(text)
    ran = door("grant", "list", "-o", "json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.error["message"].startswith(f"{sheet}: {said}")


@pytest.mark.parametrize(
    ("place", "code"), [("csv:///nowhere.csv", 3), ("csv://", 2), ("csv:///", 2), ("csv:///dev/null", 2)]
)
def test_what_is_no_file_is_told_so(door: FrontDoor, place: str, code: int) -> None:
    ran = door("--db", place, "user", "list")
    assert (ran.code, "db init" in ran.err) == (code, False)


def test_a_long_run_sees_each_change_whatever_the_clock_says(door: FrontDoor, sheet: Path) -> None:
    with Context(door.environ) as context:
        moment = sheet.stat().st_mtime_ns
        for name in ("cyd", "dan", "eva"):
            sheet.write_text(csv_text((name, WEB)))
            os.utime(sheet, ns=(moment, moment))
            assert [user.name for user in context.store.users()] == [name]
        sheet.unlink()
        other = sheet.with_name("other")
        other.write_text(csv_text(("fay", WEB)))
        other.rename(sheet)
        assert [user.name for user in context.store.users()] == ["fay"]


def test_a_file_that_nobody_touches_is_read_once(sheet: Path) -> None:
    os.utime(sheet, (10**9, 10**9))
    source = CsvSource(sheet)
    assert source.contents() is source.contents()


def test_of_a_file_that_is_replaced_all_the_time_one_or_the_other_is_read(sheet: Path) -> None:
    texts = [
        csv_text(*((f"{letter}{number}", WEB) for number in range(count))) for letter, count in (("a", 50), ("b", 70))
    ]
    replace_file(sheet, texts[0].encode())
    source, stopped = CsvSource(sheet), Event()

    def replace() -> None:
        for text in itertools.cycle(texts):
            replace_file(sheet, text.encode())
            if stopped.is_set():
                return

    writer = Thread(target=replace)
    writer.start()
    try:
        found, until = set(), time.monotonic() + 10
        for number in itertools.count():
            users = source.contents().users
            found.add((users[0].name, len(users)))
            if (len(found) > 1 and number > 300) or time.monotonic() > until:
                break
    finally:
        stopped.set()
        writer.join()
    assert found == {("a0", 50), ("b0", 70)}


def test_reading_csv_loads_no_sqlalchemy(door: FrontDoor, run_srctl: object) -> None:
    assert callable(run_srctl)
    ran = run_srctl("--db", door.environ["SRCTL_DB"], "user", "list", "-q", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert ran.stdout == "ann\nbob\n"
    assert "sqlalchemy" not in ran.stderr
