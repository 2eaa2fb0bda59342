"""Where a session's port is published on its host: anywhere on loopback, or behind a gateway in a slot of its user's.

A slot is chosen among those that no container of the user's has, running or not, since a container keeps its slot for
life. Between two starts at once the engine decides, and the loser takes the next slot.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Protocol

from srctl import labels, slots
from srctl.errors import NotAllowedError
from srctl.models import Container, ContainerSpec, User


class Publisher(Protocol):
    """Decides where a session is published."""

    def place(
        self, spec: ContainerSpec, user: User, containers: Callable[[], Iterable[Container]], taken: Collection[int]
    ) -> ContainerSpec:
        """Return the spec with its place; `taken` are ports that the engine refused a moment ago."""


class AnyPort:
    """Lets the engine choose a port of 127.0.0.1."""

    def place(
        self,
        spec: ContainerSpec,
        user: User,  # noqa: ARG002 - the place is nobody's own
        containers: Callable[[], Iterable[Container]],  # noqa: ARG002
        taken: Collection[int],  # noqa: ARG002
    ) -> ContainerSpec:
        """Return the spec as it is."""
        return spec


class OwnSlots:
    """Gives each session a slot of its user's address, and each user `limit` of them at most.

    `vacate` is called with the user's id and the slot before a session takes it: what others were permitted there,
    they were permitted for the session before.
    """

    def __init__(self, limit: int, vacate: Callable[[int, int], None]) -> None:
        self._limit = min(limit, len(slots.SLOTS))
        self._vacate = vacate

    def place(
        self, spec: ContainerSpec, user: User, containers: Callable[[], Iterable[Container]], taken: Collection[int]
    ) -> ContainerSpec:
        """Return the spec with the first slot that is free. Raises `NotAllowedError` where there is none left."""
        present = list(containers())
        occupied = {labels.slot(container) for container in present} | set(taken)
        slot = next((slot for slot in slots.SLOTS if slot not in occupied), None)
        if slot is None or len(present) >= self._limit:
            raise NotAllowedError(
                f"{user.name} has {len(present)} sessions, and {self._limit} at most are allowed",
                "End one with srctl stop; srctl session prune removes those that do not run any more",
            )
        self._vacate(user.id, slot)
        marks = {**spec.labels, labels.EXTRA + "slot": str(slot)}
        return replace(spec, address=slots.address(user.id), host_port=slot, labels=marks)
