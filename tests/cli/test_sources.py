"""Databases that other packages bring: the example of the documentation, and bad ones."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from srctl.sources import Contents, Policy, UserEntry
from tests.cli.front_door import FrontDoor
from tests.fakes import WEB, FakeEngine
from tests.memory_source import SOME, MemorySource
from tools import docs

PAGE = docs.ROOT / "docs" / "how-to" / "sources.md"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A folder with the package of the documentation, as if it were installed, and its tests."""
    module, tests = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    [entry] = re.findall(r"```toml\n\[project(.*?)```", PAGE.read_text(), re.DOTALL)
    folder = tmp_path / "site"
    info = folder / "json_grants-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "json_grants.py").write_text(module)
    (folder / "test_json_grants.py").write_text(tests)
    name, line = re.match(r'\.entry-points\."(.*?)"\]\n(.*)', entry).groups()  # type: ignore[union-attr]
    (info / "entry_points.txt").write_text(f"[{name}]\n{line.replace(chr(34), '')}\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: json-grants\nVersion: 1.0\n")
    return folder


@pytest.fixture
def door(bare: FrontDoor, example: Path, monkeypatch: pytest.MonkeyPatch) -> FrontDoor:
    """srctl beside the package, with a file of grants for ann."""
    monkeypatch.syspath_prepend(example)
    path = bare.home / "grants.json"
    path.write_text(f'{{"ann": {{"{WEB}": {{"allow_home": true}}}}, "bob": {{}}}}')
    bare.environ["SRCTL_DB"] = f"json://{path}"
    bare.engine = FakeEngine()
    return bare


def test_the_example_passes_the_contract(example: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(example)]
    environ = os.environ | {"PYTHONPATH": str(example)}
    ran = subprocess.run(command, env=environ, cwd=example, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert "9 passed" in ran.stdout


def test_the_example_is_the_database_of_every_command(door: FrontDoor) -> None:
    assert door.ok("user", "list", "-q").lines == ["ann", "bob"]
    [row] = door.json("grant", "list")
    assert (row["user"], row["image"], row["policy"]["allow_home"]) == ("ann", WEB, True)
    session = door.json("start", WEB)
    assert (session["grant_id"], session["granted"]) == (row["id"], True)
    (door.home / "grants.json").write_text('{"ann": {}}')
    assert door.json("ps")[0]["granted"] is False
    for words in (["user", "add", "eve"], ["db", "init"], ["db", "backup", "~/x.db"]):
        assert door(*words).code == 8
    assert door("audit", "list").code == 8
    assert door.json("db", "status")["revision"] is None


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("nonsense", 2, "This is no JSON"),
        ('{"a b": {}}', 2, "user 'a b': Not a user name"),
        ('{"ann": {"UPPER": {}}}', 2, "Not an image name"),
        ('{"ann": {"web": {"allow_everything": true}}}', 1, "failed: TypeError"),
        ("[]", 1, "failed: AttributeError"),
        (None, 3, "There is no file"),
    ],
)
def test_what_goes_wrong_in_a_source_is_told_in_one_line(
    door: FrontDoor, text: str | None, code: int, said: str
) -> None:
    path = door.home / "grants.json"
    path.unlink() if text is None else path.write_text(text)
    ran = door("user", "list", "-o", "json")
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.error["message"]
    assert "reference" not in ran.err


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, entries: str, name: str = "bad") -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(f"[srctl.accounting]\n{entries}\n")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(folder)


def made(contents: Any) -> Callable[[str], object]:
    return lambda _location: MemorySource([contents])


def granting(permits: Policy) -> Contents:
    return replace(SOME, grants=(SOME.grants[0]._replace(policy=permits),))


class MuteError(Exception):
    """Has nothing to say, and fails at that."""

    def __str__(self) -> str:
        raise ValueError


def mute() -> object:
    raise MuteError


BAD: dict[str, Callable[[str], object]] = {
    "raises": lambda _location: 1 / 0,
    "silly": lambda _location: object(),
    "none": made(None),
    "naive": made(Contents(as_of=datetime(2030, 1, 1))),
    "torn": made(Contents(grants=SOME.grants)),
    "twice": made(Contents((UserEntry("ann"), UserEntry("ann")))),
    "ids": made(Contents(SOME.users, applications=SOME.applications, grants=(SOME.grants[0]._replace(id="1"),))),
    "types": made(Contents(users=(1, 2))),  # type: ignore[arg-type]
    "endless": made(Contents(users=map(UserEntry, repeat("ann")))),  # type: ignore[arg-type]
    "once": made(replace(SOME, grants=(each for each in SOME.grants))),  # type: ignore[arg-type]
    "flag": made(granting(Policy(allow_home="no"))),  # type: ignore[arg-type]
    "count": made(granting(Policy(max_sessions=True))),
    "switch": made(Contents((UserEntry("ann", disabled="false"),))),  # type: ignore[arg-type]
    "leaves": lambda _location: sys.exit(0),
    "mute": lambda _location: mute(),
}


@pytest.mark.parametrize("name", [*BAD, "missing"])
def test_a_bad_source_is_refused(bare: FrontDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    entry = "no_such_module_at_all:x" if name == "missing" else f"{__name__}:BAD.{name}"
    monkeypatch.setattr(sys.modules[__name__], "BAD", type("Bad", (), {k: staticmethod(v) for k, v in BAD.items()}))
    install(tmp_path / "site", monkeypatch, f"bad = {entry}")
    ran = bare("--db", "bad://user:sesame@server/x", "grant", "list", "-o", "json")
    assert ran.code in (1, 2)
    assert "bad://user:***@server/x" in ran.error["message"]
    assert "reference" not in ran.err
    assert "sesame" not in ran.err


def test_no_package_takes_over_what_is_srctl_s_own(
    bare: FrontDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", monkeypatch, f"sqlite = {__name__}:made\ncsv = {__name__}:made\npostgresql = x:y")
    assert bare("--db", f"sqlite:///{tmp_path}/no.db", "user", "list").code == 3
    assert bare("--db", f"csv://{tmp_path}/no.csv", "user", "list").code == 3
    assert bare("--db", "nobody://x", "user", "list").code == 2


def test_two_packages_for_one_scheme_are_refused(
    bare: FrontDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        install(tmp_path / name, monkeypatch, f"both = {name}:x", name)
    ran = bare("--db", "both://x", "user", "list")
    assert (ran.code, "one:x, two:x" in ran.err) == (2, True)
