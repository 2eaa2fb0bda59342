"""Tells what sessions take while somebody looks at them: by a stream of the engine for each, or by one of a gateway."""

import threading
import time
from collections.abc import Callable, Collection
from typing import Protocol

from srctl.following import Following, Stream
from srctl.models import Usage
from srctl.sessions import MOST_WATCHED, Sessions

PACE = 3.0
"""Seconds between two openings of a gateway's stream, which takes a process there each time."""

Tell = Callable[[Usage], None]


class Meter(Protocol):
    """Tells what the containers that are watched take, on threads of its own, until it is closed."""

    def watch(self, container_ids: Collection[str], *, all_users: bool) -> None:
        """Watch these, and no others any more. May take as long as a request, and raise as one."""

    def close(self) -> None:
        """Watch nothing any more."""


class EngineMeter:
    """One stream of the engine for each container."""

    def __init__(self, sessions: Sessions, tell: Tell) -> None:
        self._sessions = sessions
        self._permitted: set[str] = set()
        self._following = Following(sessions.engine.stats, tell)

    def watch(self, container_ids: Collection[str], *, all_users: bool) -> None:
        """Watch these; which of them may be watched is asked once."""
        fresh = [each for each in container_ids if each not in self._permitted]
        if fresh:
            self._permitted.update(self._sessions.watchable(fresh, all_users=all_users))
        wanted = [each for each in container_ids if each in self._permitted]
        self._following.watch(wanted[: self._sessions.engine.most_streams or MOST_WATCHED])

    def close(self) -> None:
        """Close all streams."""
        self._following.close()


class GatewayMeter:
    """One stream for all containers, made anew where others come into view, and closed where none is."""

    def __init__(self, sessions: Sessions, tell: Tell) -> None:
        self._sessions = sessions
        self._lock = threading.Lock()
        self._wanted = self._streamed = frozenset[str]()
        self._all_users = False
        self._opened = -PACE
        self._timer: threading.Timer | None = None
        self._following = Following(self._open, tell)

    def watch(self, container_ids: Collection[str], *, all_users: bool) -> None:
        """Watch these, soon; what has gone out of view costs less than another stream."""
        with self._lock:
            self._wanted, self._all_users = frozenset(list(container_ids)[:MOST_WATCHED]), all_users
            if not self._wanted:
                self._streamed = self._wanted
                self._following.close()
            elif not self._wanted <= self._streamed and self._timer is None:
                self._timer = threading.Timer(max(0.0, self._opened + PACE - time.monotonic()), self._open_another)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """Close the stream."""
        self.watch((), all_users=False)

    def _open_another(self) -> None:
        with self._lock:
            self._timer, self._streamed = None, self._wanted
            self._opened = time.monotonic()
            self._following.watch([" ".join(sorted(self._wanted))] if self._wanted else ())

    def _open(self, container_ids: str) -> Stream[Usage]:
        return self._sessions.stats(container_ids.split(), all_users=self._all_users)
