"""A tunnel in a process of its own: how it is started, and what the two processes say to each other until it is up.

The parent hands over the listening socket, and the plan through a pipe. The child logs in by itself; what it must ask
a person it asks through the parent, until it has said that it is ready. After that nobody can be asked, and the child
outlives its parent, the terminal and Ctrl-C there. Messages are lines of JSON; secrets are never in the arguments.
"""

import atexit
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from queue import SimpleQueue
from typing import IO, Any

from srctl.clock import Closing, unhindered
from srctl.errors import SrctlError
from srctl.models import TunnelPlan
from srctl.tunnel.plain import from_plain, to_plain
from srctl.tunnel.prompter import Prompter

MODULE = "srctl.holder"
"""What the child runs."""

_LONGEST = 1 << 20
_STARTED: list[subprocess.Popen[bytes]] = []
"""Children of this process, which may outlive it."""


@atexit.register
def _let_go() -> None:
    """Tell the standard library that children still running are no mistake."""
    for child in _STARTED:
        child.returncode = child.poll() or 0


class Child:
    """A process that will hold a tunnel. It is started as early as that: it imports while its order is not known."""

    def __init__(self) -> None:
        # without -P the working directory would be searched for modules
        command = [sys.executable, "-P", "-m", MODULE]
        self._ours: socket.socket | None = None
        handed: dict[str, Any] = {}
        theirs = None
        if sys.platform == "win32":
            handed["creationflags"] = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        else:
            self._ours, theirs = socket.socketpair()
            command.append(str(theirs.fileno()))
            handed |= {"pass_fds": (theirs.fileno(),), "start_new_session": True}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, **handed)
        _STARTED[:] = [each for each in _STARTED if each.poll() is None] + [self._process]
        if theirs is not None:
            theirs.close()
        self._given = False

    def hold(
        self,
        plan: TunnelPlan,
        listener: socket.socket,
        prompter: Prompter | None,
        *,
        locate: bool = False,
        closing: Closing = unhindered,
    ) -> None:
        """Have it hold the tunnel, and wait until that is up; the listener is closed here.

        `locate` has it ask the engine first where the session is. Raises the error that it met.
        """
        order = {"plan": to_plain(asdict(plan)), "interactive": prompter is not None, "locate": locate}
        try:
            with closing(self._process.kill):
                _converse(self._process, order | {"listener": self._hand_over(listener)}, prompter)
                self._given = True
        finally:
            listener.close()
            self.discard()

    def _hand_over(self, listener: socket.socket) -> str | None:
        if sys.platform == "win32":
            return base64.b64encode(listener.share(self._process.pid)).decode()
        assert self._ours is not None  # noqa: S101 - made above
        with suppress(OSError):  # that it is gone is noticed next
            socket.send_fds(self._ours, [b"x"], [listener.fileno()])
        return None

    def discard(self) -> None:
        """Let go of it; one that holds no tunnel ends."""
        if not self._given:
            self._process.kill()
            self._process.wait()
        for end in (self._process.stdin, self._process.stdout, self._ours):
            with suppress(OSError):
                if end is not None:
                    end.close()


def _converse(child: subprocess.Popen[bytes], order: dict[str, Any], prompter: Prompter | None) -> None:
    """Give the order and answer questions until the child is ready."""
    assert child.stdin is not None  # noqa: S101 - both were asked for
    assert child.stdout is not None  # noqa: S101
    try:
        _say(child.stdin, order)
        while line := child.stdout.readline(_LONGEST):
            message = json.loads(line)
            if "ready" in message:
                return
            if "error" in message:
                raise _told(message["error"])
            _say(child.stdin, {"answer": _answer(message, prompter)})
    except OSError:
        pass  # it is gone
    raise SrctlError(f"The tunnel's process ended before the tunnel was up (exit code {child.wait(5)})")


def _answer(message: dict[str, Any], prompter: Prompter | None) -> Any:
    if prompter is None:
        return None
    if "confirm" in message:
        return prompter.confirm(str(message["confirm"]))
    return prompter.secret(str(message["secret"]))


def _told(error: dict[str, Any]) -> SrctlError:
    """Return the error that the child met as one of this process, with the same code."""
    told = SrctlError(str(error["message"]), str(error["hint"]))
    told.exit_code, told.code = int(error["exit_code"]), str(error["code"])
    return told


def _say(pipe: IO[bytes], message: dict[str, Any]) -> None:
    pipe.write(json.dumps(message).encode() + b"\n")
    pipe.flush()


class Parent:
    """The child's side: the order, and the person whom the parent asks for it. Gone, it takes the child along."""

    def __init__(self) -> None:
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._ready = False
        threading.Thread(target=self._read, name="srctl-parent", daemon=True).start()
        order = json.loads(self._lines.get())
        self.plan = from_plain(TunnelPlan, order["plan"])
        self.listener = _taken(order["listener"])
        self.interactive = bool(order["interactive"])
        self.locate = bool(order["locate"])

    def confirm(self, text: str) -> bool:
        """Have the parent ask a question whose answer is yes or no."""
        return self._ask({"confirm": text}) is True

    def secret(self, text: str) -> str | None:
        """Have the parent ask for a secret."""
        answer = self._ask({"secret": text})
        return answer if isinstance(answer, str) else None

    def ready(self) -> None:
        """Say that the tunnel is up, and let go of the parent and of its terminal."""
        self._ready = True
        with suppress(OSError):
            _say(sys.stdout.buffer, {"ready": True})
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        os.close(null)

    def failed(self, error: SrctlError) -> None:
        """Tell why there will be no tunnel."""
        said = {"message": error.message, "hint": error.hint, "exit_code": error.exit_code, "code": error.code}
        with suppress(OSError):
            _say(sys.stdout.buffer, {"error": said})

    def _ask(self, question: dict[str, str]) -> Any:
        _say(sys.stdout.buffer, question)
        return json.loads(self._lines.get()).get("answer")

    def _read(self) -> None:
        with os.fdopen(os.dup(0), "rb") as pipe:
            while line := pipe.readline(_LONGEST):
                self._lines.put(line)
        if not self._ready:
            os._exit(1)


def _taken(handed: str | None) -> socket.socket:
    if sys.platform == "win32":
        return socket.fromshare(base64.b64decode(handed or ""))
    with socket.socket(fileno=int(sys.argv[1])) as parent:
        _, descriptors, _, _ = socket.recv_fds(parent, 1, 1)
    return socket.socket(fileno=descriptors[0])


def outlive_terminal(end: Callable[[], None]) -> None:
    """Ignore what a terminal does when it closes, and have `end` called when this process is told to end."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end())
