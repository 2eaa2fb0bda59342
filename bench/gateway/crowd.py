"""Many people log in within one second: `crowd HOST...` does it for all of them, each with a configuration of his own.

A process of its own with a thread for each, as if they came from as many laptops that have loaded what they need. What
one of them does is what srctl does: log in, and hear who one is. One line of JSON tells how each has fared.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from srctl.errors import SrctlError
from srctl.remote import reached
from srctl.tunnel.connection import SSHConnection

SPREAD = 1.0
"""Seconds within which they come."""

TIMEOUT = 10.0
"""What srctl has for `connect_timeout` where nobody says otherwise."""


@dataclass
class Outcome:
    """When somebody began and was in, in seconds; or why not."""

    begun: float
    took: float = 0.0
    error: str | None = None


def main(hosts: Sequence[str]) -> int:
    """Log all of them in; print the outcomes."""
    import srctl.tunnel.handshake  # noqa: F401 - what each laptop has loaded already

    begun = time.monotonic() + 0.5
    outcomes = [Outcome(begun + SPREAD * number / len(hosts)) for number in range(len(hosts))]
    threads = [threading.Thread(target=_log_in, args=pair) for pair in zip(hosts, outcomes, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps([{"took": each.took, "error": each.error} for each in outcomes]))
    return 0


def _log_in(host: str, outcome: Outcome) -> None:
    time.sleep(max(0.0, outcome.begun - time.monotonic()))
    begun = time.monotonic()
    try:
        with SSHConnection.connect(f"ssh://srctl@{host}", timeout=TIMEOUT, command=True) as link:
            reached(link, host)
            outcome.took = time.monotonic() - begun
    except SrctlError as error:
        outcome.error = error.message


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
