"""The content of an accounting database as one value, and what is to change in it at once.

Whoever changes much (an import) reads all of it, decides, and has it done in the same transaction; see `Revision`.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from srctl.models import Application, Grant, Policy, User


class NewGrant(NamedTuple):
    """A grant that is to be made, with the id that it has already elsewhere."""

    id: str
    user: str
    image: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a database holds of people, applications and grants."""

    users: tuple[User, ...] = ()
    applications: tuple[Application, ...] = ()
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be added: names of users, images, and grants; none of them is there yet."""

    new_users: tuple[str, ...] = ()
    new_applications: tuple[str, ...] = ()
    new_grants: tuple[NewGrant, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there is anything to do."""
        return any((self.new_users, self.new_applications, self.new_grants))


class Skipped(NamedTuple):
    """A row of old data that is not taken over, and why."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import added, how many grants were there already, and what was skipped."""

    kind: str
    dry_run: bool
    users: int
    applications: int
    grants: int
    present: int
    skipped: tuple[Skipped, ...]
    added: tuple[str, ...]
    """The ids of the grants that were added."""


class Revision(Protocol):
    """A transaction in which nobody else writes; it is committed at the end of the block that it is lent to."""

    def contents(self) -> Contents:
        """Return what is there."""

    def carry_out(self, changes: Changes) -> None:
        """Do it. Raises ConflictError for what does not fit what is there."""


class Archive(Protocol):
    """An accounting database as a whole. Any method may raise the errors of a database that fails."""

    def contents(self) -> Contents:
        """Return what is there, as it is at one moment."""

    def revision(self) -> AbstractContextManager[Revision]:
        """Begin a change of the whole. Raises UnsupportedError for a database that is only read."""
