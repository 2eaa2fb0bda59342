"""Keeps what other threads do from holding up the screen: the collector of garbage, and turns that are too long.

While a long answer is read, Python would look again and again at all objects there are, for up to a fifth of a second,
and no thread does anything meanwhile. So all that is there once the screen stands is left out of that for good, and
the rest is looked at as a whole once in some minutes, when that takes milliseconds.
"""

import gc
import sys

TURN = 0.001
"""Seconds that a busy thread may keep the screen waiting; 0.005 is what Python gives each."""

YOUNG, MIDDLE = 5000, 10
NEVER = 1 << 30

EACH = 300
"""Seconds between two looks at all objects that have come since."""


class Calm:
    """Begins at once, and lasts until `end`."""

    def __init__(self) -> None:
        self._turn = sys.getswitchinterval()
        self._thresholds = gc.get_threshold()
        sys.setswitchinterval(TURN)
        gc.set_threshold(YOUNG, MIDDLE, NEVER)
        if not gc.isenabled():  # until now, so that the first picture comes sooner
            gc.freeze()
            gc.enable()

    def settle(self) -> None:
        """Leave all that is there now out of every look to come."""
        gc.freeze()

    def sweep(self) -> None:
        """Look at everything once; takes some milliseconds."""
        gc.collect()

    def end(self) -> None:
        """Let everything be as it was."""
        sys.setswitchinterval(self._turn)
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()
