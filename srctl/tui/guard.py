"""The process that waits for the screen's, so that even one that is killed leaves a sane terminal.

It is split off before Textual is loaded, so it is small and costs a millisecond. Signals go on to the screen's process;
it ends as that does, by the same exit code or the same signal. Should it be killed itself, the screen ends.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import NoReturn

RESET = b"".join(
    b"\x1b[" + each
    for each in (
        *(b"?1000l", b"?1002l", b"?1003l", b"?1006l", b"?1015l"),  # the mouse
        *(b"?1004l", b"?2004l", b"?2026l", b"?2048l", b"<u"),  # focus, pasting, drawing at once, sizes, keys
        *(b"?1049l", b"?7h", b"?25h", b"0m"),  # the other screen, wrapping, the cursor, colours
    )
)
"""Takes back all that the screen asks of a terminal."""

KEYS = {signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP} if sys.platform != "win32" else set()
"""Signals that keys send too. They go on only where it can be told who has sent one."""

lifeline: int | None = None
"""Can be read from once nobody waits for this process any more; `None` where nobody ever did."""


def split() -> None:
    """Go on in a process of its own, where that can be; the one that called waits for its end and never returns."""
    global lifeline
    if sys.platform == "win32" or threading.active_count() > 1 or not (os.isatty(0) and os.isatty(1)):
        return
    import termios

    modes = termios.tcgetattr(0)
    lifeline, held = os.pipe()
    signal.signal(signal.SIGCHLD, lambda *_: None)  # what is ignored may not be waited for
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _heard())
    child = os.fork()
    if child == 0:
        os.close(held)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return
    os.close(lifeline)
    ended = _end_of(child)
    if os.WIFSIGNALED(ended):
        with suppress(termios.error):
            termios.tcsetattr(0, termios.TCSANOW, modes)
            termios.tcflush(0, termios.TCIFLUSH)
        with suppress(OSError):
            os.write(1, RESET)
    _end_so(ended)


def _heard() -> set[signal.Signals]:
    """Return the signals that go on."""
    always = {signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP}
    return always | KEYS if hasattr(signal, "sigwaitinfo") else always


def _end_of(child: int) -> int:
    """Return how the child has ended; what comes for it meanwhile goes on to it."""
    for number in _signals():
        if number != signal.SIGCHLD:
            os.kill(child, number)
            continue
        found, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
        if not found:
            continue
        if os.WIFSTOPPED(status):  # and so does this process, for the shell to see it
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            return status
    raise AssertionError("signals never end")


def _signals() -> Iterator[int]:
    """Yield signals as they come, but for those of keys: a terminal sends them to both processes."""
    heard = _heard()
    while True:
        if hasattr(signal, "sigwaitinfo"):
            info = signal.sigwaitinfo(heard)
            if info.si_signo not in KEYS or info.si_pid:
                yield info.si_signo
        else:
            yield signal.sigwait(heard)


def _end_so(status: int) -> NoReturn:
    if os.WIFSIGNALED(status):
        import resource

        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # one of the screen's is enough
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
