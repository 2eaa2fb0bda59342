"""Files as SimPhoNy-Remote 2 left them: its database in both shapes, and its CSV."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

COLUMNS = (
    "user.name", "application.image", "policy.allow_home", "policy.allow_view", "policy.allow_common",
    "policy.volume_source", "policy.volume_target", "policy.volume_mode",
)  # fmt: skip
NEWER = (*COLUMNS, "policy.app_license", "policy.allow_startup_data")

_TABLES = """
CREATE TABLE user (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR);
CREATE UNIQUE INDEX ix_user_name ON user (name);
CREATE TABLE application (id INTEGER NOT NULL PRIMARY KEY, image VARCHAR, UNIQUE (image));
CREATE TABLE application_policy (
    id INTEGER NOT NULL PRIMARY KEY, {newer} allow_home BOOLEAN, allow_common BOOLEAN, allow_view BOOLEAN,
    volume_source VARCHAR, volume_target VARCHAR, volume_mode VARCHAR(2),
    CHECK (allow_home IN (0, 1)), CHECK (volume_mode IN ('ro', 'rw')));
CREATE TABLE accounting (
    id VARCHAR(32) NOT NULL, user_id INTEGER, application_id INTEGER, application_policy_id INTEGER, PRIMARY KEY (id),
    FOREIGN KEY(user_id) REFERENCES user (id) ON DELETE CASCADE,
    FOREIGN KEY(application_id) REFERENCES application (id) ON DELETE CASCADE,
    FOREIGN KEY(application_policy_id) REFERENCES application_policy (id) ON DELETE CASCADE);
"""


class OldDatabase:
    """A database of version 2.1, or with `newer=False` of 2.0. Its rules are off, as for whoever edits it by hand."""

    def __init__(self, path: Path, *, newer: bool = True) -> None:
        self.path = path
        added = "app_license VARCHAR, allow_startup_data BOOLEAN," if newer else ""
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(_TABLES.format(newer=added))

    def add(self, table: str, *rows: Sequence[Any], columns: str = "") -> OldDatabase:
        """Add rows to a table."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("PRAGMA ignore_check_constraints=ON")
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f'INSERT INTO "{table}" {columns} VALUES ({marks})', rows)  # noqa: S608
        return self


def usual(path: Path, *, newer: bool = True) -> OldDatabase:
    """Return a database in which ada may run two applications, and bob one with a volume."""
    old = OldDatabase(path, newer=newer)
    old.add("user", (1, "ada"), (2, "bob"))
    old.add("application", (1, "simphonyproject/paraview:5"), (2, "jupyter"))
    columns = "(id, allow_home, allow_common, allow_view, volume_source, volume_target, volume_mode)"
    old.add(
        "application_policy",
        (1, 1, 0, None, None, None, None),
        (2, 0, 0, 1, "/srv/data", "/data", "ro"),
        (3, 0, 0, 0, "", "", "ro"),
        columns=columns,
    )
    return old.add("accounting", ("a" * 32, 1, 1, 1), ("b" * 32, 1, 2, 3), ("c" * 32, 2, 1, 2))


def csv_text(*rows: Sequence[str], columns: Iterable[str] = COLUMNS) -> str:
    """Return CSV with these rows; cells that are missing at the end are empty."""
    text = io.StringIO(newline="")
    writer, heads = csv.writer(text), tuple(columns)
    writer.writerow(heads)
    writer.writerows([*row, *("",) * (len(heads) - len(row))] for row in rows)
    return text.getvalue()
