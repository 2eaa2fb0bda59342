"""Statements about grants: all of them in parts, and one put in the place of another."""

import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Result, delete, insert, select, update

from srctl.db import policy_json, rows
from srctl.db.schema import grants
from srctl.errors import ConflictError, NotFoundError
from srctl.models import Grant, GrantPage, Policy

_BATCH = 500
"""Rows that are taken at once. No other thread runs meanwhile, and some of them must not wait."""


def in_batches(result: Result[Any]) -> Iterator[Sequence[Any]]:
    """Yield rows, taken in small parts."""
    for batch in result.partitions(_BATCH):
        yield from batch


def page(connection: Connection, after: str, most: int) -> GrantPage:
    """Return the grants whose ids follow `after`, at most so many."""
    query = rows.SHORT_GRANTS.where(grants.c.id > after).order_by(grants.c.id).limit(most + 1)
    found = list(in_batches(connection.execute(query)))
    return rows.to_page(found[:most], more=len(found) > most)


def replace(connection: Connection, before: Grant, policy: Policy, *, keep: bool) -> Grant:
    """Give a grant another policy, or put a new grant with it in its place. Raises NotFoundError and ConflictError."""
    columns = (grants.c.user_id, grants.c.application_id, grants.c.policy_digest)
    found = connection.execute(select(*columns).where(grants.c.id == before.id).with_for_update()).first()
    if found is None:
        raise NotFoundError(f"There is no grant {before.id}", "See `srctl grant list`")
    if found.policy_digest != policy_json.digest(policy_json.dump(before.policy)):
        raise ConflictError(f"The grant {before.id} has just been changed by somebody else", "Look again")
    text = policy_json.dump(policy)
    place = {"user_id": found.user_id, "application_id": found.application_id}
    values = {"policy": text, "policy_digest": policy_json.digest(text)}
    _refuse_twin(connection, before, place | {"policy_digest": values["policy_digest"]})
    if keep:
        grant_id = before.id
        connection.execute(update(grants).where(grants.c.id == grant_id).values(values))
    else:
        grant_id = secrets.token_hex(16)
        connection.execute(delete(grants).where(grants.c.id == before.id))
        connection.execute(insert(grants).values(place | values | {"id": grant_id, "created": datetime.now(UTC)}))
    return rows.to_grants([connection.execute(rows.GRANTS.where(grants.c.id == grant_id)).one()])[0]


def _refuse_twin(connection: Connection, before: Grant, key: dict[str, Any]) -> None:
    """Raise ConflictError where the user has another grant of the application with that policy."""
    twin = connection.scalar(select(grants.c.id).where(*(grants.c[name] == value for name, value in key.items())))
    if twin is not None and twin != before.id:
        raise ConflictError(
            f"{before.user} has another grant of {before.application.image} with that policy: {twin}",
            f"Remove this one: `srctl grant remove {before.id}`",
        )
