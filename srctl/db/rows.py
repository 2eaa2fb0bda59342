"""Rows of the database and the values that they become: which columns are read, and in which order.

Rows never leave `srctl.db`. The order of the columns is that of the fields of the values.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from srctl.db import policy_json
from srctl.db.schema import applications, grants, user_keys, users
from srctl.models import Application, Grant, Policy, PublicKey, User

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
KEYS = select(user_keys.c.type, user_keys.c.blob, user_keys.c.fingerprint, user_keys.c.comment, user_keys.c.added)
APPLICATIONS = select(*APPLICATION_COLUMNS)
GRANTS = select(grants.c.id, users.c.name, grants.c.policy, grants.c.created, *APPLICATION_COLUMNS).select_from(
    grants.join(users).join(applications)
)


def to_grants(rows: Sequence[Sequence[Any]]) -> list[Grant]:
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


def to_user(row: Sequence[Any]) -> User:
    """Make a user of a row of `USERS`."""
    user_id, name, created, admin, disabled = row
    return User(user_id, name, _utc(created), admin, disabled)


def to_key(row: Sequence[Any]) -> PublicKey:
    """Make a key of a row of `KEYS`."""
    kind, blob, fingerprint, comment, added = row
    return PublicKey(kind, blob, fingerprint, comment, _utc(added))


def to_application(row: Sequence[Any]) -> Application:
    """Make an application of a row of `APPLICATIONS`."""
    image, app_id, title, port, path, scheme, profile, shm_size, gpus, created = row
    return Application(image, app_id, title, port, path, scheme, profile, shm_size, gpus, _utc(created))


def _utc(moment: datetime) -> datetime:
    """SQLite gives naive UTC, PostgreSQL the time zone of the connection."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
