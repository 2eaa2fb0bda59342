"""Groups of users: who is in which, and what ends when somebody leaves.

A member has what is granted to the group besides what is granted to the member alone. Who leaves, or whose group is
removed, loses it at once, and with it the ways to the sessions that it gave.
"""

import re
from collections.abc import Sequence

from srctl.enforcing import Enforcer
from srctl.errors import UsageError
from srctl.models import Grant, Group
from srctl.needs import Store
from srctl.outcome import Outcome, try_each

_NAME = re.compile(r"[A-Za-z0-9_+][A-Za-z0-9._@+-]{0,62}")


def check_name(name: str) -> None:
    """Raise `UsageError` unless `name` is 1-63 of `[A-Za-z0-9._@+-]`, not starting with `-`, `.` or `@`."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"Not a name for a group: {name!r}",
            "Use 1 to 63 letters, digits and . _ @ + -, not starting with a dot, a dash or an @",
        )


class Groups:
    """Administration of groups. `enforcer` ends what depends on what is taken away."""

    def __init__(self, store: Store, enforcer: Enforcer | None = None) -> None:
        self._store = store
        self._enforcer = enforcer or Enforcer()

    def add(self, names: Sequence[str]) -> Outcome[Group]:
        """Add groups, each for itself: UsageError for a bad name, ConflictError for a taken one."""

        def add(name: str) -> Group:
            check_name(name)
            return self._store.groups.add_group(name)

        return try_each(names, add)

    def all(self) -> list[Group]:
        """Give all groups by name."""
        return self._store.groups.groups()

    def one(self, name: str) -> Group:
        """Give one group. Raises NotFoundError."""
        return self._store.groups.group(_plain(name))

    def grants(self) -> list[Grant]:
        """Give what is granted to groups, by group, image, age."""
        return self._store.groups.grants()

    def remove(self, names: Sequence[str], *, stop: bool = False) -> Outcome[str]:
        """Remove groups with their grants, each for itself, with `stop` also what runs by them; gives the names.

        NotFoundError.
        """

        def remove(name: str) -> str:
            group = self.one(name)
            granted = self._store.grants(group=group.name)
            self._store.groups.remove_group(group.name)
            self._enforcer.withdraw(granted, had=group.members, stop=stop)
            return group.name

        return try_each(names, remove)

    def join(self, name: str, users: Sequence[str]) -> Outcome[str]:
        """Take users into a group, each for itself; who is in it already is no error. Gives their names.

        NotFoundError for the group, and for a user.
        """

        def join(user: str) -> str:
            self._store.groups.join(group, user)
            return user

        group = self.one(name).name
        return try_each(users, join)

    def leave(self, name: str, users: Sequence[str], *, stop: bool = False) -> Outcome[str]:
        """Take users out of a group, each for itself, with `stop` also what they run by it. Gives their names.

        NotFoundError for the group, and for a user who is not in it.
        """

        def leave(user: str) -> str:
            self._store.groups.leave(group, user)
            self._enforcer.withdraw(self._store.grants(group=group), of=(user,), stop=stop)
            return user

        group = self.one(name).name
        return try_each(users, leave)


def _plain(name: str) -> str:
    """Return the name of a group that may be written as in grants, after an `@`."""
    return name.removeprefix("@")
