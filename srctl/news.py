"""Tells that a list of sessions may differ from the one before, as the engine or the gateway hears of it."""

from collections.abc import Callable
from typing import Protocol

from srctl.errors import SrctlError
from srctl.sessions import Sessions
from srctl.tunnel.lookout import Lookout, Stream


class News(Protocol):
    """What tells, on a thread of its own, until it is closed."""

    def close(self) -> None:
        """Tell nothing more."""


def news(
    sessions: Sessions, tell: Callable[[], None], lost: Callable[[SrctlError], None], *, all_users: bool = False
) -> News:
    """Tell at each event, and when the stream of them has been opened; `lost` hears why it can't be."""

    def stream() -> Stream:
        try:
            return sessions.changes(all_users=all_users)
        except SrctlError as error:
            lost(error)
            raise

    lookout = Lookout(stream, lambda _: tell())
    lookout.allow(True)
    return lookout
