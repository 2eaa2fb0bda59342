"""Which streams are open while somebody looks at sessions: through a gateway one, made anew only when it must be."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from queue import SimpleQueue
from typing import cast

import pytest

from srctl import metering
from srctl.following import Gathered
from srctl.metering import GatewayMeter
from srctl.models import Usage
from srctl.sessions import MOST_WATCHED, Sessions
from tools.processes import wait_until

LIMIT = 5


class Far:
    """The sessions behind a gateway, as far as they are measured."""

    def __init__(self) -> None:
        self.opened: SimpleQueue[tuple[list[str], bool, Gathered[Usage]]] = SimpleQueue()
        self.closed: list[list[str]] = []

    def stats(self, container_ids: Sequence[str], *, all_users: bool = False) -> Gathered[Usage]:
        stream = Gathered[Usage]()
        stream.finally_do(lambda: self.closed.append(list(container_ids)))
        self.opened.put((list(container_ids), all_users, stream))
        return stream


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Far:
    monkeypatch.setattr(metering, "PACE", 0.2)
    return Far()


def test_one_stream_serves_all_in_view_and_another_is_opened_only_for_what_it_lacks(far: Far) -> None:
    told: SimpleQueue[Usage] = SimpleQueue()
    meter = GatewayMeter(cast("Sessions", far), told.put)
    meter.watch(["a", "b", "c"], all_users=True)
    ids, all_users, stream = far.opened.get(timeout=LIMIT)
    assert (ids, all_users) == (["a", "b", "c"], True)
    stream.put(Usage("a", 5.0))
    assert told.get(timeout=LIMIT).cpu == 5.0
    meter.watch(["b", "c"], all_users=True)
    for wanted in (["b", "c", "d"], ["c", "d", "e"]):  # as somebody scrolls
        meter.watch(wanted, all_users=True)
    assert far.opened.get(timeout=LIMIT)[0] == ["c", "d", "e"]
    wait_until(lambda: far.closed == [["a", "b", "c"]] or None, "the end of the first")
    meter.watch((), all_users=True)
    wait_until(lambda: len(far.closed) == 2 or None, "the end of the second")
    assert far.opened.empty()


def test_not_more_is_asked_of_a_gateway_than_it_gives(far: Far) -> None:
    meter = GatewayMeter(cast("Sessions", far), lambda _: None)
    meter.watch([f"{number}" for number in range(500)], all_users=False)
    assert len(far.opened.get(timeout=LIMIT)[0]) == MOST_WATCHED
    meter.close()
    wait_until(lambda: far.closed or None, "its end")
    wait_until(
        lambda: not [e for e in threading.enumerate() if e.name == "srctl-following"] or None, "the threads' end"
    )
