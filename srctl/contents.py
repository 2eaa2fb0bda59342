"""The content of an accounting database as one value: entries without row ids and times, and what differs between two.

Whoever changes much reads all of it, decides, and has it done in the same transaction; see `Revision`. Databases that
are not ours give and take the same; see `Source`.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from srctl.errors import ConflictError
from srctl.models import Application, Policy
from srctl.outcome import Finding


class UserEntry(NamedTuple):
    """A person."""

    name: str
    admin: bool = False
    disabled: bool = False


class KeyEntry(NamedTuple):
    """A public key of a user; `fingerprint` is that of its blob."""

    fingerprint: str
    user: str
    type: str
    blob: str
    comment: str = ""


class GroupEntry(NamedTuple):
    """People who are granted applications together; `members` are names of users, in the order of bytes."""

    name: str
    members: tuple[str, ...] = ()


class GrantEntry(NamedTuple):
    """The right of a user or of a group to run an application under a policy; one of both is `None`.

    `id` is 32 hexadecimal digits.
    """

    id: str
    user: str | None
    image: str
    policy: Policy
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a database holds, in any order. Applications are without `id` and `created`."""

    users: tuple[UserEntry, ...] = ()
    groups: tuple[GroupEntry, ...] = ()
    keys: tuple[KeyEntry, ...] = ()
    applications: tuple[Application, ...] = ()
    grants: tuple[GrantEntry, ...] = ()
    as_of: datetime | None = field(default=None, compare=False)
    """When it last changed, where that is known."""

    def __bool__(self) -> bool:
        """Tell whether there is anything."""
        return any(getattr(self, kind) for kind in KINDS)


NOTHING = Contents()

KINDS = tuple(each.name for each in fields(Contents) if each.name != "as_of")
"""The kinds of entries, those that others refer to first."""

_KEYS: Mapping[str, Callable[[Any], str]] = {"applications": lambda entry: str(entry.image)}


def key_of(kind: str, entry: Any) -> str:
    """Return what an entry is known by among those of its kind; all but applications have it as their first field."""
    own = _KEYS.get(kind)
    return str(entry[0]) if own is None else own(entry)


@dataclass(frozen=True, slots=True)
class Changes:
    """What leads from one content to another: entries that are new, as they become, and as they were."""

    added: Contents = NOTHING
    changed: Contents = NOTHING
    removed: Contents = NOTHING

    def __bool__(self) -> bool:
        """Tell whether there is anything to do."""
        return bool(self.added or self.changed or self.removed)


def difference(before: Contents, after: Contents) -> Changes:
    """Return what leads from one content to another."""
    added: dict[str, Any] = {}
    changed: dict[str, Any] = {}
    removed: dict[str, Any] = {}
    for kind in KINDS:
        old = {key_of(kind, entry): entry for entry in getattr(before, kind)}
        new = {key_of(kind, entry): entry for entry in getattr(after, kind)}
        added[kind] = tuple(entry for key, entry in new.items() if key not in old)
        changed[kind] = tuple(entry for key, entry in new.items() if key in old and old[key] != entry)
        removed[kind] = tuple(entry for key, entry in old.items() if key not in new)
    return Changes(Contents(**added), Contents(**changed), Contents(**removed))


def applied(contents: Contents, changes: Changes) -> Contents:
    """Return contents after changes. Raises ConflictError for changes that do not fit them."""
    after: dict[str, Any] = {}
    for kind in KINDS:
        entries = {key_of(kind, entry): entry for entry in getattr(contents, kind)}
        for entry in getattr(changes.removed, kind):
            if entries.pop(key_of(kind, entry), None) is None:
                raise _misfit(kind, entry, "is not there any more")
        for entry in getattr(changes.changed, kind):
            if key_of(kind, entry) not in entries:
                raise _misfit(kind, entry, "is not there any more")
            entries[key_of(kind, entry)] = entry
        for entry in getattr(changes.added, kind):
            if key_of(kind, entry) in entries:
                raise _misfit(kind, entry, "is there already")
            entries[key_of(kind, entry)] = entry
        after[kind] = tuple(entries.values())
    return Contents(**after, as_of=contents.as_of)


def _misfit(kind: str, entry: Any, how: str) -> ConflictError:
    return ConflictError(f"The {kind.removesuffix('s')} {key_of(kind, entry)!r} {how}", "Look again, then try again")


@dataclass(frozen=True, slots=True)
class Step:
    """One entry that comes, goes or changes: what is said of it before and after, without the texts of licences."""

    action: str
    kind: str
    name: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


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
        """Do it; the changes must fit what is there."""


class Archive(Protocol):
    """An accounting database as a whole. Any method may raise the errors of a database that fails."""

    def contents(self) -> Contents:
        """Return what is there, as it is at one moment."""

    def require_writable(self) -> None:
        """Raise UnsupportedError for a kind of database that is only read."""

    def findings(self) -> list[Finding]:
        """Return what a look into the database itself says, whatever the rules are."""

    def revision(self) -> AbstractContextManager[Revision]:
        """Begin a change of the whole."""


class Source(Protocol):
    """An accounting database of another kind. Errors are those of `srctl.errors`; others are failures of the source."""

    def contents(self) -> Contents:
        """Return what is there now; the same object as before where nothing has changed."""

    def carry_out(self, changes: Changes) -> None:
        """Do all of it or nothing.

        Raises UnsupportedError where it is only read, also for no changes, and ConflictError for what does not fit what
        is there.
        """

    def close(self) -> None:
        """Give back what it holds."""
