"""A host, and the thread that asks it for everything that is shown: however slow it is, it delays no other.

What a person asks for runs on a thread of its own, so that a start that takes its time delays no list. A host that is
lost is tried again, and nobody is asked for passwords meanwhile: that happens only when the person wants it.
"""

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from functools import partial
from queue import SimpleQueue
from typing import Any

from textual.message import Message

from srctl.context import Context
from srctl.crash import report
from srctl.errands import Errand
from srctl.errors import SrctlError
from srctl.models import Progress
from srctl.news import News
from srctl.tui.lending import Lent
from srctl.tui.messages import ApplicationsListed, Ended, HostLost, ImagesListed, Progressed, SessionsListed
from srctl.tui.work import Work

PAUSES = (2.0, 5.0, 10.0, 30.0)
"""Seconds before a host that was lost is tried again, growing while it stays away."""

Make = Callable[[bool], Context]
"""Makes the context of the host; the argument tells whether the person may be asked."""


class HostThread:
    """Asks one host, and posts what it says. Nothing is connected to before `look`."""

    def __init__(self, name: str, make: Make, post: Callable[[Message], object]) -> None:
        self.name = name
        self.busy_since: float | None = None
        """Since when it has been waited for, in seconds of `time.monotonic`; `None` while it is not."""
        self._make = make
        self._post = post
        self._jobs: SimpleQueue[tuple[str, Callable[[], None]] | None] = SimpleQueue()
        self._waiting: set[str] = set()
        self._lock = threading.Lock()
        self._lent: Lent | None = None
        self._error: SrctlError | None = None
        self._news: News | None = None
        self._asking = True
        self._failures = 0
        self._closed = False
        threading.Thread(target=self._run, name=f"srctl-host-{name}", daemon=True).start()

    def look(self) -> None:
        """List the sessions, soon; any number of wishes before that are one."""
        self._put("look", self._look)

    def offer(self) -> None:
        """List what the person may start."""
        self._put("offer", self._offer)

    def list_images(self) -> None:
        """List the images of the host."""
        self._put("images", self._list_images)

    def again(self) -> None:
        """Try a host that is lost at once; the person may be asked."""
        self._put("again", self._again)

    def do(self, work: Work[Any], context: Context | None = None) -> None:
        """Do work on a thread of its own, with this host's context unless there is another one."""

        def tell(progress: Progress) -> None:
            work.hear(progress)
            if not work.news:  # else what is about to be shown has it already
                work.news = True
                self._post(Progressed(work))

        work.errand = Errand(tell)
        lent = None if context is not None or self._lent is None else self._lent.take()
        threading.Thread(target=self._do, args=(work, context, lent), name="srctl-work", daemon=True).start()

    def close(self) -> None:
        """Ask for nothing more, and wait for nobody."""
        self._closed = True
        self._jobs.put(None)

    def _put(self, name: str, job: Callable[[], None]) -> None:
        with self._lock:
            if name in self._waiting:
                return
            self._waiting.add(name)
        self._jobs.put((name, job))

    def _run(self) -> None:
        while (found := self._jobs.get()) is not None:
            name, job = found
            with self._lock:
                self._waiting.discard(name)
            self.busy_since = time.monotonic()
            try:
                job()
            except SrctlError as error:
                self._lose(error)
            except Exception as error:  # the edge of the screen: it stays, whatever happens behind it
                self._lose(report(error))
            finally:
                self.busy_since = None
        self._drop()

    @property
    def _context(self) -> Context:
        if self._lent is None:
            self._lent = Lent(self._make(self._asking))
        return self._lent.context

    def _look(self) -> None:
        context = self._context
        sessions = context.sessions
        found = sessions.find(stopped=True)
        self._error, self._failures = None, 0
        self._post(SessionsListed(self.name, sessions.user, found, context.parts.admin))
        if self._news is None:
            self._news = context.news(self.look, lambda error: self._put("lose", partial(self._lose, error, context)))

    def _offer(self) -> None:
        if self._lent is None:
            self._look()
        try:
            self._post(ApplicationsListed(self.name, self._context.sessions.available()))
        except SrctlError as error:
            self._post(ApplicationsListed(self.name, (), error))

    def _list_images(self) -> None:
        if self._lent is None:
            self._look()
        try:
            self._post(ImagesListed(self.name, self._context.sessions.images()))
        except SrctlError as error:
            self._post(ImagesListed(self.name, (), error))

    def _again(self) -> None:
        self._asking = True
        self._drop()
        self._look()

    def _lose(self, error: SrctlError, context: Context | None = None) -> None:
        """Begin anew after a while: a connection that is broken is made again with all that hangs on it."""
        if self._closed or (context is not None and (self._lent is None or context is not self._lent.context)):
            return
        self._drop()
        self._error, self._asking = error, False
        self._post(HostLost(self.name, error))
        timer = threading.Timer(PAUSES[min(self._failures, len(PAUSES) - 1)], self.look)
        timer.daemon = True
        timer.start()
        self._failures += 1

    def _drop(self) -> None:
        news, self._news, lent, self._lent = self._news, None, self._lent, None
        with suppress(Exception):  # whatever is closed here is broken already, or nobody's concern any more
            if news is not None:
                news.close()
        if lent is not None:
            lent.drop()

    def _do(self, work: Work[Any], context: Context | None, lent: Lent | None) -> None:
        try:
            with lent.used() if lent is not None else nullcontext(context) as given:
                if given is None:
                    raise self._error or SrctlError(f"{self.name} has not answered yet", "Try again in a moment")
                ended = Ended(work, work.call(given, work.errand))
        except SrctlError as error:
            ended = Ended(work, error=error)
        except Exception as error:  # as above
            ended = Ended(work, error=report(error))
        work.error = ended.error
        self._post(ended)
        work.over.set()
