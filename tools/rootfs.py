"""The file system of an image: put together from packages, completed with the libraries that are needed."""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from tools import elf
from tools.debian import SetupError
from tools.debs import File, merged

FOLDERS = {"tmp": 0o1777, "run": 0o1777, "dev": 0o755, "proc": 0o555, "sys": 0o555, "root": 0o700, "var": 0o755}
USER = 1000
HOME = "workspace"
PASSWD = f"root:x:0:0:root:/root:/bin/sh\napp:x:{USER}:{USER}:app:/{HOME}:/bin/sh\n"
GROUP = f"root:x:0:\napp:x:{USER}:\n"
MERGED = ("bin", "sbin", "lib", "lib64")

Tree = dict[str, File]


def skeleton() -> Tree:
    """Return what every image has: links of a merged /usr, and an account without rights."""
    links = {name: File(link=f"usr/{name}") for name in MERGED}
    return links | {"etc/passwd": File(PASSWD.encode()), "etc/group": File(GROUP.encode())}


def select(package: Mapping[str, File], patterns: Iterable[str]) -> Tree:
    """Return the files of a package that match a pattern, and fail on a pattern that nothing matches."""
    chosen: Tree = {}
    for pattern in patterns:
        wanted = f"usr/{pattern}" if pattern.split("/")[0] in MERGED else pattern
        matching = {path: file for path, file in package.items() if fnmatchcase(path, wanted)}
        if not matching:
            raise SetupError(f"No file of the package matches {pattern}; has Debian moved it?")
        chosen |= matching
    return chosen


def applets(names: str) -> Tree:
    """Return links to busybox for these commands."""
    return {f"usr/bin/{name}": File(link="busybox") for name in names.split()}


def with_libraries(tree: Tree, packages: Iterable[Mapping[str, File]]) -> Tree:
    """Return the tree with every library that its programs need; fail, naming it, when one is missing."""
    shelf = {path.rpartition("/")[2]: (path, package) for package in packages for path in package if is_library(path)}
    found: Tree = {}
    queue = [(path, name) for path, file in tree.items() for name in needs(file)]
    while queue:
        asker, name = queue.pop()
        if name not in shelf:
            raise SetupError(f"No package has {name}, which {asker} needs")
        path, package = shelf[name]
        while path not in found:
            found[path] = package[path]
            queue.extend((path, other) for other in needs(package[path]))
            path = target(path, package[path])
    return tree | found | loader(shelf)


def loader(shelf: Mapping[str, tuple[str, Mapping[str, File]]]) -> Tree:
    """Return the program loader, which programs name by its path; none for an image of static programs."""
    return {
        path: package[path]
        for name, (path, package) in shelf.items()
        if name.startswith("ld-linux") or package[path].link.rpartition("/")[2].startswith("ld-linux")
    }


def is_library(path: str) -> bool:
    """Tell whether a path is a library in one of the folders that the loader searches."""
    folder, _, name = path.rpartition("/")
    return ".so" in name and (folder in ("usr/lib", "usr/lib64") or fnmatchcase(folder, "usr/lib/*-linux-gnu"))


def needs(file: File) -> list[str]:
    """Return the libraries that a file is linked to; none for what is no program."""
    return elf.needed(file.data) if elf.is_program(file.data) else []


def target(path: str, file: File) -> str:
    """Return the path to which a link points; a file's own path."""
    if not file.link:
        return path
    return merged(posixpath.normpath(posixpath.join("/", posixpath.dirname(path), file.link)))


def write(tree: Tree, path: Path) -> None:
    """Write the tree as a tar, the same bytes for the same tree."""
    part = path.with_suffix(".part")
    with tarfile.open(part, "w") as archive:
        for name, mode in sorted(folders(tree).items()):
            add(archive, name, File(mode=mode), tarfile.DIRTYPE)
        for name, file in sorted(tree.items()):
            add(archive, name, file, tarfile.SYMTYPE if file.link else tarfile.REGTYPE)
    part.rename(path)


def folders(tree: Tree) -> dict[str, int]:
    """Return every folder of the tree with its mode."""
    above = {parent: 0o755 for path in tree for parent in parents(path)}
    return above | FOLDERS | {HOME: 0o755}


def parents(path: str) -> Iterator[str]:
    """Give the folders above a path."""
    while path := posixpath.dirname(path):
        yield path


def add(archive: tarfile.TarFile, name: str, file: File, kind: bytes) -> None:
    """Add one entry, owned by root but for the home."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.linkname, entry.size = kind, file.mode, file.link, len(file.data)
    entry.uid = entry.gid = USER if name == HOME else 0
    archive.addfile(entry, io.BytesIO(file.data))
