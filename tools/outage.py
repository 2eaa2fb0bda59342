"""An outage of a lab's remote host: for a while all that it sends vanishes, as behind a cable that was pulled."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tools.networks import run
from tools.remote_hosts import RemoteHost


@contextlib.contextmanager
def outage(host: RemoteHost) -> Iterator[None]:
    """Lose what the host sends to us, without a word to anybody; what we send still arrives."""
    # the other end of its link, a /30: .1 is ours, .2 the host's
    near = host.address.rpartition(".")[0] + "." + str(int(host.address.rpartition(".")[2]) - 1)
    route = ("ip", "-netns", host.namespace, "route")
    run(*route, "add", "blackhole", f"{near}/32")
    try:
        yield
    finally:
        run(*route, "delete", "blackhole", f"{near}/32")
