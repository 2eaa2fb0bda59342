"""`srctl export`, `plan` and `apply`: the database as one file."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from srctl.context import Context
from srctl.declaring import mark
from srctl.errors import ConflictError
from srctl.sources import Changes, Contents, UserEntry
from tests.cli.front_door import FrontDoor
from tests.fakes import WEB
from tests.integration.db.old_files import csv_text
from tools import docs

POLICY = ("--allow-home", "--license", "S3CRET\nLINE 2", "--volume", "/srv/data:/data:ro", "--cpus", "1.5")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ann@laptop"


@pytest.fixture
def full(lab: FrontDoor) -> FrontDoor:
    """A database with something of every kind."""
    lab.ok("grant", "add", "desktop", "bob", *POLICY)
    lab.ok("group", "add", "team")
    lab.ok("group", "join", "team", "ann", "bob")
    lab.ok("grant", "add", "desktop", "@team")
    assert lab("user", "key", "add", "ann", "-", stdin=KEY).code == 0
    return lab


def contents(door: FrontDoor) -> object:
    with Context(door.environ) as context:
        return context.declaring.contents()


@pytest.mark.parametrize("form", ["toml", "yaml", "json"])
def test_an_exported_database_is_the_same_somewhere_else(full: FrontDoor, empty_database: Path, form: str) -> None:
    path = full.home / f"all.{form}"
    full.ok("export", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert full.ok("export", "--format", form).out == path.read_text()
    assert full.ok("plan", str(path), "-q").out == ""
    before = contents(full)
    shutil.copy(empty_database, full.database)
    full.ok("apply", str(path), "--yes")
    assert contents(full) == before
    assert full.ok("export", "--format", form).out == path.read_text()


def test_the_example_of_the_documentation_is_a_file_that_can_be_applied(srctl: FrontDoor) -> None:
    [text] = re.findall(r"```toml\n(.*?)```", (docs.ROOT / "docs/how-to/declare.md").read_text(), re.DOTALL)
    assert srctl("apply", "-", "--yes", stdin=text).code == 0
    assert srctl("plan", "-", "--prune", "-q", stdin=text).out == ""
    assert [row["group"] for row in srctl.json("grant", "list")] == [None, "design"]


def test_an_export_replaces_files_alone_and_opens_nothing_to_others(full: FrontDoor) -> None:
    (full.home / "file.toml").write_text("")
    (full.home / "file.toml").chmod(0o640)
    (full.home / "link.toml").symlink_to("file.toml")
    os.mkfifo(full.home / "pipe.toml")
    full.ok("export", "~/link.toml")
    assert (full.home / "link.toml").is_symlink()
    assert "ann" in (full.home / "file.toml").read_text()
    assert stat.S_IMODE((full.home / "file.toml").stat().st_mode) == 0o640
    ran = full("export", "~/pipe.toml")
    assert (ran.code, "not a regular file" in ran.err) == (1, True)
    assert (full.home / "pipe.toml").is_fifo()


def test_without_a_format_json_is_what_programs_get(full: FrontDoor) -> None:
    assert json.loads(full.ok("export", "-o", "json").out)["users"] == [{"name": "ann"}, {"name": "bob"}]
    assert full.ok("export").out.startswith("# Read by")
    assert full.ok("export", "-").out == full.ok("export").out
    assert full("export", "--format", "xml").code == 2
    assert full("export", "/nowhere/at/all.toml").code == 1


def test_a_plan_shows_what_would_change_and_changes_nothing(full: FrontDoor) -> None:
    text = full.ok("export").out.replace("S3CRET", "OTHER").replace('name = "bob"', 'name = "bob", admin = true')
    (full.home / "all.toml").write_text(text)
    before = full.database.read_bytes()
    ran = full("plan", str(full.home / "all.toml"), "-o", "json")
    assert (ran.code, ran.err) == (0, "")
    user, grant = ran.json
    assert list(user) == ["action", "kind", "name", "before", "after"]
    assert (user["action"], user["kind"], user["name"]) == ("change", "user", "bob")
    assert (user["before"]["admin"], user["after"]["admin"]) == (False, True)
    assert (grant["before"]["policy"]["license"], grant["after"]["policy"]["license"]) == (True, "another")
    table = full.ok("plan", str(full.home / "all.toml")).out
    assert "admin: no → yes" in table
    file = shlex.quote(str(full.home / "all.toml"))
    assert full.ok("plan", str(full.home / "all.toml"), "--prune").err == (
        f"0 to add, 2 to change, 0 to remove: srctl apply {file} --prune does it\n"
    )
    assert "S3CRET" not in table + ran.out
    assert full.database.read_bytes() == before


def test_apply_removes_nothing_without_prune_and_all_else_with_it(full: FrontDoor) -> None:
    kept = full.ok("grant", "list", "--user", "bob", "-q").lines[0]
    document = f'users = [{{name="bob"}}]\ngrants = [{{id="{kept}", user="bob", image="desktop"}}]\n'
    assert full("apply", "-", "--yes", stdin=document).code == 0
    assert full.ok("user", "list", "-q").lines == ["ann", "bob"]
    ran = full("apply", "-", "--yes", "--prune", "-q", stdin=document)
    assert ran.code == 0
    assert full.ok("user", "list", "-q").lines == ["bob"]
    assert full.ok("grant", "list", "-q").lines == [kept]
    assert full.json("group", "list")[0]["members"] == ["bob"]
    assert len(full.json("app", "list")) == 3


def test_apply_asks_on_a_terminal_and_needs_yes_elsewhere(full: FrontDoor) -> None:
    path = full.home / "all.toml"
    path.write_text('users = [{name = "carol"}]')
    asked = full("apply", str(path))
    assert (asked.code, "--yes" in asked.err) == (2, True)
    refused = full("apply", str(path), terminal=True, stdin="n\n")
    assert (refused.code, "add user carol" in refused.err) == (1, True)
    assert full.ok("user", "list", "-q").lines == ["ann", "bob"]
    assert full("apply", str(path), terminal=True, stdin="y\n").code == 0
    assert full.ok("user", "list", "-q").lines == ["ann", "bob", "carol"]


def test_what_is_the_same_asks_nothing_and_writes_nothing(full: FrontDoor) -> None:
    full.ok("export", str(full.home / "all.toml"))
    with closing(sqlite3.connect(full.database, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")  # whoever wants to write has to wait
        before = full.database.read_bytes(), full.database.stat().st_mtime_ns
        ran = full("apply", str(full.home / "all.toml"), "--prune")
        assert (ran.code, ran.err) == (0, "Nothing is to be changed\n")
        assert (full.database.read_bytes(), full.database.stat().st_mtime_ns) == before


def test_a_session_keeps_its_grant_under_another_policy(lab: FrontDoor) -> None:
    session = lab.json("start", WEB)
    text = lab.ok("export").out.replace(f'image = "{WEB}" }}', f'image = "{WEB}", policy = {{ allow_view = true }} }}')
    assert lab("apply", "-", "--yes", stdin=text).code == 0
    [grant] = lab.json("grant", "list")
    assert (grant["id"], grant["policy"]["allow_view"]) == (session["grant_id"], True)
    assert lab.json("ps")[0]["granted"] is True


def test_what_makes_no_sense_changes_nothing(full: FrontDoor) -> None:
    before = contents(full)
    for text, code in (("users = [{name='x y'}, {name='new'}]", 2), ("nonsense", 2), ("\udcff", 2)):
        assert full("apply", "-", "--yes", stdin=text).code == code
    assert full("apply", str(full.home / "nothing.toml"), "--yes").code == 3
    assert contents(full) == before


def test_a_csv_database_is_exported_and_not_changed(lab: FrontDoor) -> None:
    (lab.home / "people.csv").write_text(csv_text(("ann", WEB, "1"), ("eve", "jupyter")))
    database = {"SRCTL_DB": f"csv://{lab.home}/people.csv"}
    lab.ok("export", str(lab.home / "csv.toml"), env=database)
    assert lab("apply", str(lab.home / "csv.toml"), "--yes", env=database).code == 0
    assert lab("apply", str(lab.home / "csv.toml"), "--yes", "--prune", env=database).code == 0
    (lab.home / "csv.toml").write_text('users = [{name = "new"}]')
    assert lab("apply", str(lab.home / "csv.toml"), "--yes", env=database).code == 8


def test_what_has_changed_meanwhile_is_not_written_over(full: FrontDoor) -> None:
    with Context(full.environ) as context:
        before = context.declaring.contents()
        full.ok("user", "add", "carol")
        with pytest.raises(ConflictError, match="meanwhile"):
            context.declaring.carry_out(Changes(added=Contents((UserEntry("dan"),))), mark(before))
    assert full.ok("user", "list", "-q").lines == ["ann", "bob", "carol"]


_KILLED = """
import os, signal, sys
from srctl.cli import main
from srctl.db import archive

name, last = sys.argv[1], int(sys.argv[2])
method, seen = getattr(archive.Revision, name), []

def then_die(self, *given):
    method(self, *given)
    seen.append(name)
    if len(seen) == last:
        os.kill(os.getpid(), signal.SIGKILL)

setattr(archive.Revision, name, then_die)
main(sys.argv[3:])
"""


@pytest.mark.parametrize(("method", "last"), [("_delete", 4), ("_update", 1), ("carry_out", 1)])
def test_a_killed_apply_leaves_the_database_as_it_was(full: FrontDoor, method: str, last: int) -> None:
    (full.home / "new.toml").write_text(
        'users=[{name="bob",admin=true},{name="carol"}]\ngroups=[]\nkeys=[]\napplications=[{image="new:1"}]\n'
        'grants=[{user="carol",image="new:1"}]'
    )
    before = contents(full)
    command = [
        sys.executable,
        "-c",
        _KILLED,
        method,
        str(last),
        "apply",
        str(full.home / "new.toml"),
        "--prune",
        "--yes",
    ]
    assert subprocess.run(command, env=full.environ, check=False).returncode == -signal.SIGKILL
    assert contents(full) == before
    full.ok("apply", str(full.home / "new.toml"), "--prune", "--yes")
    assert full.ok("user", "list", "-q").lines == ["bob", "carol"]


def test_of_many_who_apply_at_once_nobody_leaves_a_mixture(full: FrontDoor) -> None:
    texts = [
        "".join(f"{kind}=[]\n" for kind in ("groups", "keys", "grants"))
        + f"users=[{', '.join(f'{{name={chr(34)}{letter}{number}{chr(34)}}}' for number in range(50))}]"
        for letter in "abcd"
    ]
    codes: list[int] = []
    runs = [
        threading.Thread(target=lambda text=text: codes.append(full("apply", "-", "--prune", "--yes", stdin=text).code))
        for text in texts
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert set(codes) <= {0, 5}
    names = full.ok("user", "list", "-q").lines
    assert (len(names), len({name[0] for name in names})) == (50, 1)
