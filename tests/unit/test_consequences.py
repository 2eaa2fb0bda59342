"""What ends when much changes at once: exactly what was lost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

import pytest

from srctl.consequences import refuse_lost, withdraw_lost
from srctl.contents import Contents, GrantEntry, GroupEntry, KeyEntry, UserEntry
from srctl.enforcing import Enforcer
from srctl.models import Grant, Policy, User

A, B, C = (digit * 32 for digit in "abc")
PEOPLE = {name: User(number, name, datetime.now(UTC)) for number, name in enumerate(("ann", "bob", "cyd"), 1)}
USERS = tuple(map(UserEntry, PEOPLE))
GRANTS = (GrantEntry(A, "ann", "web:1", Policy()), GrantEntry(B, None, "web:1", Policy(), "team"))
BEFORE = Contents(
    USERS,
    (GroupEntry("team", ("bob", "cyd")),),
    (KeyEntry("SHA256:1", "ann", "t", "b"), KeyEntry("SHA256:2", "bob", "t", "b")),
    grants=GRANTS,
)


class Noting(Enforcer):
    """Ends nothing, and notes what it was asked to end."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[object] = []

    def refuse(self, user: User) -> None:
        self.ended.append(user.id)

    def refuse_key(self, fingerprint: str) -> None:
        self.ended.append(fingerprint)

    def withdraw(
        self,
        grants: Sequence[Grant],
        *,
        of: Collection[str] | None = None,
        had: Collection[str] | None = None,
        stop: bool = False,
    ) -> None:
        assert (had, stop) == (None, False)
        self.ended.append(({grant.id for grant in grants}, set(of or ())))


@pytest.mark.parametrize(
    ("grants", "members", "lost"),
    [
        (GRANTS, ("bob", "cyd"), []),
        ((*GRANTS, GrantEntry(C, "bob", "web:1", Policy())), ("ann", "bob", "cyd"), []),
        (GRANTS[1:], ("bob", "cyd"), [({A}, {"ann"})]),
        (GRANTS, ("bob",), [({B}, {"cyd"})]),
        (GRANTS[:1], ("bob", "cyd"), [({B}, {"bob", "cyd"})]),
        ((GRANTS[0]._replace(user="bob"), GRANTS[1]), ("bob", "cyd"), [({A}, {"ann"})]),
        ((GRANTS[0]._replace(policy=Policy(allow_home=True)), GRANTS[1]), ("bob", "cyd"), []),
    ],
)
def test_rights_that_are_lost_are_withdrawn_from_those_who_lost_them(
    grants: tuple[GrantEntry, ...], members: tuple[str, ...], lost: list[object]
) -> None:
    enforcer = Noting()
    withdraw_lost(enforcer, BEFORE, Contents(USERS, (GroupEntry("team", members),), grants=grants))
    assert enforcer.ended == lost


@pytest.mark.parametrize(
    ("users", "keys", "refused"),
    [
        (USERS, BEFORE.keys, []),
        (USERS[1:], BEFORE.keys[1:], [1]),
        ((USERS[0]._replace(disabled=True), *USERS[1:]), BEFORE.keys, [1]),
        (USERS, BEFORE.keys[:1], ["SHA256:2"]),
        (USERS, (BEFORE.keys[0], BEFORE.keys[1]._replace(user="ann")), ["SHA256:2"]),
    ],
)
def test_people_and_keys_that_are_gone_are_refused(
    users: Iterable[UserEntry], keys: tuple[KeyEntry, ...], refused: list[object]
) -> None:
    enforcer = Noting()
    refuse_lost(enforcer, PEOPLE, BEFORE, Contents(tuple(users), keys=keys))
    assert enforcer.ended == refused
