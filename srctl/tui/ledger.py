"""Reads all users with all their grants, which may be many, so that nobody who watches the screen notices.

While one thread makes thousands of values out of one answer, the one that draws has to wait. So grants come in pages,
each of them short. The search for garbage, which looks through all of them again and again, is spared them for good.
"""

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from srctl.accounting import Accounting, UserDetails
from srctl.models import Application, Grant, User
from srctl.tui.state import Books


def users(accounting: Accounting, applications: list[Application]) -> list[UserDetails]:
    """Return all users by name with their grants of these applications, by image and age."""
    people = accounting.users()
    granted: dict[str, list[Grant]] = {each.user.name: [] for each in people}
    for grant in _grants(accounting, [each.user for each in people], applications):
        granted[grant.user].append(grant)
    return [replace(each, grants=tuple(sorted(granted[each.user.name], key=_order))) for each in people]


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


def patched(books: Books, details: UserDetails) -> Books:
    """Return the books with what is known now of one user's grants."""
    name, users, granted = details.user.name, list(books.users), Counter(books.granted)
    for index, each in enumerate(users):
        if each.user.name == name:
            users[index] = replace(details, keys=each.keys)
            granted.subtract(grant.application.image for grant in each.grants or ())
            granted.update(grant.application.image for grant in details.grants or ())
    return replace(books, users=users, granted=granted)


def _grants(accounting: Accounting, people: list[User], applications: list[Application]) -> Iterator[Grant]:
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
