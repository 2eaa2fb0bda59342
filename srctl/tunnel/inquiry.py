"""Ask the engine where a session is, for so long and no longer: it may be asked over a connection that is dying."""

import threading
import time
from contextlib import suppress
from queue import Empty, SimpleQueue

from srctl.errors import UnreachableError
from srctl.models import Endpoint
from srctl.tunnel.errors import ConnectionLostError
from srctl.tunnel.roles import Link, Whereabouts

_GLANCE = 0.1
"""Seconds between two looks at the connection meanwhile."""


def inquire(session: Whereabouts, link: Link, patience: float) -> Endpoint:
    """Return where the session is, within `patience` seconds.

    Raises what `Whereabouts.locate` raises, `UnreachableError` when it is late and `ConnectionLostError` when the
    connection is lost meanwhile.
    """
    outcome: SimpleQueue[Endpoint | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            outcome.put(session.locate())
        except Exception as error:
            outcome.put(error)

    threading.Thread(target=ask, name="srctl-inquiry", daemon=True).start()
    limit = time.monotonic() + patience
    found: Endpoint | Exception = UnreachableError(f"The engine did not answer within {patience:g} s")
    while time.monotonic() < limit and link.alive:
        with suppress(Empty):
            found = outcome.get(timeout=_GLANCE)
            break
    if isinstance(found, Endpoint):
        return found
    if isinstance(found, UnreachableError) and not link.alive:
        raise ConnectionLostError(f"the SSH connection was lost: {link.cause}") from found
    raise found
