"""`srctl db`."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.front_door import FrontDoor
from tests.integration.db.old_files import csv_text
from tools.clean_home import PROGRAM
from tools.ports import refusing_port

NEEDS_DATABASE = [
    ["user", "list"],
    ["user", "add", "ann"],
    ["user", "show", "ann"],
    ["user", "remove", "ann", "--yes"],
    ["user", "key", "list", "ann"],
    ["app", "list"],
    ["app", "add", "desktop", "--no-verify"],
    ["grant", "list"],
    ["grant", "add", "desktop", "ann"],
    ["db", "status"],
    ["db", "upgrade"],
    ["session", "available"],
    ["session", "start", "desktop"],
    ["status"],
]


@pytest.mark.parametrize("argv", NEEDS_DATABASE, ids=" ".join)
def test_without_a_database_a_command_that_needs_it_is_3_and_makes_nothing(bare: FrontDoor, argv: list[str]) -> None:
    before = bare.files()
    ran = bare(*argv, "-o", "json", env={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    assert (ran.code, ran.out, ran.error["code"]) == (3, "", "not-found")
    assert "srctl db init" in ran.error["hint"]
    assert bare.files() == before


def test_init_makes_a_private_database_with_its_folders(bare: FrontDoor) -> None:
    ran = bare.ok("db", "init")
    assert ran.out == ""
    assert str(bare.database) in ran.err
    assert stat.S_IMODE(bare.database.stat().st_mode) == 0o600
    assert bare.json("user", "list") == []


def test_init_leaves_a_ready_database_untouched(team: FrontDoor) -> None:
    before = team.database.read_bytes()
    team.ok("db", "init")
    assert team.database.read_bytes() == before


def test_init_leaves_a_file_that_is_not_ours_untouched(bare: FrontDoor, tmp_path: Path) -> None:
    text, foreign = tmp_path / "notes.txt", tmp_path / "foreign.db"
    text.write_text("Dear diary, " * 100)
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE recipes (id INTEGER)")
    connection.close()
    for path in (text, foreign):
        before = path.read_bytes()
        for place in (str(path), f"sqlite:///{path}"):
            ran = bare("--db", place, "db", "init", "-o", "json")
            assert (ran.code, ran.error["code"]) == (5, "conflict")
            assert path.read_bytes() == before


def test_init_takes_no_name_that_is_no_text_and_makes_nothing(bare: FrontDoor, tmp_path: Path) -> None:
    ran = bare("--db", f"{tmp_path}/other/\udcff.db", "db", "init", "-o", "json")
    assert (ran.code, ran.error["code"]) == (2, "usage")
    assert not (tmp_path / "other").exists()


def test_init_on_a_link_to_nowhere_says_so(bare: FrontDoor, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "nowhere.db")
    ran = bare("--db", str(tmp_path / "link.db"), "db", "init")
    assert ran.code == 5
    assert "link" in ran.err
    assert "db init" not in ran.err


@pytest.mark.parametrize("blocks", [0, 16])
def test_init_on_a_full_disk_leaves_nothing(bare: FrontDoor, blocks: int) -> None:
    command = ["sh", "-c", f'ulimit -f {blocks}; exec "$0" db init', str(PROGRAM)]
    env = bare.environ | {"PYTHONDONTWRITEBYTECODE": "1"}  # else half of a module may be kept for later runs
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert bare.files() == set()
    bare.ok("db", "init")


def test_status_tells_revision_and_counts(team: FrontDoor) -> None:
    team.ok("grant", "add", "desktop", "ann")
    status = team.json("db", "status")
    assert list(status) == ["url", "revision", "head", "pending", "users", "applications", "grants"]
    assert status["url"] == str(team.database)
    assert status["revision"] == status["head"]
    assert status["pending"] == []
    assert (status["users"], status["applications"], status["grants"]) == (2, 2, 1)


@pytest.mark.parametrize("verb", ["init", "upgrade"])
def test_setting_up_a_ready_database_can_be_said_in_json(srctl: FrontDoor, verb: str) -> None:
    ran = srctl("db", verb, "-o", "json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json["pending"] == []


@pytest.mark.parametrize("place", ["~/other.db", "other/deep.db", "sqlite:///{home}/url.db"])
def test_the_database_is_a_path_or_a_url(bare: FrontDoor, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bare.home)
    place = place.format(home=bare.home)
    bare.ok("--db", place, "db", "init")
    bare.ok("user", "add", "ann", env={"SRCTL_DB": place})
    assert bare.ok("--db", place, "user", "list", "-q").out == "ann\n"
    assert not bare.database.exists()


@pytest.mark.parametrize("place", ["nosuch://server/db", "sqlite://", "sqlite:///:memory:"])
def test_what_can_be_no_database_is_wrong_usage(bare: FrontDoor, place: str) -> None:
    assert bare("--db", place, "db", "init").code == 2


def test_a_backup_is_named_and_comes_back(team: FrontDoor) -> None:
    assert team.ok("db", "backup", "~/copy.db").lines == [str(team.home / "copy.db")]
    assert team.json("db", "backup", "~/copy.db")["users"] == 2
    team.ok("user", "add", "carol")
    assert team("db", "backup", "-").code == 2
    assert team("db", "restore", "~/none.db").code == 3  # before anything is asked
    asked = team("db", "restore", "~/copy.db")
    assert (asked.code, "--yes" in asked.err) == (2, True)
    assert team("db", "restore", "~/copy.db", terminal=True, stdin="n\n").code == 1
    assert team.ok("user", "list", "-q").lines == ["ann", "bob", "carol"]
    assert "Restored 2 users, 2 applications, 0 grants" in team.ok("db", "restore", "~/copy.db", "--yes").err
    assert team.ok("user", "list", "-q").lines == ["ann", "bob"]
    assert team.json("db", "restore", "~/copy.db", "--yes")["users"] == 2


def test_a_backup_makes_a_database_where_there_is_none(team: FrontDoor) -> None:
    team.ok("db", "backup", "~/copy.db")
    team.database.unlink()
    team.ok("db", "restore", "~/copy.db", "--yes")
    assert stat.S_IMODE(team.database.stat().st_mode) == 0o600
    assert team.ok("user", "list", "-q").lines == ["ann", "bob"]


@pytest.mark.parametrize("there", [True, False])
def test_nothing_that_a_copy_brings_runs_and_what_is_wrong_in_it_is_told(team: FrontDoor, there: bool) -> None:
    team.ok("db", "backup", "~/copy.db")
    with closing(sqlite3.connect(team.home / "copy.db")) as copy:
        copy.executescript("CREATE TRIGGER evil AFTER INSERT ON users BEGIN UPDATE users SET admin = 1; END")
        copy.executescript("CREATE VIEW mine AS SELECT 1; ALTER TABLE users ADD COLUMN more DEFAULT 1")
        copy.executescript("UPDATE users SET name = '../../b', name_folded = '../../b' WHERE name = 'bob'")
    if not there:
        team.database.unlink()
    said = team.ok("db", "restore", "~/copy.db", "--yes").err
    assert "Left out, since no backup of srctl has that: trigger evil, view mine" in said
    assert "breaks the rules, as srctl db check says: user '../../b': Not a user name" in said
    team.ok("user", "add", "carol")
    assert {user["admin"] for user in team.json("user", "list")} == {False}
    with closing(sqlite3.connect(team.database)) as found:
        assert {row[0] for row in found.execute("SELECT type FROM sqlite_master")} == {"table", "index"}
        assert "more" not in {row[1] for row in found.execute("PRAGMA table_info(users)")}


def test_what_is_left_of_a_database_that_is_gone_is_not_read_into_a_new_one(team: FrontDoor) -> None:
    team.ok("db", "backup", "~/copy.db")
    left = team.home / "left"
    with closing(sqlite3.connect(team.database)) as before:
        before.execute("UPDATE users SET admin = 1")
        before.commit()
        left.write_bytes(Path(f"{team.database}-wal").read_bytes())
    team.database.unlink()
    side = Path(f"{team.database}-wal")
    side.write_bytes(left.read_bytes())
    for words in (["init"], ["restore", "~/copy.db", "--yes"]):
        ran = team("db", *words)
        assert (ran.code, "is left of another database" in ran.err) == (5, True)
        assert not team.database.exists()
    side.rename(left)
    team.ok("db", "restore", "~/copy.db", "--yes")
    assert {user["admin"] for user in team.json("user", "list")} == {False}
    Path(f"{team.home}/other.db-wal").write_bytes(left.read_bytes())
    assert team("db", "backup", "~/other.db").code == 5


def test_a_copy_with_values_that_can_not_be_changes_nothing(team: FrontDoor) -> None:
    team.ok("db", "backup", "~/copy.db")
    with closing(sqlite3.connect(team.home / "copy.db")) as copy:
        copy.executescript("UPDATE users SET name = X'00ff', created = 'soon' WHERE name = 'bob'")
    ran = team("db", "restore", "~/copy.db", "--yes")
    assert (ran.code, "has a value that can't be" in ran.err) == (1, True)
    assert team.ok("user", "list", "-q").lines == ["ann", "bob"]


def test_check_names_what_is_wrong_and_how_to_mend_it(lab: FrontDoor) -> None:
    assert {row["ok"] for row in lab.json("db", "check")} == {True}
    lab.ok("grant", "add", "desktop", "ann")
    ran = lab("db", "check", "-o", "json")
    assert (ran.code, ran.error["message"]) == (1, "The database has 1 problem")
    assert [row["problem"] for row in ran.json if not row["ok"]] == [
        "fake does not have what is granted: desktop:latest"
    ]
    assert lab("db", "check", "--no-images").code == 0


def test_a_csv_database_can_be_checked_and_not_be_backed_up(lab: FrontDoor, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(csv_text(("ann", "gone:1")))
    database = {"SRCTL_DB": f"csv://{tmp_path}/people.csv"}
    assert lab("db", "check", env=database).code == 1
    assert lab("db", "check", "--no-images", env=database).code == 0
    for words in (["backup", "~/copy.db"], ["restore", "~/copy.db", "--yes"]):
        assert lab("db", *words, env=database).code == 8
    assert not (lab.home / "copy.db").exists()


@pytest.mark.parametrize("argv", [["user", "list"], ["db", "init"], ["db", "check"], ["export"], ["ps"]], ids=" ".join)
def test_a_database_server_that_is_not_there_is_unreachable(lab: FrontDoor, argv: list[str]) -> None:
    with refusing_port() as port:
        ran = lab("--db", f"postgresql://me:sesame@127.0.0.1:{port}/srctl", *argv, "-o", "json")
    assert (ran.code, ran.error["code"]) == (6, "unreachable")
    assert "sesame" not in ran.err
