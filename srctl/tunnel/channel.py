"""A channel of an SSH connection that keeps the order of its messages, whatever threads race.

sshd drops the whole connection when data or an end of file follows a channel's CLOSE, and paramiko's own channel can
send them so: it decides under one lock and sends under another. Here each message goes out through an `Outlet`, and
the transport asks the channel once more at the moment of sending.
"""

import errno
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import paramiko
from paramiko.common import MSG_CHANNEL_CLOSE, MSG_CHANNEL_DATA, MSG_CHANNEL_EOF
from paramiko.message import Message

if TYPE_CHECKING:
    from srctl.tunnel.transport import Transport

    class _Channel(paramiko.Channel):
        """What we use of paramiko's internals; its type stubs leave these out."""

        def _set_transport(self, transport: object) -> None: ...

        lock: threading.Lock

        def _set_window(self, window_size: int, max_packet_size: int) -> None: ...
        def _check_add_window(self, n: int) -> int: ...
        def _feed(self, m: Message) -> None: ...
        def _feed_extended(self, m: Message) -> None: ...
else:
    _Channel = paramiko.Channel

_CHUNK = 128 * 1024


class Channel(_Channel):
    """A channel that sends nothing after its end of file or its close, however threads race."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.refusal: tuple[int, str] | None = None
        self.then: Callable[[Channel], None] | None = None
        """What to do, on the transport thread, once the channel is open."""
        self._leave = 0
        self._eof_out = False
        self._close_out = False

    def __del__(self) -> None:
        """Do nothing: closing takes locks, which is not safe wherever the garbage collector happens to run."""

    def admits(self, kind: int) -> bool:
        """Tell whether a message of this kind may still go out, and note it; called with the send lock held."""
        if self._close_out or (self._eof_out and kind in (MSG_CHANNEL_DATA, MSG_CHANNEL_EOF)):
            return False
        self._close_out = kind == MSG_CHANNEL_CLOSE
        self._eof_out = self._eof_out or kind == MSG_CHANNEL_EOF
        return True

    # -- what the server may send: paramiko lets it fill the memory of a channel that nobody reads

    def _set_window(self, window_size: int, max_packet_size: int) -> None:
        super()._set_window(window_size, max_packet_size)
        self._leave = window_size

    def _check_add_window(self, n: int) -> int:
        more = super()._check_add_window(n)
        with self.lock:
            self._leave += more
        return more

    def receive(self, message: Message) -> None:
        """Take data in. Raises `SSHException` for more than the window allows."""
        self._charge(len(message.get_remainder()) - 4)
        self._feed(message)

    def receive_extended(self, message: Message) -> None:
        """Take data of the second stream in. Raises `SSHException` for more than the window allows."""
        self._charge(len(message.get_remainder()) - 8)
        self._feed_extended(message)

    def _charge(self, count: int) -> None:
        with self.lock:
            self._leave -= count
        if self._leave < 0:
            raise paramiko.SSHException("more data came than the window allows")

    def sendall(self, s: Any) -> None:
        """Send all of a bytes-like object. Raises `BrokenPipeError` when the channel cannot take more."""
        view = memoryview(s).cast("B")
        while view:
            sent = self.send(bytes(view[:_CHUNK]))
            if sent == 0:
                raise BrokenPipeError(errno.EPIPE, "the SSH channel is closed")
            view = view[sent:]

    @property
    def ended_cleanly(self) -> bool:
        """Whether the far side said that no more data follows; without it, data may be missing."""
        return bool(self.eof_received)


class Outlet:
    """Stands in for the transport of one channel, so that each message goes out with its channel's name on it."""

    def __init__(self, transport: "Transport", channel: Channel) -> None:
        self._transport = transport
        self._channel = weakref.ref(channel)

    def _send_user_message(self, message: Message) -> None:
        try:
            self._transport.send_from(self._channel(), message)
        except EOFError as error:
            raise BrokenPipeError(errno.EPIPE, "the SSH connection is lost") from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
