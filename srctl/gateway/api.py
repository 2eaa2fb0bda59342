"""The `api` channel: one JSON object a line, requests done one after another, until the client closes it.

Both ends say first what they speak. A channel that streams (a log that is followed, events) is used for that alone.
When the client is gone, what is being done for it is given up: a start is undone, a stream ends.
"""

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from srctl import pieces
from srctl.calls import CALLS, LONGEST_LINE, PROTOCOL
from srctl.errands import Errand
from srctl.errors import SrctlError, UnsupportedError, UsageError
from srctl.gateway.desk import Desk, Hooks, prepare
from srctl.gateway.stream import ClientGoneError, Lines, Writer
from srctl.models import Progress, Usage
from srctl.wire import dump_error

GRACE = 60.0
"""Seconds to give up what is being done for a client who is gone."""

EVENTS, OPENED = ("session.events", "session.changes"), "opened"
"""What happened before such a stream is there, it does not tell; so the client hears from when on it does."""

_GREATEST_ID = 2**53


class Api:
    """One `api` channel."""

    def __init__(self, desk: Desk, reading: int, writing: int, crashed: Callable[[Exception], SrctlError]) -> None:
        """Serve on two descriptors; `crashed` makes the error for a failure that nobody foresaw."""
        self._desk = desk
        self._writer = Writer(writing)
        self._crashed = crashed
        self._gone = threading.Event()
        self._errand = Errand()
        self._streaming = False
        self._lines = Lines(reading, LONGEST_LINE, self._end)

    def serve(self) -> int:
        """Serve until the end; return the exit code."""
        try:
            person = self._desk.person()
            who = {"user": person.name, "admin": person.admin, "realm": self._desk.realm}
            self._say({"srctl": version("srctl"), "protocol": PROTOCOL, **who})
            threading.Thread(target=prepare, name="srctl-prepare", daemon=True).start()
            lines = iter(self._lines)
            _check_greeting(next(lines, b""))
            for line in lines:
                self._answer(line)
        except SrctlError as error:
            self._desk.broken(error)
            with contextlib.suppress(ClientGoneError):
                self._say({"error": dump_error(error)})
            return error.exit_code
        except ClientGoneError:
            return 1
        finally:
            self._desk.leave()  # also where nobody has read the answer
        return 0

    def _answer(self, line: bytes) -> None:
        """Do one request. Raises the `SrctlError` that ends the channel, and `ClientGoneError`."""
        request = _parsed(line)
        number, name = request["id"], request["call"]
        self._errand = errand = Errand(lambda progress: self._tell(number, progress), "The client is gone")
        if self._gone.is_set():
            errand.give_up()
        try:
            call = CALLS.get(name) if isinstance(name, str) else None
            self._streaming = call is not None and call.streams
            result = self._desk.perform(name, request.get("with", {}), Hooks(errand, errand.clock))
            if name in EVENTS:
                self._say({"id": number, "data": OPENED})
            if self._streaming:
                self._stream(number, result)
                result = None
            said: dict[str, Any] = {"id": number, "result": result}
        except SrctlError as error:
            said = {"id": number, "error": dump_error(error)}
        except ClientGoneError:
            raise
        except Exception as error:
            said = {"id": number, "error": dump_error(self._crashed(error))}
        self._streaming = False
        self._say(said)
        self._desk.leave()

    def _stream(self, number: int, stream: Iterable[bytes | str | Usage]) -> None:
        for piece in stream:
            self._say({"id": number, "data": pieces.dump(piece)})

    def _tell(self, number: int, progress: Progress) -> None:
        self._say({"id": number, "progress": asdict(progress)})

    def _say(self, said: dict[str, Any]) -> None:
        self._writer.write(json.dumps(said).encode() + b"\n")

    def _end(self) -> None:
        """Let nothing outlive the client; called by the thread that reads."""
        self._gone.set()
        self._errand.give_up()
        if self._streaming:  # it may wait for the engine for ever
            os._exit(0)
        watchdog = threading.Timer(GRACE, os._exit, (1,))
        watchdog.daemon = True
        watchdog.start()


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError("A line is not JSON") from error
    if not isinstance(request, dict):
        raise UsageError("A request is a JSON object")
    number = request.get("id")
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < _GREATEST_ID:
        raise UsageError("A request needs an id, a number")
    unknown = set(request) - {"id", "call", "with"}
    if unknown or "call" not in request:
        raise UsageError("A request has an id, a call and its arguments (with), and nothing else")
    return request


def _check_greeting(line: bytes) -> None:
    try:
        spoken = json.loads(line)["protocol"]
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise UsageError("The first line must say which protocol is spoken") from error
    if spoken != PROTOCOL:
        raise UnsupportedError(
            f"This gateway speaks protocol {PROTOCOL}, you speak {str(spoken)[:20]}",
            f"It has srctl {version('srctl')}; use one that speaks the same",
        )
