"""Reads the person's ssh configuration for one host: exact answers from `ssh -G`, or paramiko's parser without ssh.

The configuration is the one under `$HOME`. ssh itself takes the home folder from the password file; where the two
differ we hand it a configuration that reads the right one, then the system's, as ssh would. Without ssh,
a configuration that uses more than paramiko's parser and plain `Include`s can express is refused.
"""

import glob
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from srctl.errors import UsageError
from srctl.tunnel.errors import plain
from srctl.tunnel.target import SSHTarget

_INCLUDE = re.compile(r"^(\s*include[\s=]+)(.*)$", re.IGNORECASE)
_EXPANDED_BY_SSH = re.compile(r"^\s*(userknownhostsfile|identityagent)\b", re.IGNORECASE)
_DEFAULT_KNOWN_HOSTS = "~/.ssh/known_hosts ~/.ssh/known_hosts2"
_DEEPEST = 16
_QUESTION_TIME = 15.0
"""Seconds for `ssh -G`: it may run the commands of `Match exec`."""


class Options:
    """Option names in lower case with their values in order, as `ssh -G` prints them."""

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._values = values

    def one(self, name: str, default: str | None = None) -> str:
        """Return the first value."""
        found = self._values.get(name)
        if found:
            return found[0]
        if default is None:
            raise UsageError(f"The ssh configuration gives no {name}")
        return default

    def all(self, name: str) -> list[str]:
        """Return every value of an option that may stand several times."""
        return self._values.get(name, [])

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a yes-or-no option."""
        return self.one(name, "yes" if default else "no").lower() in ("yes", "true")


def config_home() -> Path:
    """Return the home folder whose `.ssh` counts: `$HOME`, or what the system says where that is unset."""
    return Path.home()


def read_options(target: SSHTarget) -> Options:
    """Return what the ssh configuration says about `target`."""
    ssh = shutil.which("ssh")
    return _ask_ssh(ssh, target) if ssh else _parse_ourselves(target)


def _ask_ssh(ssh: str, target: SSHTarget) -> Options:
    with _config_arguments() as config:
        command = [ssh, "-G", *config]
        command += ["-l", target.user] if target.user else []
        command += ["-p", str(target.port)] if target.port else []
        try:
            answer = subprocess.run(
                [*command, "--", target.alias],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_QUESTION_TIME,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UsageError(f"`ssh -G {target.alias}` did not work: {plain(str(error))}") from error
    if answer.returncode:
        reason = plain(answer.stderr) or f"exit code {answer.returncode}"
        raise UsageError(
            f"ssh cannot use its configuration for {target.alias}: {reason}", "Try: ssh -G " + target.alias
        )
    return Options(_collect(answer.stdout.decode("utf-8", "replace"), _home_shift()))


def _collect(text: str, shift: tuple[str, str] | None) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, value = line.strip().partition(" ")
        if shift and value == _DEFAULT_KNOWN_HOSTS.replace("~", shift[0]):
            value = _DEFAULT_KNOWN_HOSTS.replace("~", shift[1])
        values.setdefault(name.lower(), []).append(value)
    return values


def _home_shift() -> tuple[str, str] | None:
    """Return ssh's idea of the home folder and ours, where they differ."""
    try:
        import pwd
    except ImportError:  # Windows
        return None
    try:
        theirs = pwd.getpwuid(os.getuid()).pw_dir.rstrip("/")
    except KeyError:
        return None
    ours = str(config_home()).rstrip("/")
    return (theirs, ours) if theirs != ours else None


@contextmanager
def _config_arguments() -> Iterator[list[str]]:
    shift = _home_shift()
    if shift is None:
        yield []
        return
    with tempfile.TemporaryDirectory(prefix="srctl-") as folder:
        path = Path(folder) / "config"
        path.write_text(_combined_config(config_home(), Path("/etc/ssh/ssh_config")), encoding="utf-8")
        yield ["-F", str(path)]


def _combined_config(home: Path, system: Path) -> str:
    """Return the person's configuration followed by the system's; first values win, so the order is ssh's own."""
    lines: list[str] = []
    own = home / ".ssh" / "config"
    if own.exists():
        for line in own.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            match = _INCLUDE.match(line)
            if match:
                lines.append(match[1] + _absolute(match[2], home))
            else:
                lines.append(line.replace("~/", f"{home}/") if _EXPANDED_BY_SSH.match(line) else line)
    if system.exists():
        lines += ["Match all", f"Include {system}"]
    return "\n".join(lines) + "\n"


def _absolute(arguments: str, home: Path) -> str:
    """Anchor the files of an `Include` at our home: ssh would anchor them at the one of the password file."""

    def anchor(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name.startswith("~/"):
            name = str(home / name[2:])
        elif not name.startswith("/"):
            name = str(home / ".ssh" / name)
        return f'"{name}"'

    return re.sub(r'"([^"]*)"|(\S+)', anchor, arguments)


def _parse_ourselves(target: SSHTarget) -> Options:
    import paramiko

    config = paramiko.SSHConfig()
    for path in (config_home() / ".ssh" / "config", _system_config()):
        if path.exists():
            config.parse(_with_includes(path, path.parent, 0))
    looked_up = config.lookup(target.alias)
    values = {name: value if isinstance(value, list) else [value] for name, value in looked_up.items()}
    return Options(_with_defaults(target, values))


def _with_includes(path: Path, folder: Path, depth: int) -> list[str]:
    """Return the lines of a file with its `Include`s replaced; paramiko's parser knows neither these nor `Match`."""
    lines: list[str] = []
    in_block = False
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        word = (re.split(r"[\s=]", line.strip().lower(), maxsplit=1) or [""])[0]
        if word == "match" or (word == "include" and (in_block or depth >= _DEEPEST)):
            raise UsageError(
                f"{path} uses {line.split()[0]} in a way that only ssh itself can read, and ssh is not installed",
                "Install the OpenSSH client",
            )
        in_block = in_block or word == "host"
        match = _INCLUDE.match(line)
        if match is None:
            lines.append(line + "\n")
            continue
        for pattern in shlex.split(match[2]):
            anchored = str(folder / (config_home() / pattern[2:] if pattern.startswith("~/") else pattern))
            for found in sorted(glob.glob(anchored)):
                lines += [*_with_includes(Path(found), folder, depth + 1), "Host *\n"]
    return lines


def _system_config() -> Path:
    if os.name == "nt":
        return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "ssh" / "ssh_config"
    return Path("/etc/ssh/ssh_config")


def _with_defaults(target: SSHTarget, values: dict[str, list[str]]) -> dict[str, list[str]]:
    import getpass

    values.setdefault("user", [getpass.getuser()])
    values.setdefault("port", ["22"])
    if target.user:
        values["user"] = [target.user]
    if target.port:
        values["port"] = [str(target.port)]
    values.setdefault("identityfile", [f"~/.ssh/id_{kind}" for kind in ("rsa", "ecdsa", "ed25519")])
    values.setdefault("userknownhostsfile", [_DEFAULT_KNOWN_HOSTS])
    values.setdefault("globalknownhostsfile", ["/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"])
    return values
