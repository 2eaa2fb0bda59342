"""What listens on this machine at every address: it is reached at the addresses of sessions, too (proc(5), net/tcp)."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_LISTENS = "0A"


def everywhere() -> set[int]:
    """Return the TCP ports at which something listens on every address."""
    found: set[int] = set()
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            found |= parse(Path(f"/proc/net/{name}").read_text().splitlines())
    return found


def parse(lines: Iterable[str]) -> set[int]:
    """Read the ports out of a table of the kernel's."""
    fields = (line.split() for line in lines)
    listening = (each[1].partition(":") for each in fields if each[3:4] == [_LISTENS])
    return {int(port, 16) for address, _, port in listening if not address.strip("0")}
