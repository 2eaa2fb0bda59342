"""Small programs in C that the lab needs where Python would be too slow: compiled when they are used."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tools import debian
from tools.debian import SetupError

COMPILER = debian.Program("gcc", "gcc")
HEADERS = Path("/usr/include/stdio.h")


def compiled(source: Path, folder: Path) -> Path:
    """Compile a program of one file into a folder; return its path. Raises SetupError without a compiler."""
    ensure_compiler()
    program = folder / source.stem
    command = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", str(program), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"{source.name} does not compile: {done.stderr.strip()}")
    return program


def ensure_compiler() -> None:
    """Install what is missing of compiler and C library's headers (its package depends on the kernel's)."""
    debian.ensure([COMPILER])
    if debian.is_debian() and not HEADERS.exists():
        debian.install(["libc6-dev"], reason="for the headers of the C library")
