"""Reads the person's ssh configuration for one host: exact answers from `ssh -G`, or our own reading without ssh.

The configuration is the one under `$HOME`. ssh itself takes the home folder from the password file; where the two
differ we hand it a configuration that reads the right one, then the system's, as ssh would. Without ssh, whatever
only ssh could judge is refused.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from srctl.errors import UsageError
from srctl.tunnel.config_reader import Line, Reading, is_there, readable, refuse_insecure
from srctl.tunnel.errors import plain
from srctl.tunnel.keywords import FLAGS, LISTS, SEVERAL, TIMES
from srctl.tunnel.target import SSHTarget
from srctl.tunnel.tokens import local_user

_INCLUDE = re.compile(r"^(\s*include[\s=]+)(.*)$", re.IGNORECASE)
_AT_LINE = re.compile(r"\bline \d+: ")
_EXPANDED_BY_SSH = re.compile(r"^\s*(userknownhostsfile|identityagent)\b", re.IGNORECASE)
_DEFAULT_KNOWN_HOSTS = "~/.ssh/known_hosts ~/.ssh/known_hosts2"
_RIVALS = {"proxyjump": "proxycommand", "proxycommand": "proxyjump"}
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
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


def read_defaults(target: SSHTarget) -> Options:
    """Return what would count for `target` if nobody had configured anything."""
    ssh = shutil.which("ssh")
    return (
        _ask_ssh(ssh, target, configured=False)
        if ssh
        else Options(_with_defaults(target, {"hostname": [target.alias.lower()]}))
    )


def _ask_ssh(ssh: str, target: SSHTarget, *, configured: bool = True) -> Options:
    with _config_arguments() if configured else nullcontext(["-F", os.devnull]) as config:
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
        raise _refused(target, answer, config[-1] if config else None)
    return Options(_collect(answer.stdout.decode("utf-8", "replace"), _home_shift()))


def _refused(target: SSHTarget, answer: subprocess.CompletedProcess[bytes], joined: str | None) -> UsageError:
    """Return ssh's refusal in its own words, said of the person's file and not of the one that we `joined`."""
    own, _ = config_files()
    text = answer.stderr.decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if line.strip() and ": terminating, " not in line]
    line = next(filter(_AT_LINE.search, lines), lines[0] if lines else f"exit code {answer.returncode}")
    place = f"-F {own} " if joined is not None and joined in line else ""
    reason = plain(line.replace(joined, str(own)) if joined is not None else line)
    return UsageError(
        f"ssh cannot use its configuration for {target.alias}: {reason}", f"Try: ssh {place}-G {target.alias}"
    )


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
    with readable():
        if shift is None:
            is_there(config_files()[0])
            text = ""
        else:
            text = _combined_config(config_home(), _system_config())
    if not text:
        yield []
        return
    with ExitStack() as stack:
        try:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="srctl-"))) / "config"
            path.write_text(text, encoding="utf-8", errors="surrogateescape")
        except OSError as error:
            what = f"ssh cannot be handed its configuration in a temporary file: {error.strerror}"
            raise UsageError(what, "Name another folder with TMPDIR") from error
        yield ["-F", str(path)]


def _combined_config(home: Path, system: Path) -> str:
    """Return the person's configuration followed by the system's; first values win, so the order is ssh's own."""
    lines: list[str] = []
    own = home / ".ssh" / "config"
    if is_there(own):
        refuse_insecure(own)  # ssh does not look at what it is handed by name
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


def read_lines(target: SSHTarget, *, lenient: bool = False) -> Reading:
    """Return the lines of the configuration that apply to `target`, by our own reading."""
    reading = Reading(target, config_home(), lenient)
    reading.read(config_files())
    return reading


def config_files() -> tuple[Path, Path]:
    """Return the person's configuration and the system's, in the order in which they count."""
    return config_home() / ".ssh" / "config", _system_config()


def _system_config() -> Path:
    if os.name == "nt":
        return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "ssh" / "ssh_config"
    return Path("/etc/ssh/ssh_config")


def _parse_ourselves(target: SSHTarget) -> Options:
    reading = read_lines(target)
    values: dict[str, list[str]] = {}
    for line in reading.lines:
        rival = values.get(_RIVALS.get(line.name, ""), [])
        if rival and (line.name == "proxyjump" or rival != ["none"]):
            continue  # whichever stands first wins, but that `ProxyJump none` leaves room for a ProxyCommand
        if line.name in SEVERAL:
            found = values.setdefault(line.name, [])
            found += [line.value] if line.value not in found else []
        elif line.name not in values:
            values[line.name] = [_as_printed(line)]
    if values.get("canonicalizehostname", ["no"])[0].lower() not in ("no", "false"):
        raise _needs_ssh("CanonicalizeHostname", target)
    values["hostname"] = [reading.hostname]
    return Options(_with_defaults(target, {name: found for name, found in values.items() if found != [""]}))


def _as_printed(line: Line) -> str:
    """Return a value in the form that `ssh -G` gives it."""
    if line.name in TIMES and line.value.lower() != "none":
        return str(_seconds(line))
    if line.name in LISTS:
        if line.value.startswith("-"):
            raise _needs_ssh(f"{line.name} with a minus sign", line.where)
        return "" if line.value.startswith(("+", "^")) else line.value
    if line.name in FLAGS and line.value.lower() not in ("yes", "no", "true", "false"):
        raise UsageError(f"{line.where}: {line.name} is yes or no, not {line.value!r}")
    return line.value


def _seconds(line: Line) -> int:
    parts = re.findall(r"(\d+)([smhdw]?)", line.value.lower())
    if not parts or "".join(number + unit for number, unit in parts) != line.value.lower():
        raise UsageError(f"{line.where}: {line.value!r} is no time")
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _needs_ssh(what: str, where: object) -> UsageError:
    return UsageError(
        f"The ssh configuration for {where} uses {what}, which only ssh itself can judge, and ssh is not installed",
        "Install the OpenSSH client",
    )


def _with_defaults(target: SSHTarget, values: dict[str, list[str]]) -> dict[str, list[str]]:
    values.setdefault("user", [local_user()])
    values.setdefault("port", ["22"])
    if target.user:
        values["user"] = [target.user]
    if target.port:
        values["port"] = [str(target.port)]
    values.setdefault("identityfile", [f"~/.ssh/id_{kind}" for kind in ("rsa", "ecdsa", "ed25519")])
    values.setdefault("userknownhostsfile", [_DEFAULT_KNOWN_HOSTS])
    values.setdefault("globalknownhostsfile", ["/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"])
    return values
