"""Commands on a database that is on a PostgreSQL server."""

from __future__ import annotations

import os
from pathlib import Path

from tests.cli.front_door import FrontDoor
from tests.fakes import WEB, FakeEngine
from tests.integration.db.old_files import csv_text
from tools.clean_home import Home


def test_a_database_on_a_server_is_one_like_any_other(home: Home, postgres: str, tmp_path: Path) -> None:
    lab = FrontDoor(home.path, dict(os.environ) | {"SRCTL_USER": "ann"}, FakeEngine())
    for command in (["db", "init"], ["user", "add", "ann", "bob"], ["app", "add", WEB], ["grant", "add", WEB, "ann"]):
        lab.ok(*command)
    (tmp_path / "old.csv").write_text(csv_text(("carol", "desktop", "1"), ("dan", "desktop")))
    lab.ok("export", str(tmp_path / "lab.toml"))
    lab.environ["SRCTL_DB"] = postgres
    for command in (["db", "status"], ["user", "list"], ["db", "backup", "~/copy.db"], ["export"]):
        assert lab(*command).code == 3
    lab.ok("db", "init")
    lab.ok("db", "import", str(tmp_path / "old.csv"))
    lab.ok("apply", str(tmp_path / "lab.toml"), "--yes")
    assert lab.ok("user", "list", "-q").lines == ["ann", "bob", "carol", "dan"]
    session = lab.add("start", WEB)
    assert [row["granted"] for row in lab.json("ps")] == [True]
    before = lab.ok("export").out
    lab.ok("db", "backup", "~/copy.db")
    lab.ok("user", "remove", "ann", "--yes")
    lab.ok("db", "restore", "~/copy.db", "--yes")
    assert lab.ok("export").out == before
    assert lab.ok("db", "check", "--no-images").code == 0
    assert lab.ok("stop", session).lines == [session]
