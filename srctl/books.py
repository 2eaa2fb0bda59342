"""What use cases need of the accounting database besides rights: the groups of users, and what ran."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from srctl.models import Extension, Grant, Group, Record


class Groups(Protocol):
    """The groups in the accounting database."""

    def groups(self) -> list[Group]:
        """Give all groups by name."""

    def group(self, name: str) -> Group:
        """Give one group. Raises NotFoundError."""

    def add_group(self, name: str) -> Group:
        """Add a group. Raises ConflictError if the name exists or differs only in case, and where a user has it."""

    def remove_group(self, name: str) -> None:
        """Remove a group with its grants. Raises NotFoundError."""

    def join(self, name: str, user: str) -> bool:
        """Take a user into a group; return whether this is new. Raises NotFoundError for either."""

    def leave(self, name: str, user: str) -> None:
        """Take a user out of a group. Raises NotFoundError, also where the user is not in it."""

    def memberships(self, names: Iterable[str] | None = None) -> dict[str, tuple[str, ...]]:
        """Give the groups of each user who is in one, or of these users only."""

    def grants(self) -> list[Grant]:
        """Give what is granted to groups, by group, image, age."""


class Records(Protocol):
    """What ran, and until when it may. Writing may raise `UnsupportedError`."""

    def begin(self, record: Record) -> bool:
        """Keep the record of a session; return whether it is new."""

    def end(self, session_id: str, ended: datetime, reason: str, cpu_seconds: float | None = None) -> bool:
        """Note when and why a session ended, and forget its extension; return whether this was not known yet."""

    def reopen(self, session_id: str) -> None:
        """Take back the end of a session that runs again."""

    def running(self, realm: str) -> list[Record]:
        """Give the records of a realm that have no end, oldest first."""

    def notice(self, found: Sequence[Record]) -> None:
        """Keep what was noticed of running sessions."""

    def warn(self, session_id: str, warning: str, warned: datetime) -> bool:
        """Keep what the owner is told from now on; return false where the same is told already."""

    def calm(self, session_ids: Iterable[str]) -> None:
        """Take back what the owners of sessions were told."""

    def warnings(self, session_ids: Iterable[str]) -> dict[str, str]:
        """Give what the owners of sessions are told, by session."""

    def between(self, since: datetime | None, until: datetime | None, user: str | None = None) -> list[Record]:
        """Give the records of what ran in a time, oldest first; of one user only, if one is named."""

    def extend(self, extension: Extension) -> None:
        """Keep a later end of a session; what its owner was told is taken back."""

    def extensions(self, session_ids: Iterable[str]) -> dict[str, Extension]:
        """Give the extensions of sessions, by session."""
