"""Make this machine ready for a task: `bootstrap.py FOLDER TASK`, with the virtual environment in FOLDER.

It works with nothing but Python 3.11 and, on Debian as root, with apt-get. The stamp in the folder holds a
digest of pyproject.toml and the extras that were installed, so that a second run costs a look at it and an
edited file is noticed whatever its time stamp says. Standard library only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import debian  # noqa: E402  a script that is run by its path has to say first where its package is

OLDEST = (3, 11)
OLDEST_PIP = 25  # older ones take twice as long to choose versions


@dataclass(frozen=True)
class Task:
    """What a make target needs: extras of the Python package, and programs of the system."""

    extras: frozenset[str] = frozenset()
    programs: tuple[debian.Program, ...] = ()


def demo_programs() -> tuple[debian.Program, ...]:
    """Return what the demo needs: no engine of Debian's where one seems to run already."""
    running = os.environ.get("DOCKER_HOST") or Path("/var/run/docker.sock").exists()
    return debian.SSH if running else debian.LAB


DEVELOPMENT = frozenset({"dev", "postgres", "yaml"})
TASKS = {
    "demo": Task(programs=demo_programs()),
    "images": Task(),
    "setup": Task(extras=DEVELOPMENT),
    "test": Task(extras=DEVELOPMENT, programs=(*debian.LAB, *debian.TESTS)),
}


def main(folder: Path, task: Task) -> int:
    """Make the machine ready for the task; return the exit code."""
    try:
        prepare(folder, task)
    except debian.SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"This command failed, its output stands above: {' '.join(map(str, error.cmd))}\n")
        return 1
    return 0


def prepare(folder: Path, task: Task) -> None:
    """Bring environment and system packages up to date, both at the same time where both have work to do."""
    digest, extras = read_stamp(folder)
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if digest == wanted and task.extras <= extras:
        debian.ensure(task.programs)
        return
    create(folder)
    with ThreadPoolExecutor(1) as background:
        system = background.submit(debian.ensure, task.programs)
        install(folder / "bin" / "python", task.extras | extras)
        system.result()
    (folder / "stamp").write_text(f"{wanted} {','.join(sorted(task.extras | extras))}\n")


def read_stamp(folder: Path) -> tuple[str, frozenset[str]]:
    """Return the digest and the extras of a finished environment, empty ones when there is none."""
    stamp = folder / "stamp"
    if not stamp.exists() or not (folder / "bin" / "python").exists():
        return "", frozenset()
    digest, _, extras = stamp.read_text().strip().partition(" ")
    return digest, frozenset(filter(None, extras.split(",")))


def create(folder: Path) -> None:
    """Create the environment, with a recent pip, unless a working one is there."""
    python = folder / "bin" / "python"
    if python.exists() and subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).stdout:
        return
    check_interpreter()
    sys.stderr.write(f"Creating {folder} with Python {sys.version.split()[0]} ...\n")
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    pip(python, "--upgrade", f"pip>={OLDEST_PIP}")


def check_interpreter() -> None:
    """Raise SetupError when this Python is too old; on Debian, install what it lacks to make environments."""
    if sys.version_info < OLDEST:
        found = sys.version.split()[0]
        raise debian.SetupError(f"srctl needs Python 3.11 or newer, this is {found}. Try: make PYTHON=python3.12")
    if importlib.util.find_spec("ensurepip") is None:
        debian.install([f"python3.{sys.version_info.minor}-venv"], reason="for Python's venv module")


def install(python: Path, extras: frozenset[str]) -> None:
    """Install srctl editable with these extras, and compile all modules now, on every core."""
    sys.stderr.write("Installing srctl and what it needs ...\n")
    target = f"{ROOT}[{','.join(sorted(extras))}]" if extras else str(ROOT)
    pip(python, "--no-compile", "--editable", target)
    modules = [str(python), "-m", "compileall", "-q", "-j", "0", str(python.parent.parent / "lib")]
    subprocess.run(modules, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def pip(python: Path, *arguments: str) -> None:
    """Run `pip install`, silent unless it fails."""
    subprocess.run([python, "-m", "pip", "-qq", "--disable-pip-version-check", "install", *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), TASKS[sys.argv[2]]))
