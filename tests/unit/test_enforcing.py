"""What is taken away ends, also where the engine does not say what depends on it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

import pytest

from srctl import labels
from srctl.enforcing import Enforcer, Gateway
from srctl.errors import SrctlError, UnreachableError
from srctl.models import Share, SharedSlot
from srctl.slots import SLOTS
from tests.fakes import FakeEngine, FakeRights, only, other_process, rights


@dataclass
class Connections:
    """Live connections; `live` are the shares that were permitted to them."""

    live: set[SharedSlot] = field(default_factory=set)
    ended: list[SharedSlot] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    spared: None = None

    def end(
        self,
        *,
        user_ids: Iterable[int] = (),
        fingerprints: Iterable[str] = (),  # noqa: ARG002 - none here
        shares: Iterable[SharedSlot] = (),
        spare: int | None = None,  # noqa: ARG002
    ) -> Connections:
        self.refused += user_ids
        self.ended += shares
        return self

    def permitted(self, share: SharedSlot) -> bool:
        return share in self.live

    def own(self) -> None:
        return None

    def close(self, connection: object) -> None:
        """There is none."""


@dataclass
class Book:
    """What stands in the database about slots."""

    shares: list[Share] = field(default_factory=list)
    closed: set[int] = field(default_factory=set)

    def close_slots(self, owner: str, slots: Iterable[int]) -> None:
        assert owner == "ann"
        self.closed |= set(slots)

    def take_shares(self, owner: str, grant_ids: Iterable[str]) -> Collection[Share]:
        assert (owner, list(grant_ids)) == ("ann", ["a" * 32])
        taken, self.shares = self.shares, []
        return taken

    def vacate(self, owner_id: int, slot: int) -> Collection[Share]:
        assert owner_id == 1
        self.closed -= {slot}
        return self.shares


@pytest.fixture
def connections() -> Connections:
    return Connections()


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def gateway(connections: Connections, book: Book) -> Gateway:
    return Gateway(connections, book, rights())  # type: ignore[arg-type]


def test_who_was_let_to_a_slot_loses_the_connection_before_another_session_is_there(
    gateway: Gateway, connections: Connections
) -> None:
    connections.live.add(SharedSlot(1, SLOTS[0]))  # of which the database says nothing any more
    gateway.vacate(1, SLOTS[1])
    assert connections.ended == []
    gateway.vacate(1, SLOTS[0])
    assert connections.ended == [SharedSlot(1, SLOTS[0])]


@pytest.mark.parametrize("error", [UnreachableError("It is away"), SrctlError("Docker says: no")])
@pytest.mark.parametrize("stop", [False, True])
def test_a_removed_grant_closes_every_way_where_the_engine_does_not_answer(
    gateway: Gateway, connections: Connections, book: Book, error: SrctlError, stop: bool
) -> None:
    engine = FakeEngine(faults={"containers": [error] * 2})
    granted: FakeRights = rights()
    enforcer = Enforcer(lambda: engine, gateway)
    if stop:
        with pytest.raises(SrctlError):
            enforcer.withdraw(granted.given, stop=True)
    else:
        enforcer.withdraw(granted.given)
    assert book.closed == set(SLOTS)
    assert connections.refused == [1]


def test_a_forged_label_closes_nobody_s_way_but_the_holder_s(
    gateway: Gateway, connections: Connections, book: Book
) -> None:
    engine = FakeEngine()
    other_process(engine, started=True)
    marks = {**only(engine).labels, labels.RUNINFO + "user": "bob", labels.EXTRA + "slot": str(SLOTS[3])}
    engine.stored = {each.id: replace(each, labels=marks) for each in engine.stored.values()}
    Enforcer(lambda: engine, gateway).withdraw(rights().given)
    assert (book.closed, connections.refused) == (set(), [])
