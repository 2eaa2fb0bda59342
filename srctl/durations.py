"""Lengths of time as people write them: `90s`, `15m`, `2h`, `3d`."""

import re

from srctl.errors import UsageError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")


def parse(text: str) -> float:
    """Return seconds. Raises `UsageError`."""
    found = _DURATION.fullmatch(text)
    if found is None or not int(found[1]):
        raise UsageError(f"Not a length of time: {text!r}", "Write it as 90s, 15m, 2h or 3d")
    return float(int(found[1]) * _UNITS[found[2]])
