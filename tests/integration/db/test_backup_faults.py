"""Backups and their way back where processes are killed, disks full, files damaged, or others in the way."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from srctl.db.backup import backup
from srctl.db.restoring import MARGIN, restore
from srctl.db.setup import initialise, status
from srctl.db.store import open_store
from srctl.errors import ConflictError, SrctlError
from tests.integration.db.test_backup import fill


@pytest.fixture
def path(sqlite_location: str) -> Path:
    with open_store(sqlite_location) as store:
        fill(store)
    return Path(sqlite_location)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups" / "copy.db"


def test_it_does_not_take_the_place_of_a_database_that_is_in_use(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    initialise(str(other))
    with open_store(str(other)) as store:
        store.add_user("zoe")
        with pytest.raises(ConflictError, match="no backup"):
            backup(str(path), str(other))
        store.add_user("zac")
    assert status(str(other)).users == 2


@pytest.mark.parametrize("make", [initialise, restore])
def test_no_database_is_made_beside_the_journal_of_one_that_is_gone(
    path: Path, copy: Path, make: Callable[..., object]
) -> None:
    backup(str(path), str(copy))
    kill = "import os, signal, sys; from srctl.db.store import open_store; open_store(sys.argv[1]).add_user('carol')"
    ran = subprocess.run([sys.executable, "-c", f"{kill}; os.kill(os.getpid(), signal.SIGKILL)", path], check=False)
    assert ran.returncode == -signal.SIGKILL
    gone = path.rename(path.with_name("gone.db"))
    journal = path.with_name("srctl.db-wal")
    words = (str(path),) if make is initialise else (str(path), str(copy))
    with pytest.raises(ConflictError, match="is left of another database"):
        make(*words)
    assert not path.exists()
    journal.rename(path.with_name("gone.db-wal"))
    make(*words)
    assert status(str(path)).users == (0 if make is initialise else 2)
    assert status(str(gone)).users == 3


def test_what_a_killed_backup_left_goes_in_time(path: Path, copy: Path) -> None:
    folders = []
    for age in (2, 30):
        killed(_BACKUP, path, copy, "backup")
        [folder] = [each for each in copy.parent.iterdir() if each not in folders]
        os.utime(folder, (time.time() - age * 3600,) * 2)
        folders.append(folder)
    mine = copy.parent / ".copy.db-of-mine"
    mine.mkdir()
    (mine / "letter").touch()
    os.utime(mine, (0, 0))
    backup(str(path), str(copy))
    assert sorted(copy.parent.iterdir()) == sorted([copy, folders[0], mine])


def test_a_damaged_database_does_not_replace_a_good_backup(path: Path, copy: Path) -> None:
    backup(str(path), str(copy))
    good = copy.read_bytes()
    damage(path)
    with pytest.raises(SrctlError, match="damaged"):
        backup(str(path), str(copy))
    assert copy.read_bytes() == good
    assert list(copy.parent.iterdir()) == [copy]


def test_a_damaged_database_is_set_aside_and_replaced(path: Path, copy: Path) -> None:
    backup(str(path), str(copy))
    damage(path)
    damaged = path.read_bytes()
    restored = restore(str(path), str(copy))
    assert restored.set_aside is not None
    assert restored.set_aside.read_bytes() == damaged
    with open_store(str(path)) as store:
        assert len(store.grants()) == 2
        assert store.add_user("carol").id == 2 + MARGIN + 1


def test_a_full_disk_leaves_the_older_backup(path: Path, copy: Path) -> None:
    backup(str(path), str(copy))
    good = copy.read_bytes()
    program = "import sys; from srctl.db.backup import backup; backup(*sys.argv[1:])"
    command = ["sh", "-c", 'ulimit -f 128; exec "$0" "$@"', sys.executable, "-B", "-c", program, str(path), str(copy)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode != 0
    assert f"{copy} " in ran.stderr  # the place that has no room, and not where the copy is made at first
    assert copy.read_bytes() == good
    assert list(copy.parent.iterdir()) == [copy]


@pytest.mark.parametrize("step", ["backup", "integrity", "replace"])
def test_a_killed_backup_leaves_the_older_one(path: Path, copy: Path, step: str) -> None:
    backup(str(path), str(copy))
    good = copy.read_bytes()
    with open_store(str(path)) as store:
        store.add_user("carol")
    killed(_BACKUP, path, copy, step)
    assert copy.read_bytes() == good
    assert backup(str(path), str(copy)).users == 3


@pytest.mark.parametrize("step", ["ready", "replace"])
def test_a_killed_restore_leaves_a_damaged_database_where_it_was(path: Path, copy: Path, step: str) -> None:
    backup(str(path), str(copy))
    damage(path)
    damaged = path.read_bytes()
    killed(_RESTORE, path, copy, step)
    assert path.read_bytes() == damaged
    assert restore(str(path), str(copy)).status.users == 2


@pytest.mark.parametrize("step", ["copied", "deleted"])
def test_a_killed_restore_leaves_what_was_there(path: Path, copy: Path, step: str) -> None:
    backup(str(path), str(copy))
    with open_store(str(path)) as store:
        store.add_user("carol")
        before = store.archive.contents()
        killed(_RESTORE, path, copy, step)
        assert store.archive.contents() == before
        restore(str(path), str(copy))
        assert [user.name for user in store.users()] == ["ann", "bob"]


_BACKUP = """
import os, signal, sys
from srctl.db import backup as module

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

match sys.argv[3]:
    case "backup": module.copy_file = die
    case "integrity": module.setup.status = die
    case "replace": module.os.replace = die
module.backup(sys.argv[1], sys.argv[2])
"""

_RESTORE = """
import os, signal, sys
from srctl.db import copying, restoring

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

match sys.argv[3]:
    case "copied": restoring._forget_slots = die
    case "deleted": copying.insert = die
    case "ready": restoring._set_aside = die
    case "replace": restoring.Path.replace = die
restoring.restore(sys.argv[1], sys.argv[2])
"""


def killed(program: str, path: Path, copy: Path, step: str) -> None:
    ran = subprocess.run([sys.executable, "-c", program, str(path), str(copy), step], check=False)
    assert ran.returncode == -signal.SIGKILL


def damage(path: Path) -> None:
    """Write over all but the first pages, which are what opening reads."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(path, "r+b") as file:
        file.seek(4096 * 4)
        file.write(b"\xff" * (path.stat().st_size - 4096 * 4))
