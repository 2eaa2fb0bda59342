"""A host, and the thread that asks it for everything that is shown: however slow it is, it delays no other.

What a person asks for runs on a thread of its own, so that a start that takes its time delays no list. A host that is
lost is tried again, and nobody is asked for passwords meanwhile: that happens only when the person wants it.
"""

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from textual.message import Message

from srctl.context import Context
from srctl.crash import report
from srctl.errands import Errand
from srctl.errors import SrctlError
from srctl.models import Progress, Usage
from srctl.tui.lending import Lent
from srctl.tui.messages import (
    ApplicationsListed,
    Ended,
    EveryoneListed,
    HostLost,
    ImagesListed,
    MachineTold,
    Progressed,
    SessionsListed,
)
from srctl.tui.work import Work

if TYPE_CHECKING:
    from srctl.metering import Meter
    from srctl.news import News

PAUSES = (2.0, 5.0, 10.0, 30.0)
"""Seconds before a host that was lost is tried again, growing while it stays away."""

Make = Callable[[bool], Context]
"""Makes the context of the host; the argument tells whether the person may be asked."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What is asked of a host besides the person's own sessions."""

    everyone: bool = False
    machine: bool = False


@dataclass(frozen=True, slots=True)
class Watched:
    """The containers of which is to be told what they take; `all_users` = they may be anybody's."""

    containers: tuple[str, ...] = ()
    all_users: bool = False


class HostThread:
    """Asks one host, and posts what it says. Nothing is connected to before `look`."""

    def __init__(
        self,
        name: str,
        make: Make,
        post: Callable[[Message], object],
        measured: Callable[[str, Usage], None] = lambda _host, _usage: None,
    ) -> None:
        """`measured` is called, on any thread, with what a session that is watched takes."""
        self.name = name
        self.busy_since: float | None = None
        """Since when it has been waited for, in seconds of `time.monotonic`; `None` while it is not."""
        self._make = make
        self._post = post
        self._measured = partial(measured, name)
        self._needs = Needs()
        self._watched = Watched()
        self._meter: Meter | None = None
        self._jobs: SimpleQueue[tuple[str, Callable[[], None]] | None] = SimpleQueue()
        self._waiting: set[str] = set()
        self._lock = threading.Lock()
        self._lent: Lent | None = None
        self._error: SrctlError | None = None
        self._news: News | None = None
        self._news_of_all = False
        self._asking = True
        self._failures = 0
        self._timer: threading.Timer | None = None
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

    def need(self, needs: "Needs") -> None:
        """Ask for what is needed besides the person's own sessions, from now on."""
        if needs != self._needs:
            self._needs = needs
            if self._lent is not None:  # else it is asked as soon as it is there
                self.look()

    def watch(self, watched: "Watched") -> None:
        """Have it told what these sessions take, and no others."""
        if watched != self._watched:
            self._watched = watched
            self._put("watch", self._watch)

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
        context, needs = self._context, self._needs
        sessions = context.sessions
        begun = time.monotonic()
        found = sessions.find(stopped=True)
        took = time.monotonic() - begun
        admin = context.parts.admin
        self._error, self._failures = None, 0
        self._post(SessionsListed(self.name, sessions.user, found, admin, took))
        if needs.everyone:
            everyone = sessions.find(stopped=True, all_users=True) if admin else found
            self._post(EveryoneListed(self.name, everyone))
        if needs.machine and admin:
            self._post(MachineTold(self.name, sessions.engine_info()))
        self._hear(context, all_users=needs.everyone and admin)
        if self._meter is None:
            self._watch()

    def _hear(self, context: Context, *, all_users: bool) -> None:
        """Hear of what changes, of all users' sessions where those are shown."""
        if self._news is not None and self._news_of_all == all_users:
            return
        if self._news is not None:
            self._news.close()
        self._news_of_all = all_users
        self._news = context.news(
            self.look, lambda error: self._put("lose", partial(self._lose, error, context)), all_users=all_users
        )

    def _watch(self) -> None:
        if self._lent is None or (self._meter is None and not self._watched.containers):
            return
        if self._meter is None:
            self._meter = self._context.meter(self._measured)
        watched = self._watched
        self._meter.watch(watched.containers, all_users=watched.all_users and self._context.parts.admin)

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
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(PAUSES[min(self._failures, len(PAUSES) - 1)], self.look)
        self._timer.daemon = True
        self._timer.start()
        self._failures += 1

    def _drop(self) -> None:
        news, self._news, lent, self._lent = self._news, None, self._lent, None
        meter, self._meter = self._meter, None
        for each in (meter, news):
            with suppress(Exception):  # whatever is closed here is broken already, or nobody's concern any more
                if each is not None:
                    each.close()
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
