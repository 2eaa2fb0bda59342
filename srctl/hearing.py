"""Hears of all that changes a person's list of sessions behind a gateway: what happens to them, and who shares which.

The engine tells what happens; that somebody shares a session stands in the accounting database, which is looked into
from time to time.
"""

import threading
from collections.abc import Callable

from srctl.errors import SrctlError
from srctl.following import Following, Gathered
from srctl.models import Share
from srctl.needs import Stream

LOOK = 2.0
"""Seconds between two looks at what is shared."""

SHARED = "shared"
"""The word for what is shared now and was not, or the other way round."""


class Hearing(Gathered[str]):
    """The words of `own`, of the containers that others share, and `SHARED`.

    `look` returns the shares of which the person is one end, `guested` the containers that others share by them, and
    `events` opens the stream of what happens to one of those.
    """

    def __init__(
        self,
        own: Stream[str],
        look: Callable[[], list[Share]],
        guested: Callable[[list[Share]], list[str]],
        events: Callable[[str], Stream[str]],
    ) -> None:
        super().__init__()
        self._own = own
        self._look = look
        self._guested = guested
        self._ended = threading.Event()
        self._others = Following[str](events, self.put)
        for call in (self._ended.set, own.close, self._others.close):
            self.finally_do(call)
        self._known = look()
        self._others.watch(guested(self._known))
        for run in (self._pass_on, self._look_around):
            threading.Thread(target=self._safely, args=(run,), name="srctl-hearing", daemon=True).start()

    def _safely(self, run: Callable[[], None]) -> None:
        try:
            run()
        except SrctlError as error:
            self.end(error)
        except Exception as error:
            if not self._ended.is_set():  # else its stream was closed under it
                self.end(error)

    def _pass_on(self) -> None:
        for word in self._own:
            self.put(word)
        self.end()

    def _look_around(self) -> None:
        while not self._ended.wait(LOOK):
            shares = self._look()
            if shares != self._known:
                self._known = shares
                self._others.watch(self._guested(shares))
                self.put(SHARED)
