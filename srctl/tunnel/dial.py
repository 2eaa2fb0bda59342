"""Opens the byte stream that an SSH connection runs over: a TCP socket or a ProxyCommand.

Everything ends by a deadline, name look-ups included: they run in a thread of their own, since the system gives them
no time-out. The command of a ProxyCommand is waited for when its stream closes, so it leaves no zombie.
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import IO

from srctl.errors import UnreachableError
from srctl.tunnel.errors import HungUpError, plain
from srctl.tunnel.settings import Settings

_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
_LONGEST_SILENCE = 20_000
"""Milliseconds that sent data may stay unacknowledged (TCP_USER_TIMEOUT)."""


GREETING = b"SSH-2.0-srctl\r\n"
"""What a client says first (RFC 4253, section 4.2). It waits for nothing, so it is said before paramiko is there."""


def greet(stream: socket.socket) -> None:
    """Say who we are; that nobody listens is found out by whoever waits for the answer."""
    with contextlib.suppress(OSError):
        stream.sendall(GREETING)


class Dialled:
    """A TCP connection being opened in a thread, so that the caller can import libraries meanwhile."""

    def __init__(self, settings: Settings, deadline: float) -> None:
        self._settings = settings
        self._deadline = deadline
        self._socket: socket.socket | None = None
        self._error: OSError | None = None
        self._lock = threading.Lock()
        self._abandoned = False
        self._done = threading.Event()
        threading.Thread(target=self._run, name="srctl-dial", daemon=True).start()

    def result(self) -> socket.socket:
        """Return the connected socket. Raises `UnreachableError`, at the deadline at the latest."""
        if not self._done.wait(max(0.0, self._deadline - time.monotonic()) + 0.2):
            with self._lock:
                self._abandoned = True
        if self._socket is None:
            raise _unreachable(self._settings, self._error)
        return self._socket

    def _run(self) -> None:
        try:
            opened = _connect(self._settings, self._deadline)
        except OSError as error:
            self._error = error
        else:
            with self._lock:
                if self._abandoned:
                    opened.close()
                else:
                    self._socket = opened
        self._done.set()


def _connect(settings: Settings, deadline: float) -> socket.socket:
    family = _FAMILIES.get(settings.address_family, socket.AF_UNSPEC)
    found = socket.getaddrinfo(settings.hostname, settings.port, family, socket.SOCK_STREAM)
    failure: OSError = OSError("no address")
    for position, (family, kind, protocol, _, address) in enumerate(found):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        candidate = socket.socket(family, kind, protocol)
        candidate.settimeout(left / (len(found) - position))
        try:
            if settings.bind_address:
                candidate.bind((settings.bind_address, 0))
            candidate.connect(address)
        except OSError as error:
            candidate.close()
            failure = error
            continue
        _tune(candidate)
        greet(candidate)
        return candidate
    raise failure


def _tune(opened: socket.socket) -> None:
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _LONGEST_SILENCE)


def _unreachable(settings: Settings, error: OSError | None) -> UnreachableError:
    place = f"{settings.hostname}, port {settings.port},"
    if isinstance(error, socket.gaierror):
        return UnreachableError(
            f"The host name {settings.hostname} cannot be resolved: {error.strerror}",
            f"Check the spelling, or give {settings.alias} a HostName in ~/.ssh/config",
        )
    if isinstance(error, ConnectionRefusedError):
        return UnreachableError(f"{place} refuses connections", "Is an SSH server running there, on this port?")
    if isinstance(error, ConnectionResetError):  # it hung up before we knew that it had answered
        return HungUpError(f"{place} hung up", "Is it an SSH server, and not overloaded?")
    if error is None or isinstance(error, TimeoutError):
        return UnreachableError(f"{place} does not answer", "Is the host up, and does a firewall let SSH through?")
    return UnreachableError(f"{place} cannot be reached: {error.strerror or error}", "Check the network")


class ProxyCommand:
    """The stream of a ProxyCommand: `socket` is our end, `close` ends the command and waits for it."""

    def __init__(self, command: str, *, relay: bool = os.name == "nt") -> None:
        """Start `command` in a shell; `relay` copies through pipes where a process cannot inherit a socket."""
        self.command = command
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self.socket, theirs = socket.socketpair()
        try:
            if relay:
                self._process = _start(command, subprocess.PIPE, subprocess.PIPE, self._errors)
                _relay(self._process, theirs)
            else:
                self._process = _start(command, theirs.fileno(), theirs.fileno(), self._errors)
                theirs.close()
        except OSError as error:
            theirs.close()
            self.socket.close()
            self._errors.close()
            raise UnreachableError(f"The ProxyCommand cannot be started: {plain(str(error))}") from error

    @property
    def pid(self) -> int:
        """The process id of the command."""
        return self._process.pid

    def explain(self) -> str:
        """Return the last line that the command wrote to its error output."""
        self._errors.seek(0)
        lines = self._errors.read()[-2000:].splitlines()
        return plain(lines[-1]) if lines else ""

    def close(self) -> None:
        """Close the stream, end the command and wait for it."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for end in (None, self._process.terminate, self._process.kill):
            if end is not None:
                end()
            try:
                self._process.wait(timeout=1.0)
                break
            except subprocess.TimeoutExpired:
                continue
        self._errors.close()


def _start(command: str, stdin: int, stdout: int, stderr: IO[bytes]) -> subprocess.Popen[bytes]:
    if os.name == "nt":
        return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, bufsize=0)
    shell = os.environ.get("SHELL") or "/bin/sh"
    # ssh(1) does the same: the person wrote this command for a shell; our part of it, the tokens, holds no shell syntax
    arguments = [shell, "-c", f"exec {command}"]
    return subprocess.Popen(arguments, stdin=stdin, stdout=stdout, stderr=stderr, bufsize=0)


def _relay(process: subprocess.Popen[bytes], ours: socket.socket) -> None:
    ours.settimeout(None)
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise OSError("the command has no pipes")

    def upwards() -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := ours.recv(65536):
                stdin.write(data)
        with contextlib.suppress(OSError):
            stdin.close()

    def downwards() -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(stdout.fileno(), 65536):
                ours.sendall(data)
        with contextlib.suppress(OSError):
            ours.shutdown(socket.SHUT_RDWR)
        ours.close()
        stdout.close()

    copies: tuple[Callable[[], None], ...] = (upwards, downwards)
    for copy in copies:
        threading.Thread(target=copy, name="srctl-proxy-command", daemon=True).start()
