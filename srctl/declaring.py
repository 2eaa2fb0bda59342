"""The accounting database as a whole, as an administrator declares it: read, and changed in one transaction.

Changes were made for what the database held when it was read; if it does not any more, they are refused. What depended
on what is taken away ends afterwards.
"""

from contextlib import suppress

from srctl.contents import Archive, Changes, Contents, Step, applied
from srctl.enforcing import Enforcer
from srctl.errors import ConflictError, NotFoundError
from srctl.models import User
from srctl.needs import Store


def mark(contents: Contents) -> str:
    """Return what tells contents apart from others."""
    import hashlib
    import json

    from srctl import document

    return hashlib.sha256(json.dumps(document.write(contents)).encode("utf-8", "surrogatepass")).hexdigest()


class Declaring:
    """A database as a whole; `enforcer` ends what depends on what is taken away."""

    def __init__(self, archive: Archive, store: Store, enforcer: Enforcer | None = None) -> None:
        self._archive = archive
        self._store = store
        self._enforcer = enforcer or Enforcer()

    def contents(self) -> Contents:
        """Return what the database holds."""
        return self._archive.contents()

    def carry_out(self, changes: Changes, seen: str) -> list[Step]:
        """Do all changes or nothing, and return what was done; `seen` is the mark of the contents they were made for.

        Raises ConflictError if the database has changed since, UsageError for what breaks the rules, and
        UnsupportedError for a database that is only read.
        """
        from srctl import consequences, revising  # with all that they need, which other calls do not pay for

        self._archive.require_writable()
        people = self._people(changes)
        with self._archive.revision() as revision:
            before = revision.contents()
            if mark(before) != seen:
                raise ConflictError("Somebody else changed the database meanwhile", "Look again: srctl plan FILE")
            after = applied(before, changes)
            revising.refuse(revising.new_problems(before, after))
            revision.carry_out(changes)
        consequences.refuse_lost(self._enforcer, people, before, after)
        consequences.withdraw_lost(self._enforcer, before, after)
        return revising.steps(before, changes)

    def _people(self, changes: Changes) -> dict[str, User]:
        """Return the users who may be refused, as they are before they go."""
        found = {}
        for entry in (*changes.removed.users, *changes.changed.users):
            with suppress(NotFoundError):
                found[entry.name] = self._store.user(entry.name)
        return found
