"""Data of SimPhoNy-Remote comes over whole or not at all, with its ids, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from srctl.contents import Imported
from srctl.db import old_data
from srctl.db.store import SqlStore, open_store
from srctl.errors import ConflictError, NotFoundError, SeveralErrors, SrctlError, UsageError
from srctl.importing import take_over
from srctl.models import Grant, Policy, Volume
from tests.integration.db.old_files import NEWER, OldDatabase, csv_text, usual


@pytest.fixture
def store(sqlite_location: str) -> Iterator[SqlStore]:
    """An open store; where the kind of database can matter, tests ask for `any_store`."""
    with open_store(sqlite_location) as opened:
        yield opened


@pytest.fixture
def any_store(location: str) -> Iterator[SqlStore]:
    with open_store(location) as opened:
        yield opened


A, B, C, D = (digit * 32 for digit in "abcd")


def bring(store: SqlStore, path: Path, renames: Mapping[str, str] | None = None, *, dry_run: bool = False) -> Imported:
    return take_over(old_data.read(str(path)), store.archive, renames, dry_run=dry_run)


def refusals(store: SqlStore, path: Path, renames: Mapping[str, str] | None = None) -> str:
    """Import what must be refused, and return all that is said about it."""
    before = store.archive.contents()
    with pytest.raises(SrctlError) as caught:
        bring(store, path, renames)
    assert caught.value.exit_code == 2
    assert store.archive.contents() == before
    errors = caught.value.errors if isinstance(caught.value, SeveralErrors) else (caught.value,)
    return "\n".join(f"{each.message} | {each.hint}" for each in errors)


def said(grants: list[Grant]) -> set[tuple[str, str | None, str, Policy]]:
    return {(each.id, each.user, each.application.image, each.policy) for each in grants}


USUAL = {
    (A, "ada", "simphonyproject/paraview:5", Policy(allow_home=True)),
    (B, "ada", "jupyter:latest", Policy()),
    (C, "bob", "simphonyproject/paraview:5", Policy(allow_view=True, volumes=(Volume("/srv/data", "/data", "ro"),))),
}


@pytest.mark.parametrize("newer", [False, True])
def test_a_database_comes_over_with_its_ids(any_store: SqlStore, tmp_path: Path, newer: bool) -> None:
    imported = bring(any_store, usual(tmp_path / "old.db", newer=newer).path)
    assert said(any_store.grants()) == USUAL
    assert (imported.kind[-3:], imported.users, imported.applications) == ("2.1" if newer else "2.0", 2, 2)
    assert set(imported.added) == {A, B, C}


def test_what_version_2_1_added_comes_over(store: SqlStore, tmp_path: Path) -> None:
    old = usual(tmp_path / "old.db")
    columns = "(id, app_license, allow_startup_data, allow_home, volume_source, volume_target, volume_mode)"
    old.add("application_policy", (9, "27000@lic\nline 2", 1, None, None, "/data", "rw"), columns=columns)
    old.add("application_policy", (10, "", 0, 0, None, None, None), columns=columns)
    old.add("accounting", (D, 2, 2, 9), ("e" * 32, 2, 2, 10))
    bring(store, old.path)
    [licensed, plain] = sorted(store.grants(user="bob", image="jupyter:latest"), key=lambda each: each.id)
    assert licensed.policy == Policy(allow_startup_data=True, license="27000@lic\nline 2")
    assert plain.policy == Policy()


def test_people_and_applications_without_grants_come_over_too(store: SqlStore, tmp_path: Path) -> None:
    old = usual(tmp_path / "old.db").add("user", (3, "carol")).add("application", (3, "unused:1"))
    bring(store, old.path)
    assert store.user("carol").name == "carol"
    assert store.application("unused:1").image == "unused:1"


@pytest.mark.parametrize("kind", ["database", "csv"])
def test_a_second_run_changes_nothing(any_store: SqlStore, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "old"
    if kind == "database":
        usual(path)
    else:
        path.write_text(csv_text(("ada", "paraview:5", "1"), ("bob", "jupyter", "", "1")))
    count = len(bring(any_store, path).added)
    before = any_store.archive.contents()
    again = bring(any_store, path)
    assert (again.users, again.applications, again.grants, again.present) == (0, 0, 0, count)
    assert any_store.archive.contents() == before


def test_a_dry_run_says_what_would_be_done_and_does_nothing(store: SqlStore, tmp_path: Path) -> None:
    old = usual(tmp_path / "old.db")
    dry = bring(store, old.path, dry_run=True)
    assert store.archive.contents().users == ()
    wet = bring(store, old.path)
    assert (dry.users, dry.applications, dry.added) == (wet.users, wet.applications, wet.added)


def test_rows_that_lead_nowhere_or_say_the_same_again_are_skipped_with_their_place(
    store: SqlStore, tmp_path: Path
) -> None:
    old = usual(tmp_path / "old.db").add("user", (3, None)).add("application", (5, "jupyter:latest"), (6, None))
    old.add("accounting", (D, 99, 1, 1), ("e" * 32, 1, 98, 97), ("f" * 32, None, None, None), ("0" * 32, 1, 5, 3))
    old.add("accounting", ("1" * 32, 3, 1, 1))
    imported = bring(store, old.path)
    assert said(store.grants()) == USUAL
    assert dict(imported.skipped) == {
        "user row 3": "it has no name",
        "application row 6": "it has no image",
        "accounting row 4": f"grant {D}: there is no user 99",
        "accounting row 5": f"grant {'e' * 32}: there is no application 98, no policy 97",
        "accounting row 6": f"grant {'f' * 32}: there is no user None, no application None, no policy None",
        "accounting row 7": f"grant {'0' * 32}: it grants jupyter:latest to ada as accounting row 2 does",
        "accounting row 8": f"grant {'1' * 32}: there is no user 3",
    }


def test_all_that_breaks_the_rules_is_told_at_once_and_nothing_is_taken(store: SqlStore, tmp_path: Path) -> None:
    old = usual(tmp_path / "old.db")
    old.add("user", (4, "Ada Lovelace"), (5, "BOB"), (6, b"blob"), (7, "nul\0"), (8, "ad\u0430"))
    old.add("application", (3, "UPPER/Case"))
    columns = "(id, allow_home, volume_source, volume_target, volume_mode, app_license)"
    policies = [
        (11, 1, "relative", "/data", "ro", None), (12, 1, "/a", "/workspace/", "rw", None),
        (13, 0, "/a", "/b", "RO", None), (14, "yes", None, None, None, None),
        (15, 0, None, None, None, "\x1b"), (16, 0, "/a", "/b\n", "ro", None),
        (17, "unused", "unused", "unused", "unused", None),
    ]  # fmt: skip
    old.add("application_policy", *policies, columns=columns)
    old.add("accounting", *((f"{number:032x}", 1, 1, number) for number in range(11, 17)), ("A" * 32, 2, 2, 1))
    with closing(sqlite3.connect(old.path)) as connection, connection:
        connection.execute("INSERT INTO user VALUES (9, CAST(X'61ff' AS TEXT))")
    text = refusals(store, old.path)
    for place in (
        "user row 4, column name: Not a user name: 'Ada Lovelace' | Give it another name: --rename 'Ada Lovelace=NEW'",
        "user row 5, column name: 'BOB' differs only in case from 'bob' | Give it another name: --rename BOB=NEW",
        "user row 6, column name: b'blob' is not a text", "user row 7, column name", "user row 8, column name",
        "user row 9, column name", "application row 3, column image", "application_policy row 11, column volume_source",
        "application_policy row 12, column volume_target", "application_policy row 13, column volume_mode",
        "application_policy row 14, column allow_home: 'yes' is neither 0 nor 1",
        "application_policy row 15, column app_license", "application_policy row 16, column volume_target",
        f"accounting row 10, column id: '{'A' * 32}' is not the id of a grant",
    ):  # fmt: skip
        assert place in text
    assert "row 17" not in text
    assert store.users() == []


def test_what_two_rows_have_is_nobody_s_and_nothing_refers_to_none(store: SqlStore, tmp_path: Path) -> None:
    old = usual(tmp_path / "old.db")
    with closing(sqlite3.connect(old.path)) as connection:
        connection.executescript("ALTER TABLE user RENAME TO gone; CREATE TABLE user (id, name)")
        connection.executescript("INSERT INTO user SELECT * FROM gone; INSERT INTO user VALUES (NULL, 'nil')")
    old.add("accounting", (D, None, 1, 1))
    assert dict(bring(store, old.path).skipped)["accounting row 4"] == f"grant {D}: there is no user None"
    old.add("user", (1, "mallory"))
    assert "user row 4, column id: 1 is that of another row already" in refusals(store, old.path)


def test_a_table_that_runs_something_is_none(store: SqlStore, tmp_path: Path) -> None:
    old = usual(tmp_path / "old.db")
    with closing(sqlite3.connect(old.path)) as connection:
        connection.executescript("ALTER TABLE user RENAME TO gone; CREATE VIRTUAL TABLE user USING fts5(id, name)")
    with pytest.raises(ConflictError, match="is not a database of SimPhoNy-Remote"):
        bring(store, old.path)


def test_a_damaged_database_is_refused_though_it_can_be_read(store: SqlStore, tmp_path: Path) -> None:
    old = usual(tmp_path / "old.db")
    content = bytearray(old.path.read_bytes())
    with closing(sqlite3.connect(old.path)) as connection:
        [page] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'accounting'").fetchone()
        before = (page - 1) * connection.execute("PRAGMA page_size").fetchone()[0]
    content[before + 4] -= 1  # of its rows one less
    old.path.write_bytes(content)
    with pytest.raises(SrctlError, match="is damaged"):
        bring(store, old.path)


def test_a_name_that_is_how_a_group_is_written_stops_it(store: SqlStore, tmp_path: Path) -> None:
    old = usual(tmp_path / "old.db").add("user", (3, "@Team"))
    store.groups.add_group("team")
    with pytest.raises(ConflictError, match="User @Team would be how a group is written"):
        bring(store, old.path)
    bring(store, old.path, {"@Team": "team"})
    assert [user.name for user in store.users()] == ["ada", "bob", "team"]


def test_a_huge_cell_is_told_in_short(store: SqlStore, tmp_path: Path) -> None:
    old = usual(tmp_path / "old.db").add("user", (4, "x" * 2**20), (5, b"x" * 2**20))
    old.add("accounting", ("y" * 2**20, "z" * 2**20, 1, 1))
    assert len(refusals(store, old.path)) < 2000


def test_a_flood_of_problems_is_cut(store: SqlStore, tmp_path: Path) -> None:
    old = usual(tmp_path / "old.db").add("user", *((number, f"no name {number}") for number in range(10, 300)))
    text = refusals(store, old.path)
    assert len(text.splitlines()) == 51
    assert "There are 240 more problems" in text


def test_renaming_mends_names(store: SqlStore, tmp_path: Path) -> None:
    old = usual(tmp_path / "old.db").add("user", (3, "Ada Lovelace"), (4, "a=b")).add("application", (3, "UPPER/Case"))
    old.add("accounting", (D, 3, 3, 1))
    renames = {"Ada Lovelace": "ada.l", "UPPER/Case": "lower/case:1", "a=b": "ab"}
    bring(store, old.path, renames)
    assert (D, "ada.l", "lower/case:1", Policy(allow_home=True)) in said(store.grants())
    assert bring(store, old.path, renames).added == ()


def test_two_names_of_one_person_become_one(store: SqlStore, tmp_path: Path) -> None:
    old = usual(tmp_path / "old.db").add("user", (3, "ADA")).add("accounting", (D, 3, 1, 1), ("e" * 32, 3, 1, 3))
    imported = bring(store, old.path, {"ADA": "ada"})
    assert [user.name for user in store.users()] == ["ada", "bob"]
    assert {grant.id for grant in store.grants(user="ada")} == {A, B, "e" * 32}
    assert [place for place, _ in imported.skipped] == ["accounting row 4"]


def test_a_user_is_renamed_and_an_image_of_that_name_is_not(store: SqlStore, tmp_path: Path) -> None:
    old = usual(tmp_path / "old.db").add("user", (3, "jupyter"))
    bring(store, old.path, {"jupyter": "notebooks"})
    assert store.user("notebooks")
    assert store.application("jupyter:latest")


@pytest.mark.parametrize(
    ("renames", "words"),
    [
        ({"nobody": "x"}, "no user and no image 'nobody'"), ({"ada": "b b"}, "Not a user name: 'b b'"),
        ({"ada": "BOB"}, "case"),
    ],
)  # fmt: skip
def test_a_bad_rename_is_refused(store: SqlStore, tmp_path: Path, renames: dict[str, str], words: str) -> None:
    assert words in refusals(store, usual(tmp_path / "old.db").path, renames)


def test_what_the_database_says_by_now_stands(any_store: SqlStore, tmp_path: Path) -> None:
    old = usual(tmp_path / "old.db")
    any_store.add_user("ada")
    own = bring(any_store, old.path)
    assert own.users == 1
    any_store.remove_grant(B)
    other = any_store.add_grant("jupyter:latest", "ada", Policy()).id
    any_store.remove_grant(A)
    [new] = bring(any_store, old.path).added
    assert new == A
    imported = bring(any_store, old.path)
    assert imported.present == 2
    assert [reason for _, reason in imported.skipped] == [
        f"grant {B}: the database grants jupyter:latest to ada already, as {other}"
    ]


def test_an_id_that_means_something_else_by_now_is_left_alone(store: SqlStore, tmp_path: Path) -> None:
    bring(store, usual(tmp_path / "old.db").path)
    other = OldDatabase(tmp_path / "other.db").add("user", (1, "carol")).add("application", (1, "paraview:5"))
    other.add("application_policy", (1, 0), columns="(id, allow_home)").add("accounting", (A, 1, 1, 1))
    imported = bring(store, other.path)
    assert [reason for _, reason in imported.skipped] == [f"grant {A}: the database has changed it since"]
    assert said(store.grants()) == USUAL


def test_a_name_that_differs_only_in_case_from_one_there_stops_it(store: SqlStore, tmp_path: Path) -> None:
    store.add_user("Ada")
    with pytest.raises(ConflictError, match="ada differs only in case from Ada") as caught:
        bring(store, usual(tmp_path / "old.db").path)
    assert caught.value.hint.endswith("--rename ada=Ada")
    assert store.grants() == []


_KILLED = """
import os, signal, sys
from srctl.db import archive, old_data
from srctl.db.store import open_store
from srctl.importing import take_over

location, file, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
insert, seen = archive.Revision._insert, []

def insert_and_die(self, table, values):
    insert(self, table, values)
    seen.append(table)
    if len(seen) == last:
        os.kill(os.getpid(), signal.SIGKILL)

archive.Revision._insert = insert_and_die
with open_store(location) as store:
    take_over(old_data.read(file), store.archive)
"""


@pytest.mark.parametrize("last", [1, 3])
def test_a_killed_import_leaves_the_database_as_it_was(location: str, tmp_path: Path, last: int) -> None:
    usual(tmp_path / "old.db")
    command = [sys.executable, "-c", _KILLED, location, str(tmp_path / "old.db"), str(last)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    with open_store(location) as store:
        assert store.users() == []
        assert store.applications() == []
        assert len(bring(store, tmp_path / "old.db").added) == 3


_IMPORT = """
import sys
from srctl.db import old_data
from srctl.db.store import open_store
from srctl.importing import take_over

with open_store(sys.argv[1]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    print(take_over(old_data.read(sys.argv[2]), store.archive).grants)
"""


def test_of_several_imports_at_once_one_adds_all_and_none_fails(location: str, tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_text(csv_text(*((f"user{number}", "paraview:5") for number in range(500))))
    command = [sys.executable, "-c", _IMPORT, location, str(path)]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    results = [process.communicate(timeout=60) for process in running]
    assert [error for _, error in results] == ["", "", ""]
    assert sorted(int(out) for out, _ in results) == [0, 0, 500]


_CHANGE = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size=1")
connection.execute("BEGIN")
rows = ((number, f"half{number}" * 20) for number in range(100, 2000))
connection.executemany("INSERT INTO user VALUES (?, ?)", rows)
os.kill(os.getpid(), signal.SIGKILL)
"""


class TestFiles:
    """The file that is read: recognised by its content, and left alone."""

    def test_it_is_left_as_it_is(self, store: SqlStore, tmp_path: Path) -> None:
        folder = tmp_path / "old"
        folder.mkdir()
        path = usual(folder / "old.db").path
        before = path.read_bytes(), path.stat().st_mtime_ns
        bring(store, path)
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before
        assert list(folder.iterdir()) == [path]

    def test_it_may_be_in_use(self, store: SqlStore, tmp_path: Path) -> None:
        path = usual(tmp_path / "old.db").path
        with closing(sqlite3.connect(path, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("INSERT INTO user VALUES (3, 'carol')")
            assert bring(store, path).users == 2

    def test_what_was_left_in_the_middle_of_a_change_is_not_read(
        self, store: SqlStore, sqlite_location: str, tmp_path: Path, python: list[str]
    ) -> None:
        folder = tmp_path / "old"
        folder.mkdir()
        path = usual(folder / "old.db").path
        assert subprocess.run([sys.executable, "-c", _CHANGE, str(path)], check=False).returncode == -signal.SIGKILL
        with pytest.raises(ConflictError, match="middle of a change"):
            bring(store, path)
        folder.chmod(0o500)
        try:
            command = [*python, "-c", _IMPORT, sqlite_location, str(path)]
            ran = subprocess.run(command, input="go\n", capture_output=True, text=True, check=False)
            assert ran.returncode != 0
        finally:
            folder.chmod(0o700)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("SELECT 1 FROM user")
        assert said(store.grants()) == set()
        assert bring(store, path).users == 2

    def test_it_may_be_locked_away_and_have_a_log_of_its_own(
        self, sqlite_location: str, tmp_path: Path, python: list[str]
    ) -> None:
        folder = tmp_path / "old"
        folder.mkdir()
        path = usual(folder / "old.db").path
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        path.chmod(0o400)
        folder.chmod(0o500)
        try:
            command = [*python, "-c", _IMPORT, sqlite_location, str(path)]
            ran = subprocess.run(command, input="go\n", capture_output=True, text=True, check=False)
            assert (ran.stdout, ran.stderr) == ("ready\n3\n", "")
        finally:
            folder.chmod(0o700)

    @pytest.mark.parametrize(
        ("content", "kind", "words"),
        [
            (b"", UsageError, "no column user.name"), (b"Dear reader,\n", UsageError, "no column user.name"),
            (b"\x89PNG\r\n\x1a\n\x00", UsageError, "not UTF-8"),
            (b"SQLite format 3\0" + b"x" * 5000, SrctlError, "database"),
        ],
    )  # fmt: skip
    def test_what_is_neither_kind_is_told_so(
        self, store: SqlStore, tmp_path: Path, content: bytes, kind: type[SrctlError], words: str
    ) -> None:
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(kind, match=words) as caught:
            bring(store, tmp_path / "file")
        assert "\n" not in caught.value.message

    def test_databases_of_others_are_told_so(self, store: SqlStore, sqlite_location: str, tmp_path: Path) -> None:
        paths = [tmp_path / "other.db", tmp_path / "ancient.db"]
        for path, statements in zip(paths, (["CREATE TABLE orders (id)"], _ANCIENT), strict=True):
            with closing(sqlite3.connect(path)) as connection:
                for statement in statements:
                    connection.execute(statement)
        with pytest.raises(ConflictError, match="not a database of SimPhoNy-Remote"):
            bring(store, paths[0])
        with pytest.raises(UsageError, match="no column id in the table accounting"):
            bring(store, paths[1])
        with pytest.raises(ConflictError, match="not a database of SimPhoNy-Remote"):
            bring(store, Path(sqlite_location))

    @pytest.mark.parametrize(("name", "kind"), [("nothing", NotFoundError), (".", UsageError), ("pipe", UsageError)])
    def test_what_is_no_file_is_told_so(
        self, store: SqlStore, tmp_path: Path, name: str, kind: type[SrctlError]
    ) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(kind):
            bring(store, tmp_path / name)


_ANCIENT = [
    "CREATE TABLE user (id INTEGER, name VARCHAR)",
    "CREATE TABLE application (id INTEGER, image VARCHAR)",
    "CREATE TABLE application_policy (id, allow_home, allow_view, volume_source, volume_target, volume_mode)",
    "CREATE TABLE accounting (user_id, application_id, application_policy_id)",
]


def test_licences_of_csv_come_over(store: SqlStore, tmp_path: Path) -> None:
    row = ("ada", "paraview:5", "0", "0", "0", "/srv", "/data", "rw", "27000@lic", "1")
    (tmp_path / "old.csv").write_text(csv_text(row, columns=NEWER))
    bring(store, tmp_path / "old.csv")
    [grant] = store.grants()
    assert grant.policy == Policy(
        allow_startup_data=True, license="27000@lic", volumes=(Volume("/srv", "/data", "rw"),)
    )
