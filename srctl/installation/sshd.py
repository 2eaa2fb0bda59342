"""sshd on this machine: what its configuration comes to for the gateway's account, and reading it again.

Nothing is concluded from the text of its files but where a setting may come from: sshd itself says what is in force
(`sshd -T`, sshd(8)).
"""

import glob
import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from srctl.errors import ConflictError, NotFoundError, SrctlError
from srctl.installation.findings import Finding
from srctl.installation.layout import DROP_IN, Layout
from srctl.installation.system import find, must, run

CONFIG = "/etc/ssh/sshd_config"
INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf"
Settings = dict[str, list[str]]
_ELSEWHERE = "192.0.2.1"
"""An address that is nobody's (RFC 5737): what sshd does for clients from outside."""

_ALSO = {
    "pubkeyauthentication": "yes",
    "permituserenvironment": "no",
    "disableforwarding": "no",
    "chrootdirectory": "none",
    "permitopen": "any",
}
"""What has to hold for the gateway and is so unless somebody changed it."""

_DEFAULT_STARTUPS = (10, 100)


def program() -> str:
    """Return sshd's path. Raises `NotFoundError`."""
    found = find("sshd")
    if found is None:
        raise NotFoundError("There is no sshd on this machine", "apt install openssh-server")
    return found


def config_error() -> str | None:
    """Return what sshd has against its configuration, `None` where it takes it."""
    done = run(program(), "-t")
    return None if done.code == 0 else done.said or f"sshd -t ended with {done.code}"


def settings(account: str, address: str = "127.0.0.1") -> Settings:
    """Return what is in force for an account that comes from an address. Raises `SrctlError`."""
    where = f"user={account},host=h,addr={address},laddr=127.0.0.1,lport=22"
    return parse(must(program(), "-T", "-C", where))


def parse(text: str) -> Settings:
    """Read what `sshd -T` prints: names in lower case, some of them on several lines."""
    found: Settings = {}
    for line in text.splitlines():
        name, _, value = line.strip().partition(" ")
        found.setdefault(name.lower(), []).append(value)
    return found


def effective(layout: Layout, groups: list[str]) -> list[Finding]:
    """Check what is in force for the account, from this machine and from elsewhere; `groups` are the account's."""
    found: dict[str, Finding] = {}
    for address in ("127.0.0.1", _ELSEWHERE):
        for finding in differences(settings(layout.account, address), layout, groups):
            found.setdefault(str(finding.problem), finding)
    return list(found.values())


def differences(found: Settings, layout: Layout, groups: list[str]) -> Iterator[Finding]:
    """Yield what keeps the gateway from working as it must, given what is in force for its account."""
    yield from barred(found, layout.account, groups)
    wanted = {name.lower(): value for name, value in layout.sshd_settings.items()} | _ALSO
    wrong = {name: found.get(name, ["none"]) for name, value in wanted.items() if not _same(found, name, value)}
    if len(wrong) > len(layout.sshd_settings) // 2:
        yield Finding(
            "sshd settings",
            f"sshd does not read {DROP_IN}",
            f"Put this line at the top of {CONFIG}, before any Match: {INCLUDE}",
        )
        return
    for name, values in wrong.items():
        yield Finding(
            "sshd settings",
            f"For {layout.account} sshd has {name} {' '.join(values)}, not {wanted[name]}",
            f"Remove or narrow what sets it first{_origin(name)}",
        )


def barred(found: Settings, account: str, groups: list[str]) -> Iterator[Finding]:
    """Yield why sshd lets the account not in at all."""
    for name, names in (("users", [account]), ("groups", groups)):
        word = name.capitalize()
        if hit := _matching(found.get(f"deny{name}", []), names):
            yield Finding("sshd settings", f"Deny{word} {hit} bars {account}", f"Except {account} from Deny{word}")
        allowed = found.get(f"allow{name}", [])
        if allowed and not _matching(allowed, names):
            fix = account if name == "users" else (groups[0] if groups else account)
            yield Finding(
                "sshd settings",
                f"Allow{word} {' '.join(allowed)} bars {account}",
                f"Add {fix} to Allow{word}{_origin(f'allow{name}')}",
            )


def low_limits(found: Settings) -> Iterator[Finding]:
    """Yield limits on logins at the same time that are lower than sshd's own."""
    text = found.get("maxstartups", ["10:30:100"])[0]
    numbers = [int(part) for part in text.split(":") if part.isdigit()]
    if numbers and (numbers[0] < _DEFAULT_STARTUPS[0] or numbers[-1] < _DEFAULT_STARTUPS[0]):
        yield Finding(
            "sshd limits", f"MaxStartups {text} drops people who log in at the same time", "Set MaxStartups 50:30:200"
        )


def restart_pending() -> str | None:
    """Return why sshd may not have read the gateway's part yet; `None` where it has, or where that can't be known."""
    with suppress(OSError, SrctlError):
        read = os.stat(_pid_file()).st_mtime
        if os.stat(DROP_IN).st_ctime > read:
            return f"sshd has not read {DROP_IN} since it was changed"
    return None


def reload() -> str:
    """Let sshd read its configuration again; return how. Raises `SrctlError` saying what to do instead."""
    if Path("/run/systemd/system").is_dir() and find("systemctl"):
        must("systemctl", "try-reload-or-restart", "ssh.service")
        return "systemctl try-reload-or-restart ssh.service"
    pid = _running()
    if pid is None:
        return "sshd does not run here now; it reads its configuration when it starts"
    os.kill(pid, signal.SIGHUP)
    return f"SIGHUP to sshd ({pid})"


def _running() -> int | None:
    """Return the process that the pid file names, if that is an sshd."""
    with suppress(OSError, ValueError):
        pid = int(Path(_pid_file()).read_text())
        if os.path.realpath(f"/proc/{pid}/exe") == os.path.realpath(program()):
            return pid
    return None


def _pid_file() -> str:
    return parse(must(program(), "-T")).get("pidfile", ["/run/sshd.pid"])[0]


def _same(found: Settings, name: str, value: str) -> bool:
    return found.get(name, ["none"]) == [value]


def _matching(patterns: list[str], names: list[str]) -> str | None:
    """Return the first pattern that matches a name; of USER@HOST only the user counts. One with `!` never does."""
    for pattern in (each for line in patterns for each in line.split()):
        if any(fnmatchcase(name, pattern.partition("@")[0]) for name in names):
            return pattern
    return None


def _origin(name: str) -> str:
    """Return where the files of sshd have a setting, in words; empty where it is not found."""
    for path in (CONFIG, *sorted(glob.glob("/etc/ssh/sshd_config.d/*"))):
        if path == DROP_IN:
            continue
        with suppress(OSError):
            for number, line in enumerate(Path(path).read_text(errors="replace").splitlines(), 1):
                if re.match(rf"\s*{re.escape(name)}[\s=]", line, re.IGNORECASE):
                    return f": {path}, line {number}"
    return ""


def require_sound() -> None:
    """Raise `ConflictError` where sshd does not take its configuration as it is."""
    if error := config_error():
        raise ConflictError(f"sshd does not take its configuration: {error}", f"Mend {CONFIG} first")
