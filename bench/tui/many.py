"""Many users, applications and grants: 5,000 by 50, and 50,000 of the 250,000 that could be granted.

There are a few groups too, with many members.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from srctl.models import Application, Grant, Group, Policy, User, Volume

USERS, APPLICATIONS, EACH = 5000, 50, 10
GROUPS, INSIDE = 8, 4
"""How many groups there are, and what share of the users each has: one in so many."""

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
POLICIES = (
    Policy(),
    Policy(allow_home=True),
    Policy(allow_home=True, allow_view=True),
    Policy(license="27000@licences"),
    Policy(volumes=(Volume("/srv/data", "/data", "ro"),)),
)


def users() -> list[User]:
    """Return the users; some are disabled."""
    return [User(number + 1, f"user{number:04}", SINCE, disabled=number % 50 == 7) for number in range(USERS)]


def applications() -> list[Application]:
    """Return the applications."""
    return [
        Application(f"registry.example/app{number:02}:1", number + 1, f"Tool {number:02}")
        for number in range(APPLICATIONS)
    ]


def granted(number: int, user: str, offered: list[Application]) -> Iterator[Grant]:
    """Yield the grants of the user with that number."""
    for turn in range(EACH):
        place = (number * 7 + turn * 5) % APPLICATIONS
        grant_id = f"{number * EACH + turn:032x}"
        yield Grant(grant_id, user, offered[place], POLICIES[(number + turn) % len(POLICIES)], SINCE)


def groups() -> list[Group]:
    """Return the groups with their members."""
    return [
        Group(
            number + 1, f"group{number}", SINCE, tuple(f"user{each:04}" for each in range(number, USERS, INSIDE)), EACH
        )
        for number in range(GROUPS)
    ]


def shared(number: int, offered: list[Application]) -> Iterator[Grant]:
    """Yield the grants of the group with that number."""
    for turn in range(EACH):
        place = (number * 3 + turn * 5) % APPLICATIONS
        grant_id = f"{USERS * EACH + number * EACH + turn:032x}"
        yield Grant(grant_id, None, offered[place], POLICIES[turn % len(POLICIES)], SINCE, f"group{number}")
