"""One selector for all sockets of a connection, and a way for other threads to have something done in it."""

import contextlib
import selectors
import socket
from collections import deque
from collections.abc import Callable

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
Call = Callable[[int], None]
"""Is told what a socket is ready for: READ, WRITE or both; the socket may have been closed a moment before."""


class Loop:
    """Watches sockets. All but `post` and `wake` belong to the thread that turns it."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        for end in (self._waker, self._woken):
            end.setblocking(False)
        self._posted: deque[Callable[[], None]] = deque()
        self._awake = False
        self.watch(self._woken, 0, READ, self._wake_up)

    def watch(self, sock: socket.socket, before: int, now: int, call: Call) -> None:
        """Change what a socket is watched for, from `before` to `now`; 0 is nothing."""
        if before == now:
            return
        if not before:
            self._selector.register(sock, now, call)
        elif not now:
            self._selector.unregister(sock)
        else:
            self._selector.modify(sock, now, call)

    def turn(self, patience: float) -> None:
        """Wait up to `patience` seconds for sockets, and serve those that are ready."""
        for key, mask in self._selector.select(patience):
            key.data(mask)

    def post(self, call: Callable[[], None]) -> None:
        """Have `call` run soon by the thread that turns the loop."""
        self._posted.append(call)
        self.wake()

    def wake(self) -> None:
        """End the present wait."""
        if not self._awake:
            self._awake = True
            with contextlib.suppress(OSError):
                self._waker.send(b"x")

    def run_posted(self) -> None:
        """Run what was posted."""
        while self._posted:
            self._posted.popleft()()

    def close(self) -> None:
        """Stop watching; the sockets of others stay open."""
        self._selector.close()
        self._waker.close()
        self._woken.close()

    def _wake_up(self, _: int) -> None:
        with contextlib.suppress(OSError):
            self._woken.recv(64)
        self._awake = False  # before the calls: what is posted from now on wakes again
        self.run_posted()
