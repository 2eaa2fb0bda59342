"""`python -m bench db [GROUP ...]`: measure the accounting database and print the table."""

from __future__ import annotations

import csv
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from bench.measure import HEADING, Case, Run, compare, timed
from bench.stage import database
from srctl.db.copying import copy_rows
from srctl.db.engine import Database
from srctl.db.location import parse
from srctl.db.setup import initialise
from tools import clean_home
from tools.clean_home import PROGRAM
from tools.lab import lab
from tools.postgres import private_postgres

HERE = Path(__file__).parent
GRANTS = 100_000
EACH = 10
"""Grants of a user."""

UNCHANGED = 10_000
USED = 10_000
QUERY = (
    "SELECT grants.id, users.name, applications.image, grants.policy, grants.created FROM grants"
    " JOIN users ON users.id = grants.user_id JOIN applications ON applications.id = grants.application_id"
    " WHERE users.name = 'user42'"
)

HEADER = (
    "user.name", "application.image", "policy.allow_home", "policy.allow_view", "policy.allow_common",
    "policy.volume_source", "policy.volume_target", "policy.volume_mode",
)  # fmt: skip


def main(chosen: Sequence[str]) -> int:
    """Print a table of ratios; the exit code says only whether all ran, since a time is no test."""
    unknown = [name for name in chosen if name not in GROUPS]
    if unknown:
        sys.stderr.write(f"There is no group {unknown[0]!r} of the database; there are {', '.join(GROUPS)}\n")
        return 2
    print(HEADING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for group in chosen or GROUPS:
            for case in GROUPS[group](folder):
                print(compare(case).line(), flush=True)
    return 0


def imported(folder: Path) -> Iterator[Case]:
    """Compare the import of much CSV with what one would write by hand."""
    source, empty, target = folder / "old.csv", folder / "empty.db", folder / "target.db"
    write_csv(source)
    initialise(str(empty))
    env = clean_home.make(folder / "home").env
    ours = timed([str(PROGRAM), "--db", str(target), "db", "import", str(source)], env)
    rival = timed([sys.executable, str(HERE / "by_hand.py"), str(source), str(target)], env)
    name = f"`db import` of {GRANTS:,} grants / csv + `executemany`"
    yield Case(name, into_copy(empty, target, ours), into_copy(empty, target, rival), 3.0)


def write_csv(path: Path) -> None:
    """Write a file of the old system; a third of its grants have a volume."""
    with open(path, "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        for number in range(GRANTS):
            app = number % EACH
            volume = ("1", "/srv/data", "/data", "ro") if app % 3 == 0 else ("0", "", "", "")
            writer.writerow((f"user{number // EACH}", f"registry.example/app{app}:1.0", number % 2, 0, *volume))


def into_copy(empty: Path, target: Path, run: Run) -> Run:
    """Let each run find the database empty; making the copy is not counted."""

    def fresh() -> float:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{target}{suffix}").unlink(missing_ok=True)
        shutil.copy(empty, target)
        return run()

    return fresh


def unchanged(folder: Path) -> Iterator[Case]:
    """Measure `apply` of a file that says what is there: it reads, compares, and writes nothing."""
    env = clean_home.make(folder / "home").env
    filled, file = database(folder / "apply.db", UNCHANGED // EACH, UNCHANGED), folder / "all.toml"
    srctl = [str(PROGRAM), "--db", str(filled)]
    timed([*srctl, "export", str(file)], env)()
    ours = timed([*srctl, "apply", str(file), "--prune"], env)
    before = filled.read_bytes()
    yield Case(f"`apply` of an unchanged file of {UNCHANGED:,} grants / 2 s", ours, lambda: 2.0, 1.0)
    assert filled.read_bytes() == before, "nothing is written"


def used(folder: Path) -> Iterator[Case]:
    """Measure `usage` of a month in which many sessions ran, one every four minutes for an hour."""
    env = clean_home.make(folder / "home").env
    filled, begun = database(folder / "usage.db", 3, 21), datetime(2026, 3, 1)
    columns = 'session_id, container_id, "user", grant_id, image, host, realm, started, ended, reason, cpu_seconds'
    with closing(sqlite3.connect(filled)) as connection, connection:
        connection.executemany(
            f"INSERT INTO records ({columns})"  # noqa: S608 - they stand above
            " VALUES (?, ?, ?, '', ?, 'here', 'srctl', ?, ?, 'stopped', 1800)",
            [
                (f"{number:032x}", f"{number:064x}", f"user{number % 3}", f"app{number % 7}:latest", *times)
                for number in range(USED)
                for start in (begun + timedelta(minutes=4 * number),)
                for times in ([f"{each}.000000" for each in (start, start + timedelta(hours=1))],)
            ],
        )
    month = ["--since", "2026-03-01", "--until", "2026-04-01", "-o", "json"]
    ours = timed([str(PROGRAM), "--db", str(filled), "usage", *month], env)
    yield Case(f"`usage` of a month of {USED:,} sessions / 1 s", ours, lambda: 1.0, 1.0)


def listed(folder: Path) -> Iterator[Case]:
    """Compare a user's grants among many with the same question asked of the driver, on SQLite and on PostgreSQL."""
    env = clean_home.make(folder / "home").env
    filled = database(folder / "list.db", GRANTS // EACH, GRANTS)
    with lab() as run, private_postgres(run) as server:
        url = server.new_database()
        copying_all(str(filled), url)
        for name, place, connect in (
            ("SQLite", str(filled), f"import sqlite3; connection = sqlite3.connect({str(filled)!r})"),
            ("PostgreSQL", url, f"import psycopg; connection = psycopg.connect({url.replace('+psycopg', '')!r})"),
        ):
            ours = timed([str(PROGRAM), "--db", place, "grant", "list", "--user", "user42", "-o", "json"], env)
            program = f"import typer, sqlalchemy.orm; {connect}; print(connection.execute({QUERY!r}).fetchall())"
            rival = timed([sys.executable, "-c", program], env)
            yield Case(f"`grant list --user`, {GRANTS:,} grants, {name} / its driver", ours, rival, 1.5)


def copying_all(source: str, target: str) -> None:
    """Fill a database on a server with what a SQLite file holds."""
    initialise(target)
    with Database(parse(source)) as one, Database(parse(target)) as other:
        with one.reading() as rows, other.writing() as connection:
            copy_rows(rows, connection)
        with other.writing() as connection:
            connection.exec_driver_sql("ANALYZE")


GROUPS = {"import": imported, "apply": unchanged, "usage": used, "list": listed}
