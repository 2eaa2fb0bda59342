"""Make what is taken away end: the connections of people who are refused, and the ways to sessions without a grant.

What a login behind a gateway may forward to is decided when it is made. So a session that outlives its grant has its
slot closed to further logins, and connections that were made before are ended; their owners may log in again, to what
is left to them. Without a gateway there are no such connections, and a grant guides and does not protect.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

from srctl import labels, recording, slots
from srctl.books import Records
from srctl.errors import NotFoundError, SrctlError
from srctl.models import Container, Grant, Share, SharedSlot, User
from srctl.needs import Engine, Store
from srctl.recording import NoRecords


class Ending(Protocol):
    """What became of ending connections."""

    @property
    def spared(self) -> object | None:
        """The connection that this process runs in, if it must end too."""


class Connections(Protocol):
    """The live connections of a gateway."""

    def end(
        self,
        *,
        user_ids: Iterable[int] = (),
        fingerprints: Iterable[str] = (),
        shares: Iterable[SharedSlot] = (),
        spare: int | None = None,
    ) -> Ending:
        """End those of these users, with these keys, and those to which these shares were permitted, but one."""

    def permitted(self, share: SharedSlot) -> bool:
        """Tell whether a live connection was permitted this share."""

    def own(self) -> int | None:
        """Return the process of the connection that this one runs in; `None` outside of one."""

    def close(self, connection: Any) -> None:
        """End a connection that was spared."""


class SlotBook(Protocol):
    """What the accounting database knows of slots."""

    def close_slots(self, owner: str, slots: Iterable[int]) -> None:
        """Let no login be permitted these slots until another session is there."""

    def vacate(self, owner_id: int, slot: int) -> Collection[Share]:
        """Forget what was permitted or closed at a slot; return the shares."""

    def remove_shares(self, session_id: str, guest: str | None = None) -> Collection[Share]:
        """Remove the shares of a session, or its one with a guest; return them."""

    def expired(self, now: datetime) -> Collection[Share]:
        """Return the shares that have expired."""

    def take_shares(self, owner: str, grant_ids: Iterable[str]) -> Collection[Share]:
        """Remove the shares of a user's sessions under these grants; return them."""


class Gateway:
    """A gateway whose database and connections are on this machine."""

    def __init__(self, connections: Connections, book: SlotBook, store: Store) -> None:
        self.book = book
        self.store = store
        self._connections = connections
        self._spared: object | None = None

    def end(
        self,
        *,
        user_ids: Iterable[int] = (),
        fingerprints: Iterable[str] = (),
        shares: Iterable[SharedSlot] = (),
    ) -> None:
        """End connections, but for the one that this process runs in: its answer has to come out first."""
        ending = self._connections.end(
            user_ids=user_ids, fingerprints=fingerprints, shares=shares, spare=self._connections.own()
        )
        self._spared = self._spared or ending.spared

    def end_own(self) -> None:
        """End the connection that this process runs in, if it had to be."""
        if self._spared is not None:
            self._connections.close(self._spared)

    def vacate(self, owner_id: int, slot: int) -> None:
        """Make a slot ready for another session: nobody but its owner may have a way to it.

        Connections outlive what the database says of them: the row of a share goes with its grant.
        """
        place = SharedSlot(owner_id, slot)
        if self.book.vacate(owner_id, slot) or self._connections.permitted(place):
            self.end(shares={place})

    def end_guests(self, shares: Iterable[Share]) -> None:
        """End the connections to which these shares were permitted."""
        places = set()
        for share in shares:
            with suppress(NotFoundError):  # people who are removed have been refused
                places.add(SharedSlot(self.store.user(share.owner).id, share.slot, self.store.user(share.guest).id))
        if places:
            self.end(shares=places)


class Enforcer:
    """Ends what depends on what was taken away. `engine` gives the host of the sessions, `records` keep their ends."""

    def __init__(
        self,
        engine: Callable[[], Engine] | None = None,
        gateway: Gateway | None = None,
        records: Records | None = None,
    ) -> None:
        self._engine = engine
        self._gateway = gateway
        self._records = records or NoRecords()

    def refuse(self, user: User) -> None:
        """End the connections of a user who is gone or disabled, and those of guests in that user's sessions."""
        if self._gateway is not None:
            every = {SharedSlot(user.id, slot) for slot in slots.SLOTS}
            self._gateway.end(user_ids={user.id}, shares=every)

    def refuse_all(self) -> None:
        """End all connections: nobody knows any more what they were made for."""
        if self._gateway is not None:
            self._gateway.end(user_ids=range(1, slots.MOST + 1))

    def refuse_key(self, fingerprint: str) -> None:
        """End the connections that were made with a key."""
        if self._gateway is not None:
            self._gateway.end(fingerprints={fingerprint})

    def withdraw(
        self,
        grants: Sequence[Grant],
        *,
        of: Collection[str] | None = None,
        had: Collection[str] | None = None,
        stop: bool = False,
    ) -> None:
        """Close the ways to the sessions of grants that were taken away; with `stop` end those sessions.

        `of` are the users who lose them, where others keep them: those who left a group. `had` are the users who had
        them, where the database does not say so any more. Raises `UnreachableError` where they can't be stopped.
        """
        if self._gateway is not None:  # first: an engine that does not answer must not keep a way open
            self._close(self._gateway, grants, of, had)
        if stop and self._engine is not None:
            engine = self._engine()
            for container in self._containers(engine, grants, of):
                self._end(engine, container)

    def _end(self, engine: Engine, container: Container) -> None:
        with suppress(NotFoundError):
            counters = recording.used(engine, container)
            engine.stop(container.id)
            recording.stopped(self._records, container, recording.UNGRANTED, counters)
            engine.remove(container.id)

    def _close(
        self,
        gateway: Gateway,
        grants: Sequence[Grant],
        of: Collection[str] | None,
        had: Collection[str] | None,
    ) -> None:
        places: set[SharedSlot] = set()
        owners: set[int] = set()
        for name, taken in self._slots(gateway, grants, of, had).items():
            gateway.book.close_slots(name, taken)
            gateway.book.take_shares(name, [grant.id for grant in grants])
            with suppress(NotFoundError):  # a user removed meanwhile has been refused
                owner = gateway.store.user(name).id
                owners.add(owner)
                places.update(SharedSlot(owner, slot) for slot in taken)
        if places:
            gateway.end(user_ids=owners, shares=places)

    def _slots(
        self,
        gateway: Gateway,
        grants: Sequence[Grant],
        of: Collection[str] | None,
        had: Collection[str] | None,
    ) -> dict[str, set[int]]:
        """Return the slots of the grants' sessions by user; all where the engine can't say, since nothing may stay."""
        try:
            found = self._containers(self._engine(), grants, of) if self._engine is not None else []
        except SrctlError:
            known = of if of is not None else had
            holders = known if known is not None else {n for each in grants for n in _holders(gateway.store, each)}
            return {name: set(slots.SLOTS) for name in holders}
        taken: dict[str, set[int]] = {}
        for container in found:
            if (slot := labels.slot(container)) is not None:
                taken.setdefault(labels.user(container), set()).add(slot)
        return taken

    def _containers(self, engine: Engine, grants: Sequence[Grant], of: Collection[str] | None) -> list[Container]:
        found = [
            container
            for grant in grants
            for container in engine.containers(labels.of_grant(grant.id), stopped=True)
            if grant.user in (None, labels.user(container))  # whose it is not, it costs nobody anything
        ]
        ours = [container for container in found if labels.session_id(container)]
        return ours if of is None else [container for container in ours if labels.user(container) in of]


def _holders(store: Store, grant: Grant) -> tuple[str, ...]:
    """Return the users who have a grant."""
    if grant.user is not None:
        return (grant.user,)
    with suppress(NotFoundError):
        return store.groups.group(str(grant.group)).members
    return ()
