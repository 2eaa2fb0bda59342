"""A context that several threads use at once: work that undoes what it began needs its connection to the end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from srctl.context import Context


class Lent:
    """Closes a context once it was dropped and nobody uses it any more."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._lock = threading.Lock()
        self._users = 1

    def take(self) -> "Lent":
        """Let one more use it; `drop` ends that."""
        with self._lock:
            self._users += 1
        return self

    def drop(self) -> None:
        """Use it no more."""
        with self._lock:
            self._users -= 1
            last = self._users == 0
        if last:
            with suppress(Exception):  # whatever is closed here is broken already, or nobody's concern any more
                self.context.__exit__(None, None, None)

    @contextmanager
    def used(self) -> Iterator[Context]:
        """Use what was taken, and drop it afterwards."""
        try:
            yield self.context
        finally:
            self.drop()
