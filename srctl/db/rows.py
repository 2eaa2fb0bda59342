"""Rows of the database and the values that they become: which columns are read, and in which order.

Rows never leave `srctl.db`. The order of the columns is that of the fields of the values.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from srctl.db import policy_json
from srctl.db.schema import applications, audit, grants, shares, user_keys, users
from srctl.models import Application, AuditEntry, Grant, GrantPage, Policy, PublicKey, Share, User

APPLICATION_COLUMNS = (
    applications.c.image,
    applications.c.id,
    applications.c.title,
    applications.c.port,
    applications.c.path,
    applications.c.scheme,
    applications.c.profile,
    applications.c.shm_size,
    applications.c.gpus,
    applications.c.created,
)

USERS = select(users.c.id, users.c.name, users.c.created, users.c.admin, users.c.disabled)
KEYS = select(
    user_keys.c.type,
    user_keys.c.blob,
    user_keys.c.fingerprint,
    user_keys.c.comment,
    user_keys.c.added,
    user_keys.c.last_used,
)
APPLICATIONS = select(*APPLICATION_COLUMNS)
GRANTS = select(grants.c.id, users.c.name, grants.c.policy, grants.c.created, *APPLICATION_COLUMNS).select_from(
    grants.join(users).join(applications)
)
SHORT_GRANTS = select(grants.c.id, grants.c.user_id, grants.c.application_id, grants.c.policy, grants.c.created)
OWNERS, GUESTS = users.alias("owners"), users.alias("guests")
SHARES = (
    select(
        shares.c.id,
        shares.c.session_id,
        OWNERS.c.name,
        GUESTS.c.name,
        shares.c.slot,
        shares.c.created,
        shares.c.expires,
    )
    .join_from(shares, OWNERS, shares.c.owner_id == OWNERS.c.id)
    .join(GUESTS, shares.c.guest_id == GUESTS.c.id)
)
AUDIT = select(
    audit.c.time,
    audit.c.user,
    audit.c.fingerprint,
    audit.c.address,
    audit.c.action,
    audit.c.detail,
    audit.c.result,
)


def to_grants(rows: Iterable[Sequence[Any]]) -> list[Grant]:
    """Make grants of rows of `GRANTS`; equal policies and applications are made once."""
    policies: dict[str, Policy] = {}
    known: dict[str, Application] = {}
    result = []
    for grant_id, user, text, created, *columns in rows:
        policy = policies.get(text)
        if policy is None:
            policy = policies[text] = policy_json.load(text)
        application = known.get(columns[0])
        if application is None:
            application = known[columns[0]] = to_application(columns)
        result.append(Grant(grant_id, user, application, policy, _utc(created)))
    return result


def to_page(rows: Iterable[Sequence[Any]], *, more: bool) -> GrantPage:
    """Make a page of rows of `SHORT_GRANTS`; equal policies are told once."""
    numbers: dict[str, int] = {}
    lines = [
        (grant_id, user_id, application_id, numbers.setdefault(text, len(numbers)), _utc(created))
        for grant_id, user_id, application_id, text, created in rows
    ]
    return GrantPage(tuple(policy_json.load(text) for text in numbers), tuple(lines), more)


def to_user(row: Sequence[Any]) -> User:
    """Make a user of a row of `USERS`."""
    user_id, name, created, admin, disabled = row
    return User(user_id, name, _utc(created), admin, disabled)


def to_key(row: Sequence[Any]) -> PublicKey:
    """Make a key of a row of `KEYS`."""
    kind, blob, fingerprint, comment, added, last_used = row
    return PublicKey(kind, blob, fingerprint, comment, _utc(added), last_used and _utc(last_used))


def to_application(row: Sequence[Any]) -> Application:
    """Make an application of a row of `APPLICATIONS`."""
    image, app_id, title, port, path, scheme, profile, shm_size, gpus, created = row
    return Application(image, app_id, title, port, path, scheme, profile, shm_size, gpus, _utc(created))


def to_shares(rows: Sequence[Sequence[Any]]) -> list[Share]:
    """Make shares of rows of `SHARES`."""
    return [
        Share(session_id, owner, guest, slot, _utc(created), expires and _utc(expires))
        for _, session_id, owner, guest, slot, created, expires in rows
    ]


def to_entry(row: Sequence[Any]) -> AuditEntry:
    """Make an entry of a row of `AUDIT`."""
    return AuditEntry(_utc(row[0]), *row[1:])


def _utc(moment: datetime) -> datetime:
    """SQLite gives naive UTC, PostgreSQL the time zone of the connection."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
