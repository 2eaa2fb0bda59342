"""Debian packages as a source of files: fetched with apt, kept in a cache, unpacked without being installed.

No root is needed, nothing of a package is run, and the machine's own packages stay as they are.
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tools import debian
from tools.debian import SetupError


@dataclass(frozen=True)
class File:
    """A file of a package: its bytes and mode, or where it points when it is a link."""

    data: bytes = b""
    mode: int = 0o644
    link: str = ""


def release() -> str:
    """Return which Debian this is and for which processor, such as `bookworm-amd64`."""
    lines = Path("/etc/os-release").read_text().splitlines()
    names = dict(line.split("=", 1) for line in lines if "=" in line)
    return f"{names.get('VERSION_CODENAME', names['ID'])}-{architecture()}"


@cache
def architecture() -> str:
    """Return Debian's name of this machine's processor."""
    return subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()


def libraries(packages: Iterable[str], not_needed: Iterable[str]) -> set[str]:
    """Return the library packages on which these packages depend, directly or through other libraries.

    Debian lists what a program is linked to among its direct dependencies, so following libraries only is enough.
    """
    packages, skipped = list(packages), set(not_needed)
    graph = dependencies(packages)
    found: set[str] = set()
    queue = [name for package in packages for name in graph.get(package, [])]
    while queue:
        name = queue.pop()
        if name not in found | skipped and name.startswith(("lib", "zlib")):
            found.add(name)
            queue.extend(graph.get(name, []))
    return found


def dependencies(packages: list[str]) -> dict[str, list[str]]:
    """Return what each package, and each that it leads to, depends on."""
    command = ["apt-cache", "depends", "--important", "--recurse", *packages]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    if shown.returncode != 0:
        raise SetupError(f"apt does not know all of {' '.join(packages)}. Run `apt-get update` first.")
    graph: dict[str, list[str]] = {}
    current: list[str] = []
    for line in shown.stdout.splitlines():
        kind, _, name = line.strip(" |").partition("epends: ")
        if not line.startswith((" ", "|")):
            current = graph.setdefault(line.strip(), [])
        elif kind in ("D", "PreD") and not name.startswith("<"):
            current.append(name)
    return graph


def fetch(packages: Iterable[str], folder: Path) -> dict[str, Path]:
    """Download packages that the folder does not have in their current version; return where each lies."""
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(packages)
    if not download(names, folder):
        if os.geteuid() == 0:
            debian.apt("update")
        if not download(names, folder):
            raise SetupError(f"apt-get could not download {' '.join(names)}. Run `apt-get update`, then try again.")
    newest = sorted(folder.glob("*.deb"), key=lambda path: path.stat().st_mtime)
    return {path.name.split("_")[0]: path for path in newest}


def download(packages: list[str], folder: Path) -> bool:
    """Have apt download packages into a folder; tell whether it got all."""
    command = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *packages]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


def unpack(debs: list[Path]) -> list[dict[str, File]]:
    """Return the files of each package by path, with /bin, /sbin and /lib moved to where Debian merges them."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda deb: dict(files(deb)), debs))


def files(deb: Path) -> Iterator[tuple[str, File]]:
    """Give path and content of each file and link in a package."""
    unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
        for member in archive:
            path = merged(member.name)
            content = archive.extractfile(member) if member.isreg() else None
            if content is not None:
                yield path, File(content.read(), member.mode & 0o755)
            elif member.issym():
                yield path, File(link=member.linkname)
            elif member.islnk():
                yield path, File(link="/" + merged(member.linkname))


def merged(path: str) -> str:
    """Return a path of a package as it is on a system whose /usr is merged."""
    path = path.removeprefix(".").lstrip("/")
    return f"usr/{path}" if path.split("/")[0] in ("bin", "sbin", "lib", "lib64") else path
