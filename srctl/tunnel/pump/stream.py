"""One forwarded connection: a local socket on one side, a channel of the SSH connection on the other.

Each direction ends by itself. A local reset closes the channel at once; a channel that closes without saying that its
data ended shows as a reset, since data may be missing. Nothing here blocks, and nothing is called but by the
transport's thread.
"""

import contextlib
import socket
import time
from collections.abc import Callable, Sequence

from paramiko.ssh_exception import SSHException

from srctl.tunnel.errors import REASONS, plain
from srctl.tunnel.pump import messages
from srctl.tunnel.pump.backlog import Backlog
from srctl.tunnel.pump.flow import ReceiveWindow
from srctl.tunnel.pump.loop import READ, WRITE
from srctl.tunnel.pump.wire import Tally, Wire
from srctl.tunnel.reset import reset_on_close

PACKET = 32768
"""Bytes of data that we accept in one message, and send at most."""

LINGER = 5.0
"""Seconds to let a client finish talking to a far end that is gone: a reset would take the answer from it."""

_MOST_PIECES = 512  # systems take 1,024 at the most; Windows has no such call
_MOST_WINDOW = 2**32 - 1


class Stream:
    """From CHANNEL_OPEN to the end of both sides; `ended` is then true and the channel's number free."""

    def __init__(self, wire: Wire, local: socket.socket, number: int, tally: Tally) -> None:
        self.number = number
        self.tally = tally
        self.arrived: list[memoryview] = []
        """Data of the present batch, not copied yet."""
        self.deadline: float | None = None
        """When a local socket that lingers is closed."""
        self.on_answer: Callable[[str | None], None] | None = None
        """Is told once whether the server opened the channel: `None`, or why not."""
        self.window = ReceiveWindow(wire.budget)
        self._wire = wire
        self._local: socket.socket | None = local
        self._watched = 0
        self._backlog = Backlog()
        self._remote: int | None = None
        self._leave, self._packet = 0, PACKET
        self._local_ended = self._remote_ended = False
        self._close_sent = self._closed = self._clean = False
        tally.connections += 1
        tally.connections_total += 1

    @property
    def freed(self) -> bool:
        """Whether the server is done with the channel."""
        return self._closed

    @property
    def ended(self) -> bool:
        """Whether nothing is left of it."""
        return self._closed and self._local is None

    # -- what the server says

    def confirm(self, said: messages.Confirmation) -> None:
        """Begin: the server opened the channel."""
        if self._remote is not None or self._closed:
            raise SSHException("a channel was opened twice")
        if not said.packet:
            raise SSHException("a channel takes no data")
        self._remote, self._leave = said.remote, said.window
        self._packet = min(said.packet, PACKET)
        self._answer(None)
        if self._local is None:
            self._send_close()
        else:
            self._read(self._local)  # a client has mostly spoken by now

    def refuse(self, code: int, text: str) -> None:
        """End: the server does not open the channel."""
        if self._remote is not None:
            raise SSHException("an open channel was refused")
        word = REASONS.get(code, "failed")
        problem = f"the SSH server refused the connection ({word}): {plain(text) or word}"
        self.tally.last_error = problem
        self._closed = True
        self.reset()
        self._answer(problem)

    def receive(self, data: memoryview) -> None:
        """Keep data for the end of the batch."""
        if self._remote is None or self._remote_ended:
            raise SSHException("data came outside of a channel's time")
        if self._local is None:  # given up here, and not known there yet
            return
        if not self.window.receive(len(data)):
            raise SSHException("more data came than the window allows")
        self.arrived.append(data)

    def deliver(self) -> None:
        """Write the batch to the local socket, and keep a copy of what it does not take."""
        batch, self.arrived = self.arrived, []
        total = len(batch[0]) if len(batch) == 1 else sum(map(len, batch))
        self.tally.bytes_in += total
        if self._local is None:
            return
        sent = 0
        if not self._backlog:
            try:
                sent = self._local.send(batch[0]) if len(batch) == 1 else _send_all_at_once(self._local, batch)
            except BlockingIOError:
                pass
            except OSError:
                self.abort()
                return
        if sent < total:
            self._backlog.keep(batch, sent)
            self.watch()
        self._credit(sent)

    def adjust(self, more: int) -> None:
        """Take leave to send `more` bytes."""
        if self._remote is None or self._leave + more > _MOST_WINDOW:
            raise SSHException("a window was made impossibly wide")
        self._leave += more
        self.watch()

    def end_of_data(self) -> None:
        """Note that the server will send no more data."""
        if self._remote is None or self._remote_ended:
            raise SSHException("a channel ended twice")
        self._remote_ended = self._clean = True
        self._settle()

    def close(self) -> None:
        """Note that the server is done with the channel, and answer so."""
        if self._remote is None:
            raise SSHException("a channel was closed before it was open")
        self._send_close()
        self._closed = self._remote_ended = True
        self._settle()

    def request(self, message: memoryview) -> None:
        """Answer a request, of which none is known here; sshd's ClientAlive is satisfied with that."""
        if messages.wants_reply(message) and self._remote is not None and not self._close_sent:
            self._wire.send(messages.request_failure(self._remote))

    # -- what the local side does

    def watch(self) -> None:
        """Watch the local socket for what can be done with it now."""
        if self._local is None:
            return
        wanted = WRITE if self._backlog else 0
        if self._room():
            wanted |= READ
        if wanted != self._watched:
            self._wire.loop.watch(self._local, self._watched, wanted, self._ready)
            self._watched = wanted

    def abort(self) -> None:
        """Reset the local side and close the channel."""
        self.reset()
        self._send_close()

    def reset(self) -> None:
        """End the local side so that its peer sees a reset."""
        if self._local is not None:
            reset_on_close(self._local)
        self.end_local()

    def end_local(self) -> None:
        """Close the local socket, and give up what it did not take."""
        if self._local is None:
            return
        self._wire.loop.watch(self._local, self._watched, 0, self._ready)
        self._local.close()
        self._local = None
        self._backlog.clear()
        self.window.close()
        self.tally.connections -= 1

    def _ready(self, mask: int) -> None:
        if mask & WRITE and self._local is not None:
            self._drain(self._local)
        if mask & READ and self._local is not None:
            self._read(self._local)

    def _drain(self, local: socket.socket) -> None:
        try:
            sent = _send_all_at_once(local, self._backlog.first())
        except BlockingIOError:
            return
        except OSError:
            self.abort()
            return
        self._backlog.drop(sent)
        self._credit(sent)
        if not self._backlog:
            self.watch()
            self._settle()

    def _room(self) -> int:
        """Return how many bytes may be read from the local socket now."""
        if self._local_ended:
            return 0
        if self.deadline:
            return len(self._wire.scratch)
        return 0 if self._close_sent or self._wire.paused else min(self._leave, len(self._wire.scratch))

    def _read(self, local: socket.socket) -> None:
        room, scratch = self._room(), self._wire.scratch
        if not room:
            self.watch()
            return
        try:
            count = local.recv_into(scratch[:room])
        except BlockingIOError:
            self.watch()
            return
        except OSError:
            self.abort()
            return
        if not count:
            self._end_of_local_data()
        elif not self.deadline and self._remote is not None:
            self._send(self._remote, scratch[:count])
            self.watch()

    def _send(self, remote: int, data: memoryview) -> None:
        self._leave -= len(data)
        self.tally.bytes_out += len(data)
        if len(data) <= self._packet:
            self._wire.send(messages.data_head(remote, len(data)), data)
            return
        for start in range(0, len(data), self._packet):
            piece = data[start : start + self._packet]
            self._wire.send(messages.data_head(remote, len(piece)), piece)

    def _end_of_local_data(self) -> None:
        self._local_ended = True
        if self._remote is not None and not self._close_sent:
            self._wire.send(messages.eof(self._remote))
        self.watch()
        self._settle()

    # -- both

    def _credit(self, taken: int) -> None:
        more = self.window.take(taken, self._wire.round_trip) if taken else 0
        if more and self._remote is not None and not self._remote_ended:
            self._wire.send(messages.window_adjust(self._remote, more))

    def _settle(self) -> None:
        """Pass on the ends that have come, once all data before them has gone."""
        if not self._remote_ended or self._backlog:
            return
        if self._local is not None and not self.deadline:
            if self._closed and not self._clean:
                self.reset()
            elif self._local_ended:
                self.end_local()
            else:
                self._half_close(self._local)
        if self._local_ended:
            self.end_local()
            self._send_close()

    def _half_close(self, local: socket.socket) -> None:
        with contextlib.suppress(OSError):
            local.shutdown(socket.SHUT_WR)
        if self._closed:
            self.deadline = time.monotonic() + LINGER
            self.watch()

    def _send_close(self) -> None:
        if self._remote is not None and not self._close_sent:
            self._close_sent = True
            self._wire.send(messages.close(self._remote))

    def _answer(self, problem: str | None) -> None:
        if self.on_answer is not None:
            self.on_answer(problem)
            self.on_answer = None


def _send_all_at_once(sock: socket.socket, batch: Sequence[memoryview | bytearray]) -> int:
    if hasattr(sock, "sendmsg") and len(batch) <= _MOST_PIECES:
        return sock.sendmsg(batch)
    return sock.send(b"".join(batch))
