"""Knock again where a server hangs up before anybody has logged in.

sshd drops some of those who come while many others are logging in (MaxStartups), so that a course that begins at nine
would lose people. Whoever is refused for a reason, such as a key, is never tried again here.
"""

import time
from collections.abc import Callable

from srctl.tunnel.errors import HungUpError

PAUSES = (0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds between two tries, each more or less by half, so that those who were dropped together come back apart."""

_LEAST = 0.3
"""Seconds that a try needs."""


def persevere(knock: Callable[[], None], deadline: float) -> None:
    """Call `knock`, again while the server hangs up and the deadline is not near. Raises what the last one raised."""
    for tries, pause in enumerate(PAUSES, 1):
        try:
            knock()
            return
        except HungUpError as error:
            import random  # rarely needed, and each command would pay for it

            resume = time.monotonic() + pause * random.uniform(0.5, 1.5)  # noqa: S311 - not a secret
            if resume > deadline - _LEAST:
                raise _given_up(error, tries) from error
        time.sleep(resume - time.monotonic())
    try:
        knock()
    except HungUpError as error:
        raise _given_up(error, len(PAUSES) + 1) from error


def _given_up(error: HungUpError, tries: int) -> HungUpError:
    often = "once" if tries == 1 else f"{tries} times"
    return HungUpError(
        f"{error.message} (tried {often})",
        "It may be full (MaxStartups in its sshd_config), or keep this address out for a while after failed logins"
        " (PerSourcePenalties)",
    )
