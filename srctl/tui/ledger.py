"""Reads all users with all their grants, which may be many, so that nobody who watches the screen notices.

While one thread makes thousands of values out of one answer, the one that draws has to wait. So grants come in pages,
each of them short. The search for garbage, which looks through all of them again and again, is spared them for good.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from srctl.accounting import Accounting, UserDetails
from srctl.models import Application, Grant, User
from srctl.tui.state import Books


def users(accounting: Accounting, applications: list[Application]) -> list[UserDetails]:
    """Return all users by name with their grants of these applications, by image and age."""
    people = [each.user for each in accounting.users()]
    granted: dict[str, list[Grant]] = {user.name: [] for user in people}
    for grant in _grants(accounting, people, applications):
        granted[grant.user].append(grant)
    return [UserDetails(user, tuple(sorted(granted[user.name], key=_order))) for user in people]


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
    """Return the books with what is known of one user now."""
    name = details.user.name
    return replace(books, users=[details if each.user.name == name else each for each in books.users])


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
