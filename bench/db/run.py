"""`python -m bench db [GROUP ...]`: measure the accounting database and print the table."""

from __future__ import annotations

import csv
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.measure import HEADING, Case, Run, compare, timed
from srctl.db.setup import initialise
from tools import clean_home
from tools.clean_home import PROGRAM

HERE = Path(__file__).parent
GRANTS = 100_000
EACH = 10
"""Grants of a user."""

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


GROUPS = {"import": imported}
