"""Values as the screen shows them: short, and each state with a sign and a word, never by colour alone."""

import shlex
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from srctl import durations, sizes
from srctl.errors import SeveralErrors, SrctlError
from srctl.inert import inert
from srctl.models import Tunnel

STATES = {"running": "● running", "starting": "◐ starting", "exited": "✗ exited", "dead": "✗ dead"}
TONES = {"running": "good", "starting": "warn", "exited": "bad", "dead": "bad", "up": "good", "reconnecting": "warn"}
TUNNEL_STATES = {"up": "⇄ up", "reconnecting": "↻ reconnecting", "down": "✗ down"}
YOUNG = timedelta(minutes=2)
"""Ages up to this are counted in seconds, and so shown anew each second."""

OVER = "over"
"""What is left of the time of something whose end has come."""

size = sizes.in_words
DIGITS = 12
"""Of an id, as in the tables of the commands."""


def age(since: datetime, now: datetime | None = None) -> str:
    """Return how long ago it was, in its largest unit: `8s`, `12m`, `3h`, `5d`."""
    seconds = max(0, int(((now or datetime.now(UTC)) - since).total_seconds()))
    for length, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def left(ends: datetime | None, now: datetime | None = None) -> str:
    """Return how long something may run on, to the second only for the last two minutes; empty where it has no end."""
    if ends is None:
        return ""
    seconds = (ends - (now or datetime.now(UTC))).total_seconds()
    if seconds <= 0:
        return OVER
    return durations.words(seconds if seconds < YOUNG.total_seconds() else seconds - seconds % 60)


def day(moment: datetime) -> str:
    """Return the date here; made for thousands of rows, which format strings are not."""
    return str(date.fromtimestamp(moment.timestamp()))


def second(moment: datetime) -> str:
    """Return date and time here."""
    return f"{datetime.fromtimestamp(int(moment.timestamp()))}"


def pace(count: float) -> str:
    """Return a number of bytes per second, `-` for none."""
    return f"{size(count)}/s" if count >= 1 else "-"


def amount(count: float | None) -> str:
    """Return so many bytes of memory in few cells: `512K`, `410M`, `1.2G`; a dash where nobody knows."""
    if count is None:
        return "-"
    for unit in ("B", "K", "M", "G"):
        if count < 1000:
            return f"{count:.1f}{unit}" if count < 10 and unit in ("M", "G") else f"{count:.0f}{unit}"
        count /= 1024
    return f"{count:.1f}T"


def percent(share: float | None) -> str:
    """Return a share, a dash where nobody knows."""
    return "-" if share is None else f"{share:.0f}%"


def tunnel_state(tunnel: Tunnel) -> str:
    """Return how a tunnel stands."""
    return TUNNEL_STATES.get(tunnel.state, inert(tunnel.state))


def tunnel_standing(tunnel: Tunnel) -> str:
    """Return how a tunnel stands, why, and what has gone through it."""
    cause = f": {tunnel.cause}" if tunnel.cause else ""
    through = f"{size(tunnel.bytes_in)} in, {size(tunnel.bytes_out)} out"
    return f"{tunnel_state(tunnel)}{cause}, {through}, {tunnel.reconnects} reconnects"


def failure(error: SrctlError) -> str:
    """Return what went wrong and what to do, in one line; of several errors all."""
    errors = error.errors if isinstance(error, SeveralErrors) else (error,)
    return "; ".join(". ".join(filter(None, (plainly(each.message), plainly(each.hint)))) for each in errors)


def counted(number: int, noun: str) -> str:
    """Return how many there are: `no grants`, `1 grant`, `2 grants`."""
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str], most: int = 12) -> str:
    """Return names in one line, of many the first ones and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def bar(count: int, most: int, width: int) -> str:
    """Return a bar of at most `width` cells; what is above zero is to be seen however small it is."""
    eighths = max(round(8 * width * count / most), 1) if count and most else 0
    return "█" * (eighths // 8) + "▏▎▍▌▋▊▉"[eighths % 8 - 1 : eighths % 8]


def plainly(text: str) -> str:
    """Return text from outside in one line, inert."""
    return inert(" ".join(text.split()))


def joined(words: Sequence[str]) -> str:
    """Return a command line that a shell reads as these words."""
    return plainly(shlex.join(words))
