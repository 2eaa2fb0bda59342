"""Values as the screen shows them: short, and each state with a sign and a word, never by colour alone."""

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from srctl.inert import inert
from srctl.models import Tunnel

STATES = {"running": "● running", "starting": "◐ starting", "exited": "✗ exited", "dead": "✗ dead"}
TONES = {"running": "good", "starting": "warn", "exited": "bad", "dead": "bad", "up": "good", "reconnecting": "warn"}
TUNNEL_STATES = {"up": "⇄ up", "reconnecting": "↻ reconnecting", "down": "✗ down"}
YOUNG = timedelta(minutes=2)
"""Ages up to this are counted in seconds, and so shown anew each second."""

DIGITS = 12
"""Of an id, as in the tables of the commands."""


def age(since: datetime, now: datetime | None = None) -> str:
    """Return how long ago it was, in its largest unit: `8s`, `12m`, `3h`, `5d`."""
    seconds = max(0, int(((now or datetime.now(UTC)) - since).total_seconds()))
    for length, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def size(count: float) -> str:
    """Return a number of bytes: `512 B`, `1.4 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def pace(count: float) -> str:
    """Return a number of bytes per second, `-` for none."""
    return f"{size(count)}/s" if count >= 1 else "-"


def tunnel_state(tunnel: Tunnel) -> str:
    """Return how a tunnel stands."""
    return TUNNEL_STATES.get(tunnel.state, inert(tunnel.state))


def tunnel_standing(tunnel: Tunnel) -> str:
    """Return how a tunnel stands, why, and what has gone through it."""
    cause = f": {tunnel.cause}" if tunnel.cause else ""
    through = f"{size(tunnel.bytes_in)} in, {size(tunnel.bytes_out)} out"
    return f"{tunnel_state(tunnel)}{cause}, {through}, {tunnel.reconnects} reconnects"


def plainly(text: str) -> str:
    """Return text from outside in one line, inert."""
    return inert(" ".join(text.split()))


def joined(words: Sequence[str]) -> str:
    """Return a command line that a shell reads as these words."""
    return plainly(shlex.join(words))
