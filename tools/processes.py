"""Background processes of the lab: started with a mark and a log, ended together with their descendants.

Processes are ended by id only, and only those that descend from one of ours, carry our mark in their environment or
write their errors into a file of ours. Each dies with the thread that started it, so that a killed test run leaves no
server behind; start them from the main thread.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from tools.debian import SYSTEM_PATH, SetupError

T = TypeVar("T")
MARK = "SRCTL_LAB_RUN"


def start(command: Sequence[str | Path], log: Path, mark: str, on_death: str = "TERM") -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, with its output in `log`; `on_death` is sent to it when we die."""
    path = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"
    environment = {**os.environ, MARK: mark, "PATH": path}
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "NOTIFY_SOCKET"):
        environment.pop(name, None)
    with log.open("ab") as output:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", on_death, "--", *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes], patience: float = 10) -> None:
    """End a process politely, then whatever is left of it and its descendants."""
    family = descendants(process.pid)
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    kill(family)


def wait_until(
    condition: Callable[[], T | None], what: str, process: subprocess.Popen[bytes] | None = None, limit: float = 30
) -> T:
    """Return the condition's first true value; raise SetupError after `limit` seconds or when the process ends."""
    deadline, pause = time.monotonic() + limit, 0.002
    while not (value := condition()):
        if process is not None and process.poll() is not None:
            raise SetupError(f"{what}: the process ended with code {process.returncode}")
        if time.monotonic() > deadline:
            raise SetupError(f"{what}: not within {limit:g} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return value


def descendants(pid: int) -> list[int]:
    """Return the ids of all processes that a process has started, directly or not."""
    children: dict[int, list[int]] = {}
    for child, parent in parents():
        children.setdefault(parent, []).append(child)
    found = list(children.get(pid, []))
    for each in found:
        found.extend(children.get(each, []))
    return found


def parents() -> Iterable[tuple[int, int]]:
    """Return (process, parent) for every process of this machine."""
    for pid in pids():
        try:
            state = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue
        yield pid, int(state.rpartition(")")[2].split()[1])


def pids() -> list[int]:
    """Return the id of every process."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def marked(mark: str) -> list[int]:
    """Return the processes whose environment carries this mark; ours inherit it."""
    wanted = f"{MARK}={mark}".encode()
    return [pid for pid in pids() if pid != os.getpid() and wanted in environment_of(pid)]


def writing_into(folder: Path) -> list[int]:
    """Return the processes whose errors go to a file below a folder: those of `start`, and what descends from them.

    sshd writes its titles over the environment in which we mark what is ours.
    """
    return [pid for pid in pids() if pid != os.getpid() and errors_of(pid).is_relative_to(folder)]


def errors_of(pid: int) -> Path:
    """Return the file to which a process writes its errors; none when that may not be read."""
    try:
        return Path(f"/proc/{pid}/fd/2").readlink()
    except OSError:
        return Path()


def environment_of(pid: int) -> list[bytes]:
    """Return the environment with which a process was started, empty when it may not be read."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def kill(victims: Iterable[int]) -> None:
    """Kill these processes, forgetting those that have gone by themselves."""
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
