"""srctl as a process of its own: what it imports, and how it meets pipes, signals and closed streams."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.front_door import FrontDoor
from tools.clean_home import PROGRAM

IMPORTED = """
import sys
from srctl.cli import main
code = main(sys.argv[1:])
print("\\n" + " ".join(sorted({name for name, module in sys.modules.items() if module})), file=sys.stderr)
sys.exit(code)
"""
HEAVY = {"docker", "paramiko", "sqlalchemy", "alembic", "textual", "rich", "pydantic", "cryptography", "requests"}
HEAVY |= {"sqlalchemy.orm", "alembic.command", "logging.config"}


def run(srctl: FrontDoor, *command: str | Path, **streams: int) -> subprocess.CompletedProcess[str]:
    """Run a program in the clean home."""
    given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    return subprocess.run(command, env=srctl.environ, text=True, timeout=60, check=False, **given)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    ("argv", "needed"),
    [
        (["--help"], set()),
        ([], set()),
        (["tui", "--help"], set()),
        (["user", "--help"], set()),
        (["host", "list"], set()),
        (["config", "show"], set()),
        (["user", "list"], {"sqlalchemy"}),
        (["grant", "list", "-o", "json"], {"sqlalchemy"}),
        (["user", "add", "ann"], {"sqlalchemy"}),
        (["ps", "--host", "unix:///nowhere/docker.sock"], {"sqlalchemy", "docker", "requests"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_imports_only_what_it_needs(srctl: FrontDoor, argv: list[str], needed: set[str]) -> None:
    ran = run(srctl, sys.executable, "-c", IMPORTED, *argv)
    assert HEAVY & set(ran.stderr.splitlines()[-1].split()) <= needed


def test_the_module_runs_as_the_command_does(srctl: FrontDoor) -> None:
    ran = run(srctl, sys.executable, "-m", "srctl", "user", "show", "nobody")
    assert ran.returncode == 3
    assert ran.stderr.startswith("srctl: ")


@pytest.mark.parametrize("argv", [["user", "list"], ["--help"]], ids=" ".join)
def test_a_reader_who_has_enough_is_no_failure(srctl: FrontDoor, argv: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as pipe:
        ran = run(srctl, PROGRAM, *argv, stdout=pipe.fileno())
    assert ran.stderr == ""


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_the_exit_code_of_an_error_stays_where_nobody_hears_of_it(srctl: FrontDoor, stream: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as pipe:
        ran = run(srctl, PROGRAM, "user", "show", "nobody", **{stream: pipe.fileno()})
    assert ran.returncode == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
@pytest.mark.parametrize("argv", [["db", "status"], ["--help"], ["--version"], ["user", "add", "-h"]], ids=" ".join)
def test_output_that_can_not_be_written_is_a_failure_in_one_line(srctl: FrontDoor, argv: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        ran = run(srctl, PROGRAM, *argv, stdout=full.fileno())
    assert ran.returncode == 1
    assert ran.stderr == "srctl: The output can't be written: No space left on device\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_failure(srctl: FrontDoor, closed: str) -> None:
    assert run(srctl, "sh", "-c", f'exec "$0" user list {closed}', PROGRAM).returncode == 0


def test_a_character_that_the_terminal_can_not_show_is_no_failure(srctl: FrontDoor) -> None:
    srctl.ok("app", "add", "desktop", "--title", "Büro 部屋", "--no-verify")
    srctl.environ["PYTHONIOENCODING"] = "ascii"
    ran = run(srctl, PROGRAM, "app", "list")
    assert ran.returncode == 0
    assert "B\\xfcro" in ran.stdout


def test_arguments_that_are_no_text_are_wrong_usage(srctl: FrontDoor) -> None:
    ran = subprocess.run([PROGRAM, b"user", b"add", b"\xff\xfe"], env=srctl.environ, capture_output=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr.isascii()


def test_a_user_without_a_home_is_told_so(srctl: FrontDoor) -> None:
    script = "import pwd, sys; pwd.getpwuid = {}.__getitem__; from srctl.cli import run; run()"
    srctl.environ = {"PATH": srctl.environ["PATH"]}
    ran = run(srctl, sys.executable, "-c", script, "host", "list")
    assert (ran.returncode, ran.stderr) == (2, "srctl: There is no home directory\n  hint: Set HOME\n")


@pytest.mark.parametrize(("signal", "code"), [("TERM", 130), ("INT", 130), ("HUP", 130)])
def test_a_signal_ends_a_command_as_ctrl_c_does(srctl: FrontDoor, signal: str, code: int) -> None:
    script = f"import os, signal, sys; from srctl.cli import main; from srctl.context import Context\n{SIGNALLED}"
    ran = run(srctl, sys.executable, "-c", script, f"SIG{signal}")
    assert (ran.returncode, ran.stderr) == (code, "srctl: Interrupted\n")


def test_a_hang_up_that_is_ignored_stays_ignored(srctl: FrontDoor) -> None:
    script = "import os, signal, sys; from srctl.cli import main; from srctl.context import Context\n"
    ran = run(
        srctl, sys.executable, "-c", f"{script}signal.signal(signal.SIGHUP, signal.SIG_IGN)\n{SIGNALLED}", "SIGHUP"
    )
    assert ran.returncode == 0


SIGNALLED = """
class Input:
    def isatty(self):
        return False

    def read(self, _size):
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
        return ""

main(["user", "add", "ann"])
code = main(["user", "key", "add", "ann", "-"], Context(stdin=Input()))
sys.exit(0 if code == 2 else code)
"""
