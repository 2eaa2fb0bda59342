"""Reads all users with all their grants, which may be many, so that nobody who watches the screen notices.

While one thread makes thousands of values out of one answer, the one that draws has to wait. So grants come in pages,
each of them short. The search for garbage, which looks through all of them again and again, is spared them for good.
"""

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from srctl.accounting import Accounting, UserDetails
from srctl.models import Application, Grant, Group, User
from srctl.tui.state import Books


@dataclass(frozen=True, slots=True)
class Team:
    """A group with what is granted to it."""

    group: Group
    grants: Sequence[Grant]


def users(accounting: Accounting, applications: Sequence[Application], groups: Sequence[Group]) -> list[UserDetails]:
    """Return all users by name with their groups and their own grants of these applications, by image and age."""
    people = accounting.users()
    granted: dict[str, list[Grant]] = {each.user.name: [] for each in people}
    for grant in _grants(accounting, [each.user for each in people], applications):
        granted[grant.holder].append(grant)
    inside: dict[str, tuple[str, ...]] = {}
    for group in groups:
        inside |= {name: (*inside.get(name, ()), group.name) for name in group.members}

    def details(each: UserDetails) -> UserDetails:
        name = each.user.name
        return replace(each, grants=tuple(sorted(granted[name], key=_order)), groups=inside.get(name, ()))

    return [details(each) for each in people]


def by_group(grants: Iterable[Grant]) -> dict[str, list[Grant]]:
    """Return grants of groups by the names of those."""
    found: dict[str, list[Grant]] = {}
    for grant in grants:
        found.setdefault(str(grant.group), []).append(grant)
    return found


@contextmanager
def unnoticed() -> Iterator[None]:
    """Make many values that live long: no search for garbage looks at them, now or later.

    They are freed all the same once nothing refers to them. Garbage of others is looked for before, when little else
    is left to look through; the first time, when all modules would be, it is left where it is.
    """
    if gc.get_freeze_count():
        gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def patched(books: Books, now: UserDetails | Team) -> Books:
    """Return the books with what is known now of one user, with the own grants only, or of one group."""
    if isinstance(now, Team):
        name, grants = now.group.name, tuple(now.grants)
        before: Sequence[Grant] = books.shared.get(name, ())
        groups = [now.group if each.name == name else each for each in books.groups]
        books = replace(books, groups=groups, shared={**books.shared, name: grants})
    else:
        name, grants = now.user.name, tuple(grant for grant in now.grants or () if grant.group is None)
        place = next((index for index, each in enumerate(books.users) if each.user.name == name), None)
        if place is None:
            return books
        users, before = list(books.users), books.users[place].grants or ()
        users[place] = replace(now, grants=grants, keys=users[place].keys)
        books = replace(books, users=users)
    granted = Counter(books.granted)
    granted.subtract(grant.application.image for grant in before)
    granted.update(grant.application.image for grant in grants)
    return replace(books, granted=granted)


def _grants(accounting: Accounting, people: Sequence[User], applications: Sequence[Application]) -> Iterator[Grant]:
    names = {user.id: user.name for user in people}
    known = {application.id: application for application in applications}
    more, after = True, ""
    while more:
        page = accounting.grant_page(after)
        for grant_id, user_id, application_id, number, created in page.lines:
            name, application = names.get(user_id), known.get(application_id)
            if name is not None and application is not None:  # of somebody who was added meanwhile: next time
                yield Grant(grant_id, name, application, page.policies[number], created)
        more = page.more and bool(page.lines)
        after = page.lines[-1][0] if page.lines else ""


def _order(grant: Grant) -> tuple[object, ...]:
    return grant.application.image, grant.created, grant.id
