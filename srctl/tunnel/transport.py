"""paramiko's transport with the behaviour that tunnels need; this and channel.py lean on paramiko's internals.

Three things differ. Messages that arise on the transport thread during a key exchange wait in a queue instead of
blocking the only thread that can finish the exchange. Each message of a channel passes the channel's own check under
the lock that orders all sending. And silence is noticed: probes that want a reply are counted.
"""

import contextlib
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import paramiko
from paramiko.common import (
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_REQUEST_FAILURE,
    MSG_REQUEST_SUCCESS,
    MSG_SERVICE_ACCEPT,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    cMSG_CHANNEL_OPEN,
    cMSG_CHANNEL_OPEN_FAILURE,
    cMSG_CHANNEL_REQUEST,
    cMSG_GLOBAL_REQUEST,
    cMSG_REQUEST_FAILURE,
)
from paramiko.message import Message

from srctl.tunnel.ahead import ERRAND, Ahead, Opening
from srctl.tunnel.channel import Channel, Outlet
from srctl.tunnel.compose import compose
from srctl.tunnel.errors import REASONS, ChannelRefusedError, ConnectionLostError, plain
from srctl.tunnel.liveness import COUNT, INTERVAL, Liveness
from srctl.tunnel.packetizer import MOST_HELD, PumpingPacketizer

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # its errors are ours to report

WINDOW = 2 * 1024 * 1024
PACKET = 32768

if TYPE_CHECKING:

    class _Transport(paramiko.Transport):
        """What we use of paramiko's internals; its type stubs leave these out."""

        active: bool
        remote_version: str
        lock: threading.Lock
        sock: socket.socket
        saved_exception: Exception | None
        _channels: Any
        _preferred_keys: tuple[str, ...]
        _handler_table: dict[int, Callable[[Message], None]]
        _channel_handler_table: ClassVar[dict[int, Callable[[Any, Message], None]]]

        def _next_channel(self) -> int: ...
        def _send_message(self, data: Message) -> None: ...
        def _send_kex_init(self) -> None: ...
        def _parse_newkeys(self, m: Message) -> None: ...
        def _parse_channel_open_success(self, m: Message) -> None: ...

else:
    _Transport = paramiko.Transport


class Transport(_Transport):
    """The client end of an SSH connection. `ended` is set when it is over, whatever the reason."""

    packetizer: PumpingPacketizer
    _channel_handler_table: ClassVar[dict[int, Callable[[Any, Message], None]]] = {
        **_Transport._channel_handler_table,
        MSG_CHANNEL_DATA: Channel.receive,
        MSG_CHANNEL_EXTENDED_DATA: Channel.receive_extended,
    }

    def __init__(self, sock: Any) -> None:
        super().__init__(
            sock, default_window_size=WINDOW, default_max_packet_size=PACKET, packetizer_class=PumpingPacketizer
        )
        self.ended = threading.Event()
        self.host_key_algorithms: tuple[str, ...] = ()
        self._late: dict[int, Channel] = {}
        self.ahead = Ahead(self._request, self._forget)
        self.hurried = False
        """Whether a command has been started, or asked for."""
        self._errand: Channel | None = None
        self._held: deque[tuple[Channel | None, Message]] = deque()
        self._on_end: list[Callable[[], None]] = []
        self._liveness = Liveness(INTERVAL, COUNT, self._probe)
        self.packetizer.has_channel = self.channels_seen.__contains__
        self._handler_table[MSG_SERVICE_ACCEPT] = lambda _: None
        self._handler_table[MSG_REQUEST_SUCCESS] = self._handler_table[MSG_REQUEST_FAILURE] = self._parse_answer

    @property
    def host_key_types(self) -> tuple[str, ...]:
        """The host key algorithms that paramiko can check."""
        return tuple(self._preferred_keys)

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """The host key algorithms to ask for; certificates among them only where an authority is trusted."""
        return self.host_key_algorithms

    def is_active(self) -> bool:
        """Tell whether the connection is up; it is not from the moment that its end is known."""
        return bool(self.active) and self.saved_exception is None and not self.packetizer.closed

    def close(self) -> None:
        """End the connection, and wait for its thread; that one closes the socket."""
        self.packetizer.close()
        if self.is_alive() and threading.current_thread() is not self:
            self.join(2.0)

    def run(self) -> None:
        """Serve the connection until it ends."""
        try:
            super().run()
        finally:
            if not isinstance(self.saved_exception, paramiko.SSHException | EOFError | OSError | None):
                self.saved_exception = paramiko.SSHException("the server said something that makes no sense")
            self.packetizer.end(self.cause)
            self.ended.set()
            with self.lock:
                calls, self._on_end = self._on_end, []
            for call in calls:
                call()

    def when_ended(self, call: Callable[[], None]) -> None:
        """Have `call` run once, on whatever thread, when the connection is over; at once if it is already."""
        with self.lock:
            if not self.ended.is_set():
                self._on_end.append(call)
                return
        call()

    def forget(self, call: Callable[[], None]) -> None:
        """Take back what `when_ended` was given."""
        with self.lock:
            self._on_end = [other for other in self._on_end if other != call]

    def open(self, wish: Opening, timeout: float) -> Channel:
        """Open a channel. Raises `ChannelRefusedError` when the server refuses, `ConnectionLostError` without one."""
        channel, opened = self.ahead.take(wish) or self._request(wish)
        deadline = time.monotonic() + timeout
        while not opened.wait(0.5):
            if not self.is_active():
                break
            if time.monotonic() > deadline:
                self._late[channel.chanid] = channel
                raise ChannelRefusedError(f"The SSH server did not open a channel within {timeout:g} s")
        if channel.refusal is not None:
            raise self._refused(wish.kind, *channel.refusal)
        if not channel.active or channel.closed or not self.is_active():
            raise ConnectionLostError(f"The SSH connection is lost: {self.cause}")
        return channel

    def hurry(self) -> None:
        """Make sshd set TCP_NODELAY: it does so when it starts a command, and else holds small packets back 40 ms.

        Nothing waits for the outcome; a server that refuses commands stays as it is.
        """
        if not self.hurried:
            self.hurried = True
            self.packetizer.call(self._liveness.ask)
            self._errand, _ = self.ahead.take(ERRAND) or self._request(ERRAND)

    def _run_errand(self, channel: Channel) -> None:
        self.send_from(channel, compose(cMSG_CHANNEL_REQUEST, channel.remote_chanid, "exec", False, "true"))
        self.packetizer.answer_at_leisure()

    def _forget(self, channel: Channel) -> None:
        """Forget a channel of which the server knows nothing."""
        with self.lock:
            self._channels.delete(channel.chanid)
            self.channel_events.pop(channel.chanid, None)
            self.channels_seen.pop(channel.chanid, None)

    def _request(self, wish: Opening) -> tuple[Channel, threading.Event]:
        opened = threading.Event()
        with self.lock:
            channel = Channel(self._next_channel())
            channel.then = self._run_errand if wish.errand else None
            self._channels.put(channel.chanid, channel)
            self.channel_events[channel.chanid] = opened
            self.channels_seen[channel.chanid] = True
            channel._set_transport(Outlet(self, channel))
            channel._set_window(WINDOW, PACKET)
        try:
            self.send_from(None, compose(cMSG_CHANNEL_OPEN, wish.kind, channel.chanid, WINDOW, PACKET, wish.payload))
        except (EOFError, OSError, paramiko.SSHException) as error:
            raise ConnectionLostError(f"The SSH connection is lost: {self.cause}") from error
        return channel, opened

    def _refused(self, kind: str, code: int, text: str) -> ChannelRefusedError:
        word = REASONS.get(code, "failed")
        said = plain(text) or word
        return ChannelRefusedError(f"The SSH server refused a {kind} channel ({word}): {said}", reason=word)

    @property
    def cause(self) -> str:
        """Why the connection ended, in words."""
        error = self.saved_exception
        if error is None or isinstance(error, EOFError):
            return "the other end closed it"
        if isinstance(error, OSError):
            return plain(error.strerror or str(error))
        return plain(str(error))

    # -- sending, in order and around key exchanges

    def _send_user_message(self, data: Message) -> None:
        self.send_from(None, data)

    def send_from(self, channel: Channel | None, message: Message) -> None:
        """Send a message when no key exchange is under way; on the transport thread, queue it until then."""
        if threading.current_thread() is self:
            if self.clear_to_send.is_set():
                with self.clear_to_send_lock:
                    self._put(channel, message)
            elif len(self._held) > MOST_HELD:
                raise paramiko.SSHException("too much is asked for during a key exchange")
            else:
                self._held.append((channel, message))
            return
        deadline = time.monotonic() + self.clear_to_send_timeout
        while self.is_active():
            if not self.packetizer.wait_for_room(0.5):
                continue
            if self.clear_to_send.wait(0.5):
                with self.clear_to_send_lock:
                    if self.clear_to_send.is_set():
                        self._put(channel, message)
                        return
            elif time.monotonic() > deadline:
                raise paramiko.SSHException("the key exchange does not end")

    def _put(self, channel: Channel | None, message: Message) -> None:
        if channel is None or channel.admits(message.packet.getbuffer()[0]):
            self._send_message(message)

    def _send_kex_init(self) -> None:
        self.packetizer.begin_exchange()
        super()._send_kex_init()

    def _parse_newkeys(self, m: Message) -> None:
        super()._parse_newkeys(m)
        self.packetizer.end_exchange()
        while self._held:
            self.send_from(*self._held.popleft())

    # -- what the server says

    def _parse_channel_open_success(self, m: Message) -> None:
        number = int.from_bytes(m.asbytes()[:4], "big")
        super()._parse_channel_open_success(m)
        late = self._late.pop(number, None)
        if late is not None:
            late.close()
        channel = self._channels.get(number)
        if channel is not None and channel.then is not None:
            channel.then(channel)

    def _parse_channel_open_failure(self, m: Message) -> None:
        """Note the refusal on the channel itself: paramiko keeps one place for all, and drops the text."""
        number, code, text = m.get_int(), m.get_int(), m.get_string().decode("utf-8", "replace")
        with self.lock:
            channel = self._channels.get(number)
            if channel is not None:
                channel.refusal = (code, text)
                self._channels.delete(number)
            opened = self.channel_events.pop(number, None)
        if opened is not None:
            opened.set()

    def _parse_disconnect(self, m: Message) -> None:
        """Note why the server hangs up."""
        m.get_int()
        self.saved_exception = paramiko.SSHException(plain(m.get_string()) or "the server hung up")

    def _parse_channel_open(self, m: Message) -> None:
        """Refuse every channel that the server wants to open."""
        m.get_string()
        why = (OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED, "no channels this way", "")
        self.send_from(None, compose(cMSG_CHANNEL_OPEN_FAILURE, m.get_int(), *why))

    def _parse_global_request(self, m: Message) -> None:
        """Refuse what the server asks for; a reply keeps its ClientAlive satisfied."""
        m.get_string()
        if m.get_boolean():
            self.send_from(None, compose(cMSG_REQUEST_FAILURE))

    # -- noticing silence

    def watch(self, interval: float, count: int) -> None:
        """Probe after `interval` seconds of silence; end the connection when `count` probes stay unanswered."""
        self._liveness = Liveness(interval, count, self._probe)
        with contextlib.suppress(AttributeError, OSError):  # Linux has it; for what is sent and not acknowledged
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int((interval * count + 1) * 1000))
        self.packetizer.on_beat = lambda: self._liveness.beat(self.packetizer.heard)

    def _probe(self) -> None:
        """Send a request that wants a reply, unless keys are being exchanged."""
        if self.clear_to_send.is_set():
            self.send_from(None, compose(cMSG_GLOBAL_REQUEST, "keepalive@openssh.com", True))

    def _parse_answer(self, _: Message) -> None:
        """Learn the round trip; probes are the only global requests that we make."""
        round_trip = self._liveness.answered()
        if round_trip is not None:
            self.packetizer.round_trip = min(round_trip, self.packetizer.round_trip)
