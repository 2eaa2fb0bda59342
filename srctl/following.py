"""Follows several streams at once, each on a daemon thread of its own, and brings together what they tell.

A stream that breaks is opened again, at growing intervals, as long as it is wanted. What it follows is not its affair.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Generic, Protocol, Self, TypeVar

from srctl.errors import NotFoundError, SrctlError

PAUSES = (0.5, 2.0, 5.0, 15.0)
"""Seconds before a stream is opened again, growing while it does not last."""

AT_ONCE = 4
"""Streams that are being opened at the same time."""

_LASTING = 10.0

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Stream(Protocol[T_co]):
    """What comes as things happen."""

    def __iter__(self) -> Iterator[T_co]:
        """Return itself."""

    def __next__(self) -> T_co:
        """Wait for the next one."""

    def close(self) -> None:
        """End it; another thread may wait for it."""


@dataclass(slots=True)
class _One(Generic[T]):
    """A stream that is followed: set `over` and close it to end that."""

    over: threading.Event = field(default_factory=threading.Event)
    stream: Stream[T] | None = None


class Following(Generic[T]):
    """Follows the streams that have the names given to `watch`; `tell` is called with all that they bring.

    A stream of which `NotFoundError` says that there is none is given up.
    """

    def __init__(self, open_stream: Callable[[str], Stream[T]], tell: Callable[[T], None]) -> None:
        self._open = open_stream
        self._tell = tell
        self._lock = threading.Lock()
        self._opening = threading.Semaphore(AT_ONCE)
        self._followed: dict[str, _One[T]] = {}

    def watch(self, names: Iterable[str]) -> None:
        """Follow these, and no others any more."""
        wanted = set(names)
        with self._lock:
            ended = [self._followed.pop(name) for name in self._followed.keys() - wanted]
            fresh = {name: _One[T]() for name in wanted - self._followed.keys()}
            self._followed.update(fresh)
        for name, one in fresh.items():
            threading.Thread(target=self._follow, args=(name, one), name="srctl-following", daemon=True).start()
        for one in ended:
            one.over.set()
            if one.stream is not None:
                one.stream.close()

    def close(self) -> None:
        """Follow nothing any more."""
        self.watch(())

    def _follow(self, name: str, one: _One[T]) -> None:
        failures = 0
        while not one.over.is_set():
            begun = time.monotonic()
            try:
                self._listen(name, one)
            except NotFoundError:
                return
            except SrctlError:
                pass  # the engine is away; whoever lists what runs will say so
            except Exception as error:  # the edge of this thread; its connection may have been closed under it
                if not one.over.is_set():
                    from srctl.crash import report

                    report(error)
            failures = 0 if time.monotonic() - begun > _LASTING else failures + 1
            one.over.wait(PAUSES[min(max(failures, 1), len(PAUSES)) - 1])

    def _listen(self, name: str, one: _One[T]) -> None:
        with self._opening:
            if one.over.is_set():
                return
            stream = one.stream = self._open(name)
        try:
            if one.over.is_set():
                return
            for each in stream:
                if one.over.is_set():
                    return
                self._tell(each)
        finally:
            with suppress(Exception):  # it is over in any case
                stream.close()


class Gathered(Generic[T]):
    """One stream of what several threads put into it. With `following` whoever is followed ends with it."""

    def __init__(self) -> None:
        self._items: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()
        self._closing: list[Callable[[], None]] = []
        self._over = False

    def put(self, item: T) -> None:
        """Let it come out."""
        self._items.put((item, None))

    def end(self, error: BaseException | None = None) -> None:
        """Let it end, or fail, after what has been put in already."""
        self._items.put((None, error))

    def finally_do(self, call: Callable[[], None]) -> None:
        """Have something done when it is closed."""
        self._closing.append(call)

    def __iter__(self) -> Self:
        """Return itself."""
        return self

    def __next__(self) -> T:
        """Wait for the next one. Raises what `end` was given."""
        item, error = (None, None) if self._over else self._items.get()
        if item is not None:
            return item
        self.close()
        if error is not None:
            raise error
        raise StopIteration

    def close(self) -> None:
        """End it, and what fills it; whoever waits for it sees its end."""
        if not self._over:
            self._over = True
            self.end()
            for call in self._closing:
                call()
