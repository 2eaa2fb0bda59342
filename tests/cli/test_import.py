"""`srctl db import`: what people and scripts see of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.front_door import FrontDoor
from tests.integration.db.old_files import csv_text, usual


@pytest.fixture
def old(tmp_path: Path) -> str:
    database = usual(tmp_path / "old.db").add("accounting", ("d" * 32, 99, 1, 1))
    return str(database.path)


def test_a_person_reads_what_came_over_and_what_did_not(srctl: FrontDoor, old: str) -> None:
    ran = srctl.ok("db", "import", old)
    assert ran.err == f"Skipped accounting row 4: grant {'d' * 32}: there is no user 99\n"
    assert [line.split()[-1] for line in ran.lines] == ["2.1", "no", "2", "2", "3", "0", "1"]
    assert srctl.ok("grant", "list", "-q").lines == [digit * 32 for digit in "bac"]


def test_a_program_reads_it_as_json(srctl: FrontDoor, old: str) -> None:
    ran = srctl("db", "import", old, "--dry-run", "-o", "json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json == {
        "kind": "database of SimPhoNy-Remote 2.1",
        "dry_run": True,
        "users": 2,
        "applications": 2,
        "grants": 3,
        "present": 0,
        "skipped": [{"place": "accounting row 4", "reason": f"grant {'d' * 32}: there is no user 99"}],
    }
    assert srctl.json("user", "list") == []
    assert srctl.ok("db", "import", old, "-q").lines == [digit * 32 for digit in "abc"]
    assert srctl.json("db", "import", old)["present"] == 3


def test_names_that_break_the_rules_stop_it_with_a_list_and_get_new_ones(srctl: FrontDoor, tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text(csv_text(("Ada Lovelace", "paraview:5"), ("x\x1b[31m", "UPPER")))
    words = ("db", "import", str(tmp_path / "old.csv"))
    ran = srctl(*words)
    assert (ran.code, ran.out) == (2, "")
    assert [line for line in ran.err.splitlines() if "line" in line] == [
        "srctl: line 2, column user.name: Not a user name: 'Ada Lovelace'",
        "srctl: line 3, column user.name: Not a user name: 'x\\x1b[31m'",
        "srctl: line 3, column application.image: Not an image name: 'UPPER'",
    ]
    assert len(srctl(*words, "-o", "json").error["errors"]) == 3
    new = ("--rename", "Ada Lovelace=ada", "--rename", "x\x1b[31m=xaver", "--rename", "UPPER=lower")
    srctl.ok(*words, *new)
    assert srctl.ok("user", "list", "-q").lines == ["ada", "xaver"]


@pytest.mark.parametrize(
    ("words", "code"),
    [(["~/nothing.db"], 3), (["~"], 2), (["a\0b"], 2), ([], 2), (["~/old.csv", "--rename", "ada"], 2)],
    ids=str,
)
def test_what_can_not_be_imported_adds_nothing(srctl: FrontDoor, words: list[str], code: int) -> None:
    (srctl.home / "old.csv").write_text(csv_text(("ada", "paraview:5")))
    assert srctl("db", "import", *words).code == code
    assert srctl.json("user", "list") == []


def test_through_a_gateway_nothing_is_imported(srctl: FrontDoor, old: str) -> None:
    ran = srctl("--host", "gateway://127.0.0.1:1", "db", "import", old)
    assert ran.code == 8
    assert "gateway" in ran.err
