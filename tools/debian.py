"""System packages: which programs a task needs, and how a Debian machine gets them.

A program that is there already costs a look at PATH and nothing else. Installing happens on Debian as root
only; anywhere else the caller gets a sentence that names what is missing. Services of the packages are not
started. Standard library only: this runs before the virtual environment exists.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
POLICY = Path("/usr/sbin/policy-rc.d")
NO_SERVICE = "#!/bin/sh\n# Written while packages are installed; removed afterwards. 101: start no service.\nexit 101\n"


@dataclass(frozen=True)
class Program:
    """A program, the Debian package that has it, and folders outside PATH where that package puts it."""

    name: str
    package: str
    folders: str = ""

    def find(self) -> str | None:
        """Return the program's path, or None when it is not installed."""
        extra = [str(folder) for folder in Path("/").glob(self.folders.lstrip("/"))] if self.folders else []
        return shutil.which(self.name, path=os.pathsep.join([os.environ.get("PATH", ""), SYSTEM_PATH, *extra]))


ENGINE = (
    Program("dockerd", "docker.io"),
    Program("iptables", "iptables"),
    Program("ip", "iproute2"),
    Program("setpriv", "util-linux"),
    Program("nsenter", "util-linux"),
)
SSH = (Program("sshd", "openssh-server"), Program("ssh", "openssh-client"), Program("ssh-keygen", "openssh-client"))
TESTS = (
    Program("docker", "docker-cli"),
    Program("git", "git"),
    Program("chromium", "chromium"),
    Program("initdb", "postgresql", "/usr/lib/postgresql/*/bin"),
    Program("docker-registry", "docker-registry"),
    Program("tmux", "tmux"),
    Program("curl", "curl"),
)
LAB = (*ENGINE, *SSH)


class SetupError(Exception):
    """Something that this machine lacks; the text says what, and what to do about it."""


def is_debian() -> bool:
    """Tell whether packages of Debian (or a system made from it) can be installed here."""
    return Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def ensure(programs: Iterable[Program]) -> None:
    """Install what is missing of these programs; raise SetupError where this machine does not allow it."""
    missing = [program for program in programs if program.find() is None]
    if missing:
        names = sorted({program.name for program in missing})
        install(sorted({program.package for program in missing}), reason=f"for {', '.join(names)}")


def install(packages: list[str], reason: str) -> None:
    """Install Debian packages, with no questions asked and no service started."""
    packages = [alternative(package) for package in packages] if is_debian() else packages
    if not is_debian():
        raise SetupError(f"This is not Debian; please install {reason} (in Debian: {' '.join(packages)}).")
    if os.geteuid() != 0:
        command = f"sudo apt-get install --no-install-recommends {' '.join(packages)}"
        raise SetupError(f"Needed {reason}. Please run as root, or install first:\n  {command}")
    sys.stderr.write(f"Installing {' '.join(packages)} ({reason}) ...\n")
    with services_kept_off():
        if not apt_install(packages):
            apt("update")
            if not apt_install(packages):
                raise SetupError(f"apt-get could not install {' '.join(packages)}; its output stands above.")


def alternative(package: str) -> str:
    """Return the package's name in this release: before Debian 13 the docker command was part of docker.io."""
    return "docker.io" if package == "docker-cli" and not known(package) else package


def known(package: str) -> bool:
    """Tell whether apt's lists have this package."""
    shown = subprocess.run(["apt-cache", "show", package], capture_output=True, check=False)
    return shown.returncode == 0


def apt_install(packages: list[str]) -> bool:
    """Install packages without those that are only recommended; tell whether it worked."""
    return apt("install", "--yes", "--no-install-recommends", *packages)


def apt(*arguments: str) -> bool:
    """Run apt-get without questions; its output is shown only when it fails."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": SYSTEM_PATH}
    command = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", *arguments]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        sys.stderr.write((done.stdout + done.stderr).decode(errors="replace")[-3000:])
    return done.returncode == 0


@contextlib.contextmanager
def services_kept_off() -> Iterator[None]:
    """Keep maintainer scripts from starting services; a policy that the machine has already stays in force."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text(NO_SERVICE)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
