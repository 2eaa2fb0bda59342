"""A folder for one run of the lab, with an id that names everything that the run makes on this machine.

Network namespaces and links carry the id in their name, processes in their environment; mounts, and the files into
which processes write their errors, lie below the folder: so a run that was killed can be cleaned up by the next one,
which recognises it by its free lock.
Downloads and finished images lie beside the runs and are kept.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools import networks, processes


@dataclass(frozen=True)
class Lab:
    """One run: its id, at most 8 characters, and its folder."""

    id: str
    folder: Path

    def make(self, name: str) -> Path:
        """Return a new folder of this run."""
        path = self.folder / name
        path.mkdir(parents=True)
        return path


def base() -> Path:
    """Return the folder of all runs and caches: the system's for root, else the account's; `SRCTL_LAB` overrides it."""
    if chosen := os.environ.get("SRCTL_LAB"):
        return Path(chosen).absolute()
    if os.geteuid() == 0:
        return Path("/var/cache/srctl-lab")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "srctl-lab"


@contextlib.contextmanager
def lab() -> Iterator[Lab]:
    """Give a fresh run; afterwards nothing of it is left on this machine."""
    sweep()
    identity = f"sl{secrets.token_hex(3)}"
    folder = base() / f"run-{identity}"
    folder.mkdir(parents=True)
    base().chmod(0o700)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield Lab(identity, folder)
        finally:
            remove(identity, folder)


def sweep() -> None:
    """Remove what killed runs have left: those that nobody holds the lock of."""
    for folder in base().glob("run-*"):
        with contextlib.suppress(OSError), (folder / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(folder.name.removeprefix("run-"), folder)


def remove(identity: str, folder: Path) -> None:
    """End the run's processes and remove its mounts, namespaces, links and folder."""
    processes.kill({*processes.marked(identity), *processes.writing_into(folder)})
    for mount in reversed(mounts_below(folder)):
        subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)
    remove_networks(identity)
    networks.release(folder)
    remove_cgroups(identity)
    shutil.rmtree(folder, ignore_errors=True)


def mounts_below(folder: Path) -> list[str]:
    """Return what is mounted below a folder, in the order of mounting."""
    points = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    return [point for point in points if Path(point).is_relative_to(folder)]


def remove_networks(identity: str) -> None:
    """Remove the network namespaces, then the links, whose names begin with the run's id."""
    for name in names_under("/run/netns", identity):
        subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
    for name in names_under("/sys/class/net", identity):
        subprocess.run(["ip", "link", "delete", name], capture_output=True, check=False)


def remove_cgroups(identity: str) -> None:
    """Remove the control groups of the run's containers, in every hierarchy."""
    mounted = Path("/sys/fs/cgroup")
    for top in [mounted / identity, *mounted.glob(f"*/{identity}")]:
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()


def names_under(folder: str, prefix: str) -> list[str]:
    """Return the names in a folder that begin so; none when the folder is missing."""
    return [path.name for path in Path(folder).glob(f"{prefix}*")]
