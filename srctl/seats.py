"""The seats of a grant: how many sessions may run under it at once, whoever's they are.

The engine's refusal of a second container of the same name is the lock: what runs has one of the names `...-1` to
`...-N`, whatever the realm. A container is made under its user's own name first, and as long as it has that, nobody
else makes one for the same user and grant; then it takes a seat. So neither of both can be had twice.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from math import inf

from srctl import labels, policy
from srctl.errors import ConflictError, NameTakenError, NotAllowedError, NotFoundError
from srctl.models import Container, Grant
from srctl.needs import Engine
from srctl.sessions import RUNNING


class TwinError(NameTakenError):
    """The user has a session of the same grant already, which has a seat; `by` is its container."""

    def __init__(self, other: Container) -> None:
        super().__init__(f"{other.name} is there already")
        self.by = other.id


class Seats:
    """The seats of one grant, `count` of them. `being_made` tells whether another process is about to start one."""

    def __init__(self, engine: Engine, grant: Grant, count: int, being_made: Callable[[Container], bool]) -> None:
        self._engine = engine
        self._grant = grant
        self._count = count
        self._being_made = being_made

    def take(self, container_id: str, own: Iterable[Container]) -> None:
        """Give a container one of the seats; it has its user's own name until then. `own` are the user's of this grant.

        Raises `TwinError` where the user has another one, `NotAllowedError` where all seats are taken, and
        `NotFoundError`.
        """
        for other in own:
            if other.id != container_id and (other.state in RUNNING or self._being_made(other)):
                raise TwinError(other)
        others = [each for each in self._sessions() if each.id != container_id]
        live = [each for each in others if each.state in RUNNING or (self.is_one(each.name) and self._being_made(each))]
        if self._sit(container_id, live):
            return
        over = [each for each in others if self.is_one(each.name) and each not in live]
        for container in over:
            self._clear(container)
        if over and self._sit(container_id, live):
            return
        raise self._full(live)

    def require(self, container: Container) -> None:
        """Raise `ConflictError` for a container that took so long to start that somebody else has its seat."""
        if not self.is_one(container.name):
            raise ConflictError(
                f"It took too long to start, and its seat went to somebody else: {container.name}", "Start it again"
            )

    def is_one(self, name: str) -> bool:
        """Tell whether this is the name of one of the seats, or of one before there were as many."""
        return policy.has_seat(name, self._grant.id)

    def _sit(self, container_id: str, live: Collection[Container]) -> bool:
        if len(live) >= self._count:
            return False
        for seat in range(1, to_give(self._count, [self._number(each.name) for each in live]) + 1):
            try:
                self._engine.rename(container_id, f"{policy.seat_name(self._grant.id)}{seat}")
            except NameTakenError:
                continue
            return True
        return False

    def _number(self, name: str) -> float:
        """Return the seat that has this name; whoever has none of them sits beyond them."""
        return int(name.rpartition("-")[2]) if self.is_one(name) else inf

    def _sessions(self) -> list[Container]:
        """Return what there is under the grant: also of others, of other realms, and from before it had seats."""
        return self._engine.containers(labels.of_grant(self._grant.id), stopped=True)

    def _full(self, live: list[Container]) -> NotAllowedError:
        users = ", ".join(sorted({labels.user(each) for each in live}))
        return NotAllowedError(
            f"No more than {self._count} sessions may run under this grant at once (--max-sessions)"
            + (f", and they do, of {users}" if users else ""),
            f"Wait until one ends; {policy.who_changes(self._grant, 'max_sessions')}",
        )

    def _clear(self, container: Container) -> None:
        """Take the seat of a session that is over; what it wrote stays for its owner to read."""
        try:
            self._engine.rename(container.id, f"{container.name}-over-{container.id[:12]}")
        except (NameTakenError, NotFoundError):
            return


def to_give(count: int, taken: Sequence[float]) -> int:
    """Return how many of the first seats may be given out, so that with what is beyond them there are never more.

    `taken` has the number of each seat that is taken. Whoever gives out those alone keeps to the count also where
    several do so at once.
    """
    found = count
    while found > (fewer := max(0, count - sum(number > found for number in taken))):
        found = fewer
    return found
