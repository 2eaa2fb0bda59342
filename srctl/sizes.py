"""Numbers of bytes as people write and read them: `512m` as for docker, `1.4 MB` in lists."""

import re

from srctl.errors import UsageError

_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_SIZE = re.compile(r"([0-9]{1,16})(b?|[kmg](?:i?b)?)")


def parse(text: str) -> int:
    """Return the number of bytes, above zero, that docker would understand. Raises `UsageError`."""
    match = _SIZE.fullmatch(text.lower())
    if match is None or int(match[1]) == 0:
        raise UsageError(f"Not a size: {text!r}", "Write it as for docker, e.g. 512m or 2g")
    return int(match[1]) * _UNITS[match[2][:1]]


def in_words(count: float) -> str:
    """Return a number of bytes: `512 B`, `1.4 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
