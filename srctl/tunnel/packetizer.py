"""paramiko's packet layer with a pump inside: the transport's thread turns one loop over all sockets of a connection.

paramiko keeps the banner, key exchange, authentication and its own channels; the messages of forwarded streams never
reach it. Under AES-GCM packets are sealed and opened here, with any other cipher by paramiko; both write to one queue
and read from one buffer. Sealing and queueing happen under one lock: a nonce is used once, and packets go out in the
order of their nonces, whichever thread sends.
"""

import math
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from paramiko.common import cMSG_UNIMPLEMENTED
from paramiko.message import Message
from paramiko.packet import NeedRekeyException, Packetizer
from paramiko.ssh_exception import SSHException

from srctl.tunnel.compose import compose
from srctl.tunnel.pump import codec
from srctl.tunnel.pump.buffers import SIZE, Inbox
from srctl.tunnel.pump.flow import Budget
from srctl.tunnel.pump.loop import READ, WRITE, Loop
from srctl.tunnel.pump.outgoing import FULL, ROOMY, Outgoing
from srctl.tunnel.pump.round_trip import shortest
from srctl.tunnel.pump.streams import Streams
from srctl.tunnel.vetting import vet

MOST_HELD = 4096
"""Messages held back that only a hostile server can bring about."""

BEAT = 0.5
"""Seconds between two looks at the clock."""

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

    class _Packetizer(Packetizer):
        """What we use of paramiko's internals; its type stubs leave these out."""

        def _trigger_rekey(self) -> None: ...
        def need_rekey(self) -> bool: ...
else:
    _Packetizer = Packetizer


class PumpingPacketizer(_Packetizer):
    """The pump. `on_beat` is called twice a second by the transport's thread."""

    # RFC 4344 wants new keys after 2**32 packets; AES-GCM as in RFC 5647 has no lower limit
    REKEY_BYTES = 2**36
    REKEY_PACKETS = 2**31

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        sock.setblocking(False)
        self.loop, self.budget = Loop(), Budget()
        self.streams = Streams(self)
        self.scratch = memoryview(bytearray(SIZE))
        self.paused = False
        self.round_trip = 0.05
        self.heard = time.monotonic()
        """When anything last came."""
        self.heard_first = ""
        """How the server introduces itself; before it has, what it said first."""
        self.said = b""
        """A greeting that was said before."""
        self.on_beat: Callable[[], None] | None = None
        self.has_channel: Callable[[int], bool] = lambda _: False
        """Whether a channel number is one of paramiko's."""
        self._sock = sock
        self._watched = 0
        self._inbox, self._outgoing = Inbox(sock), Outgoing(sock, self.loop.wake)
        self._plain = memoryview(bytearray(SIZE + codec.LONGEST))
        self._unsealer: codec.Unsealer | None = None
        self._posting = threading.Lock()
        self._held: deque[tuple[bytes, bytes]] = deque()
        self._exchanging = False
        self._received = self._received_bytes = 0
        self._next_beat = 0.0
        self._handshake_ends = math.inf
        self._came = self._shut = self._over = False
        self._watch(READ)

    # -- what the transport calls

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._shut

    def close(self) -> None:
        """End the connection; the transport's thread notices at once."""
        self._shut = True
        self.loop.wake()

    def begin_exchange(self) -> None:
        """Hold streams back: keys are being exchanged (RFC 4253, section 7.1)."""
        self._exchanging = True
        self._pace()

    def end_exchange(self) -> None:
        """Let streams go on under the new keys."""
        self._exchanging = False
        while self._held:
            self.send(*self._held.popleft())
        self._pace()

    def end(self, problem: str) -> None:
        """Let go of everything; called once, when the transport's thread is done."""
        with self._posting:
            self._over = True
        self._outgoing.end()
        self.loop.run_posted()
        self.streams.end(problem)
        self.loop.close()

    def call(self, call: Callable[[], None]) -> bool:
        """Have `call` run by the transport's thread; whether it will be."""
        with self._posting:
            if not self._over:
                self.loop.post(call)
            return not self._over

    def set_inbound_cipher(self, block_engine: Any, *rest: Any, **more: Any) -> None:
        """Switch to a cipher for what comes."""
        super().set_inbound_cipher(block_engine, *rest, **more)
        self._unsealer = codec.Unsealer(block_engine, more["iv_in"]) if more.get("aead") else None
        self._received_bytes = 0

    def set_outbound_cipher(self, block_engine: Any, *rest: Any, **more: Any) -> None:
        """Switch to a cipher for what goes."""
        super().set_outbound_cipher(block_engine, *rest, **more)
        self._outgoing.change(codec.Sealer(block_engine, more["iv_out"]) if more.get("aead") else None)

    def start_handshake(self, timeout: float) -> None:
        """Give the handshake `timeout` seconds. paramiko starts a thread for that, which a process must wait for."""
        self._handshake_ends = time.monotonic() + timeout

    def handshake_timed_out(self) -> bool:
        """Tell whether the time for the handshake is up."""
        return time.monotonic() > self._handshake_ends

    def complete_handshake(self) -> None:
        """Note that the handshake is done."""
        self._handshake_ends = math.inf

    def reset_seqno_in(self) -> None:
        """Count packets from 0 again."""
        super().reset_seqno_in()
        self._received = 0

    # -- out

    def send(self, head: bytes, body: bytes | memoryview = b"") -> None:
        """Send a stream's message; for the transport's thread. During a key exchange it is held back."""
        if self._over:
            return  # to nobody; what ends now says so to the last
        if self._exchanging:
            if len(self._held) > MOST_HELD:
                raise SSHException("too much is asked for during a key exchange")
            self._held.append((head, bytes(body)))
        elif not self._outgoing.seal(head, body):
            super().send_message(Message(head + bytes(body)))

    def send_message(self, data: Message) -> None:
        """Send one of paramiko's messages, from any thread."""
        if not self._outgoing.seal(data.asbytes()):
            super().send_message(data)

    def write_all(self, out: "Buffer") -> None:
        """Queue what paramiko made a packet of, or its greeting if that has not been said."""
        if self.said and bytes(out) == self.said:
            self.said = b""
        else:
            self._outgoing.put(bytes(out))

    def answer_at_leisure(self) -> None:
        """Stop acknowledging each packet at once: the server does not hold small ones back any more."""
        self._inbox.quick = False

    def wait_for_room(self, patience: float) -> bool:
        """Wait until the queue is not full; whether it is so. For threads other than the transport's."""
        return self._outgoing.wait_for_room(patience)

    # -- in

    def readline(self, timeout: float) -> str:
        """Return a line of the greeting. Raises `TimeoutError` after `timeout` seconds."""
        self._outgoing.belong(threading.get_ident())
        deadline = time.monotonic() + timeout
        while (line := self._inbox.line()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError("timed out")
            if len(self._inbox) > codec.LONGEST:
                raise SSHException("the server's greeting has no end")
            self._turn()
        text = line.rstrip(b"\r\n").decode("utf-8", "replace")
        self.heard_first = text if text.startswith("SSH-") else self.heard_first or text
        return text

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """Return `n` bytes for paramiko's own reading of packets. Raises `SSHException` where no packet has so many."""
        if not 0 <= n <= codec.LONGEST:
            raise SSHException(f"a packet claims {n} bytes")
        while len(self._inbox) < n:
            if check_rekey and not len(self._inbox) and self.need_rekey() and not self._exchanging:
                raise NeedRekeyException
            if self.handshake_timed_out():
                raise EOFError
            self._turn()
        return self._inbox.take(n)

    def read_message(self) -> tuple[int, Message]:
        """Return the next message that is for paramiko, and turn the loop until there is one."""
        while True:
            if self.need_rekey() and not self._exchanging:
                raise NeedRekeyException
            found = self._unseal_all(self._unsealer) if self._unsealer is not None else self._read_one()
            self.streams.deliver()
            if found is not None:
                return found
            while self._unsealer is not None and not self._turn():
                pass

    def _read_one(self) -> tuple[int, Message] | None:
        """Have paramiko open the next packet, and handle it unless it is paramiko's."""
        kind, message = super().read_message()
        payload = memoryview(bytes((kind,)) + message.asbytes())
        return (kind, message) if not self.streams.receive(payload) and self._fit(payload, message.seqno) else None

    def _unseal_all(self, unsealer: codec.Unsealer) -> tuple[int, Message] | None:
        """Open the packets that are there, and handle them up to the first that is paramiko's."""
        used = 0
        while (packet := self._inbox.packet()) is not None:
            if len(packet) > len(self._plain) - used:
                self.streams.deliver()
                used = 0
            payload = unsealer.unseal(packet, self._plain[used:])
            self._received += 1
            self._received_bytes += len(packet)
            if self.streams.receive(payload):
                used += len(packet)
                continue
            message = Message(bytes(payload[1:]))
            message.seqno = (self._received - 1) & 0xFFFFFFFF
            if self._fit(payload, message.seqno):
                return payload[0], message
        self._consider_rekeying()
        return None

    def _fit(self, payload: memoryview, number: int) -> bool:
        """Tell whether a message is one for paramiko; answer it if nobody knows its type."""
        if vet(payload, exchanging=self._exchanging, has_channel=self.has_channel):
            return True
        self.send_message(compose(cMSG_UNIMPLEMENTED, number))
        return False

    def _consider_rekeying(self) -> None:
        out, limit = self._outgoing, self.REKEY_BYTES
        worn = self._received_bytes > limit or out.bytes > limit or out.packets > self.REKEY_PACKETS
        if worn and not self.need_rekey() and not self._exchanging:
            self._trigger_rekey()

    # -- the loop

    def _turn(self) -> bool:
        """Send what waits, wait for sockets, serve them, and read what has come; whether that was anything."""
        if self._shut:
            raise EOFError
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + BEAT
            self._beat()
        if self._outgoing.size or self._watched != READ:  # another thread may have emptied the queue
            self._flush()
        if self.paused or self._exchanging or self._outgoing.size > FULL:
            self._pace()
        self._came = False
        self.loop.turn(self._next_beat - now)
        if self._outgoing.size:  # now, since the work on what came takes a while after a full read
            self._flush()
        return self._came

    def _flush(self) -> None:
        self._watch(READ | WRITE if self._outgoing.flush() else READ)

    def _beat(self) -> None:
        self.streams.tick()
        self.round_trip = min(self.round_trip, shortest(self._sock) or self.round_trip)
        if self.on_beat is not None:
            self.on_beat()

    def _watch(self, wanted: int) -> None:
        if wanted != self._watched:
            self.loop.watch(self._sock, self._watched, wanted, self._ready)
            self._watched = wanted

    def _ready(self, mask: int) -> None:
        if mask & READ:
            try:
                self._inbox.fill()
            except BlockingIOError:
                return
            self.heard = time.monotonic()
            self._came = True

    def _pace(self) -> None:
        """Take data from local sockets only while there is room for it."""
        paused = self._exchanging or self._outgoing.size > (ROOMY if self.paused else FULL)
        if paused != self.paused:
            self.paused = paused
            self.streams.watch()
