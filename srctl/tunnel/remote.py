"""The api of a gateway: requests, progress and streams on channels of one SSH connection.

A channel serves one request at a time. One that is free is kept for the next request; whoever finds none free opens
another, so a slow request holds up nobody. Closing a channel ends what is done there, which is how a request is taken
back. What calls mean is not known here; what a server says is checked as far as the protocol goes.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from srctl.clock import Closing, unhindered
from srctl.errors import SrctlError, UnreachableError, UnsupportedError
from srctl.models import Progress
from srctl.tunnel.connection import SSHConnection
from srctl.tunnel.errors import ChannelRefusedError, plain
from srctl.tunnel.lines import Lines
from srctl.tunnel.plain import from_plain

COMMAND = "api"
"""What is asked of the far end's one program."""

GREETING = 30.0
"""Seconds until a gateway has said who it is."""

PATIENCE = 60.0
"""Seconds of silence that are borne while a request is done."""

MOST_FREE = 2
"""Channels that are kept for requests to come."""

Tell = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Speech:
    """What this end speaks, and how it reads errors."""

    version: str
    protocol: int
    read_error: Callable[[Any], SrctlError]


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a gateway said first: its version, and whom it takes us for."""

    version: str
    user: str
    admin: bool
    realm: str | None = None


class Remote:
    """A gateway on `link`, which is made again after a loss; `name` is what people call it. For any thread."""

    def __init__(self, link: SSHConnection, speech: Speech, name: str) -> None:
        self.link = link
        self._speech = speech
        self._name = name
        self._lock = threading.Lock()
        self._free: list[Conversation] = []
        self._greeting: Greeting | None = None

    def greet(self) -> Greeting:
        """Return what the gateway says of itself and of us. Raises `UnreachableError` and `UnsupportedError`."""
        if self._greeting is None:
            self._put_back(self._taken())
        return cast("Greeting", self._greeting)

    def request(
        self,
        call: str,
        arguments: Mapping[str, Any],
        tell: Tell | None = None,
        patience: float = PATIENCE,
        closing: Closing = unhindered,
    ) -> Any:
        """Have a call done and return its result, unchecked; `tell` hears of progress.

        Raises what the gateway answers, `UnreachableError` for silence or nonsense, and `ConnectionLostError`.
        """
        conversation = self._taken()
        try:
            with closing(conversation.close):
                return conversation.request(call, arguments, tell, patience)
        finally:
            self._put_back(conversation)

    def stream(self, call: str, arguments: Mapping[str, Any]) -> "Pieces":
        """Have a call done that gives pieces as they come."""
        conversation = self._taken()
        try:
            return conversation.stream(call, arguments)
        except BaseException:
            conversation.close()
            raise

    def permits(self, address: str, port: int) -> bool:
        """Tell whether this login may forward there, which is found out by trying."""
        try:
            self.link.open_tcp(address, port).close()
        except ChannelRefusedError as error:
            return error.reason != "prohibited"
        return True

    def close(self) -> None:
        """End the SSH connection and all that is done there."""
        with self._lock:
            self._free = []
        self.link.close()

    def _taken(self) -> "Conversation":
        """Return a channel that nobody uses; those that ended meanwhile are dropped."""
        with self._lock:
            while self._free:
                conversation = self._free.pop()
                if conversation.idle:
                    return conversation
                conversation.close()
        self.link.reconnect()
        opened = Conversation(self.link, self._speech, self._name)
        self._greeting = opened.greeting
        return opened

    def _put_back(self, conversation: "Conversation") -> None:
        with self._lock:
            if conversation.idle and len(self._free) < MOST_FREE:
                self._free.append(conversation)
                return
        conversation.close()


class Conversation:
    """One channel to a gateway, which has greeted."""

    def __init__(self, link: SSHConnection, speech: Speech, name: str) -> None:
        """Open it. Raises `UnreachableError` where no gateway is, `UnsupportedError` for one of another age."""
        self._speech = speech
        self._last = 0
        self._busy = False
        try:
            channel = link.exec(COMMAND)
        except ChannelRefusedError as error:
            if error.reason == "prohibited":
                raise _no_gateway(f"{link}", error.message) from error
            raise
        self._lines = Lines(channel, f"the gateway {name}")
        try:
            self._lines.say({"srctl": speech.version, "protocol": speech.protocol}, GREETING)
            self.greeting = self._greeted(link, name)
        except BaseException:
            self.close()
            raise

    @property
    def idle(self) -> bool:
        """Whether a request can be made here."""
        return not self._busy and self._lines.idle

    def close(self) -> None:
        """End it, from any thread, and what is being done."""
        self._lines.close()

    def request(self, call: str, arguments: Mapping[str, Any], tell: Tell | None, patience: float) -> Any:
        """Have one call done, as `Remote.request`."""
        self._ask(call, arguments)
        while True:
            kind, value = self._answer(patience)
            if kind == "result":
                self._busy = False
                return value
            if kind != "progress":
                raise self._lines.nonsense("a piece of what is no stream")
            if tell is not None:
                tell(value)

    def stream(self, call: str, arguments: Mapping[str, Any]) -> "Pieces":
        """Have one call done that gives pieces; the channel serves nothing else then."""
        self._ask(call, arguments)
        return Pieces(self)

    def piece(self) -> str | None:
        """Wait for the next piece of a stream, `None` at its end."""
        kind, value = self._answer(None)
        if kind == "progress" or (kind == "data" and not isinstance(value, str)):
            raise self._lines.nonsense("a piece that is none")
        return value if kind == "data" else None

    def _ask(self, call: str, arguments: Mapping[str, Any]) -> None:
        self._last += 1
        self._busy = True
        self._lines.say({"id": self._last, "call": call, "with": dict(arguments)}, PATIENCE)

    def _answer(self, patience: float | None) -> tuple[str, Any]:
        """Wait for one message about the request; an error is raised."""
        said = self._lines.hear(patience)
        if said is None:
            raise self._lines.lost()
        if set(said) == {"error"}:  # the last word: it hangs up
            raise self._speech.read_error(said["error"])
        number = said.pop("id", None)
        if type(number) is not int or number != self._last or len(said) != 1:
            raise self._lines.nonsense("an answer to what was not asked")
        [(kind, value)] = said.items()
        if kind == "error":
            self._busy = False
            raise self._speech.read_error(value)
        if kind == "progress":
            value = self._progress(value)
        elif kind not in ("result", "data"):
            raise self._lines.nonsense("an answer of no kind")
        return kind, value

    def _progress(self, said: Any) -> Progress:
        try:
            return from_plain(Progress, said)
        except (TypeError, ValueError) as error:
            raise self._lines.nonsense("progress that is none") from error

    def _greeted(self, link: SSHConnection, name: str) -> Greeting:
        place = str(link)
        try:
            said = self._lines.hear(GREETING)
        except UnreachableError as error:
            if not link.alive:
                raise
            raise _no_gateway(place, self._lines.rest() or error.message) from error
        if said is None and not link.alive:
            raise self._lines.lost()
        if said is None:
            raise _no_gateway(place, self._lines.complaint() or "it hung up without a word")
        if "error" in said:
            raise self._speech.read_error(said["error"])
        version, protocol, user, admin = (said.get(key) for key in ("srctl", "protocol", "user", "admin"))
        if not isinstance(version, str) or type(protocol) is not int:
            raise _no_gateway(place, "its first words are another program's")
        if protocol != self._speech.protocol:
            raise self._age(name, plain(version, 40), protocol)
        if not isinstance(user, str) or not isinstance(admin, bool):
            raise self._lines.nonsense("no name for you")
        realm = said.get("realm")
        return Greeting(plain(version, 40), plain(user, 64), admin, realm if isinstance(realm, str) else None)

    def _age(self, name: str, version: str, protocol: int) -> UnsupportedError:
        ours = self._speech
        where = "this machine" if protocol > ours.protocol else f"the gateway {name}"
        return UnsupportedError(
            f"The gateway {name} (srctl {version}) and this srctl ({ours.version}) do not understand each other: "
            f"they speak protocol {protocol} and {ours.protocol}",
            f"Upgrade srctl on {where}",
        )


class Pieces:
    """What a stream brings, until its end or until it is closed, by whatever thread."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._over = False

    def __iter__(self) -> Iterator[str]:
        """Return itself."""
        return self

    def __next__(self) -> str:
        """Wait for the next piece. Raises what the gateway answers, and `UnreachableError`."""
        if self._over:
            raise StopIteration
        try:
            piece = self._conversation.piece()
        except BaseException:
            self.close()
            raise
        if piece is None:
            self.close()
            raise StopIteration
        return piece

    def close(self) -> None:
        """End it; whoever waits for it sees a failure."""
        self._over = True
        self._conversation.close()


def _no_gateway(place: str, why: str) -> UnreachableError:
    return UnreachableError(
        f"There is no srctl gateway at {place}: {plain(why, 200)}",
        "Check the account in the address; a Docker host without a gateway is reached by ssh://",
    )
