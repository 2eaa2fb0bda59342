"""The `ssh://` address of a host as people write it, taken apart and checked.

Everything here ends up in the command line of `ssh`, in `ProxyCommand` templates or in known_hosts look-ups, so
whatever a shell, an option parser or a terminal could misread is refused. Passwords in addresses are refused too:
they would be stored, listed and logged.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from srctl.errors import UsageError

DEFAULT_SOCKET = "/var/run/docker.sock"

_FORBIDDEN = re.compile(r"[\s'\"`$\\;&<>|(){}*?!#\[\]@/,]")
_FORBIDDEN_IN_USER = re.compile(r"[\s'\"`$;&<>|(){}*?!#\[\]/:,]")
_SHAPE = re.compile(r"(?:(?P<user>[^/]*)@)?(?P<host>\[[^\]/]*\]|[^@:/\[\]]*)(?::(?P<port>[^@:/\[\]]*))?(?P<path>/.*)?")


@dataclass(frozen=True, slots=True)
class SSHTarget:
    """A host as `ssh` would be told of it: `alias` may be a name of ssh_config; `None` means "not said"."""

    alias: str
    user: str | None = None
    port: int | None = None
    socket_path: str | None = None

    def __str__(self) -> str:
        """Return the address without the socket path, as a person would type it after `ssh`."""
        host = f"[{self.alias}]" if ":" in self.alias else self.alias
        return (f"{self.user}@" if self.user else "") + host + (f":{self.port}" if self.port else "")


def parse_target(url: str) -> SSHTarget:
    """Take `ssh://[user@]alias[:port][/path/to.sock]` apart; anything doubtful raises `UsageError`."""
    if not url.startswith("ssh://"):
        raise _refusal(url, "it does not start with ssh://")
    return _parse(url, url.removeprefix("ssh://"))


def parse_hop(text: str) -> SSHTarget:
    """Take one hop of a ProxyJump list apart: `[user@]host[:port]` or an `ssh://` URL without a path."""
    target = _parse(text, text.removeprefix("ssh://").removesuffix("/"))
    if target.socket_path:
        raise _refusal(text, "a jump host has no path")
    return target


def _parse(url: str, rest: str) -> SSHTarget:
    match = _SHAPE.fullmatch(rest)
    if any(ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F for c in rest) or match is None:
        raise _refusal(url, "it is not [user@]host[:port][/path]")
    user = match["user"]
    if user is not None and ":" in user:
        raise _refusal(url, "passwords do not belong into addresses", secret=True)
    return SSHTarget(_alias(url, match["host"]), _user(url, user), _port(url, match["port"]), _path(url, match["path"]))


def _alias(url: str, host: str) -> str:
    alias = host[1:-1] if host.startswith("[") else host
    if not alias:
        raise _refusal(url, "it names no host")
    if alias.startswith("-") or _FORBIDDEN.search(alias) or not alias.isprintable():
        raise _refusal(url, "no host has such a name")
    return alias


def _user(url: str, user: str | None) -> str | None:
    if user is None:
        return None
    decoded = unquote(user)
    if not decoded or decoded.startswith("-") or _FORBIDDEN_IN_USER.search(decoded) or not decoded.isprintable():
        raise _refusal(url, "no account has such a name")
    return decoded


def _port(url: str, port: str | None) -> int | None:
    if port is None:
        return None
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise _refusal(url, "a port is a number from 1 to 65535")
    return int(port)


def _path(url: str, path: str | None) -> str | None:
    if path is None or path == "/":
        return None
    decoded = unquote(path)
    if not decoded.isprintable() or len(decoded.encode()) > 107:
        raise _refusal(url, "the path of a socket has at most 107 printable bytes")
    return decoded


def _refusal(url: str, why: str, *, secret: bool = False) -> UsageError:
    hidden = re.sub(r"//.*@", "//***@", url) if "//" in url else re.sub(r".*@", "***@", url)
    shown = "This SSH address" if secret else f"The SSH address {hidden!r}"
    return UsageError(f"{shown} is refused: {why}", "Write ssh://[user@]host[:port][/path/to/docker.sock].")
