"""Whether a path can be trusted by root: each folder on the way, each link, and the file itself.

sshd runs its keys command only where root owns all of these and nobody else may write to them (sshd_config(5),
AuthorizedKeysCommand), and the service account has to be able to go there. The Python installation that the forced
command runs is held to the same.
"""

import json
import os
import pwd
import stat
import sys
from collections.abc import Iterator

from srctl.installation.findings import Finding
from srctl.installation.system import run

OWN_ENVIRONMENT = "python3 -m venv /opt/srctl/venv && /opt/srctl/venv/bin/pip install srctl"
_MOST_LINKS = 40


def chain(path: str) -> list[str]:
    """Return every folder, link and file that is passed on the way to a path, the root first."""
    passed: dict[str, None] = {"/": None}
    pending, here, links = [part for part in path.split("/") if part][::-1], "/", 0
    while pending:
        part = pending.pop()
        if part == "..":
            here = os.path.dirname(here)
            continue
        step = os.path.join(here, part)
        passed[step] = None
        if os.path.islink(step) and (links := links + 1) <= _MOST_LINKS:
            target = os.readlink(step)
            here = "/" if target.startswith("/") else here
            pending += [each for each in target.split("/") if each not in ("", ".")][::-1]
        else:
            here = step
    return list(passed)


def weaknesses(path: str) -> Iterator[Finding]:
    """Yield why root can't trust a path, or why other accounts can't reach it."""
    for step in chain(path):
        try:
            status = os.lstat(step)
        except OSError as error:
            yield Finding("permissions", f"{step}: {error.strerror}", f"Make {step}, or install again")
            return
        if status.st_uid != 0:
            yield Finding("permissions", f"{step} belongs to {_owner(status.st_uid)}", f"chown root:root {step}")
        if stat.S_ISLNK(status.st_mode):
            continue
        if status.st_mode & 0o022:
            yield Finding("permissions", f"{step} can be changed by others than root", f"chmod go-w {step}")
        if stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o001:
            yield Finding("permissions", f"{step} can't be entered by the gateway's account", f"chmod o+x {step}")


def python_weaknesses(python: str) -> Iterator[Finding]:
    """Yield why the forced command can't be trusted to a Python: its program, its libraries, and srctl itself."""
    seen: set[str] = set()
    for path in (python, *_libraries(python)):
        for finding in weaknesses(path):
            if finding.problem not in seen:
                seen.add(str(finding.problem))
                advice = f"{finding.fix}, or give srctl an environment that root owns: {OWN_ENVIRONMENT}"
                yield Finding("python", finding.problem, advice)


def _libraries(python: str) -> list[str]:
    """Return where an isolated Python finds modules, what lies directly there, and all of srctl."""
    found = run(python, "-I", "-c", "import sys, json; print(json.dumps(sys.path))")
    paths = json.loads(found.out) if found.code == 0 else sys.path
    folders = [path for path in paths if os.path.isabs(path) and os.path.exists(path)]
    inside = [os.path.join(folder, name) for folder in folders if os.path.isdir(folder) for name in os.listdir(folder)]
    ours = [
        os.path.join(folder, name)
        for folder, folders_in, files in os.walk(os.path.dirname(os.path.dirname(__file__)))
        for name in (*folders_in, *files)
    ]
    return [*folders, *inside, *ours]


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"the account {uid}"
