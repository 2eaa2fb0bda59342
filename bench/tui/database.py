"""An accounting database of many users, applications and grants."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from bench.tui import many
from srctl.db import policy_json
from srctl.db.setup import initialise


def write(path: Path) -> None:
    """Make an accounting database of them."""
    initialise(str(path))
    offered, people = many.applications(), many.users()
    texts = {policy: policy_json.dump(policy) for policy in many.POLICIES}
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO users (id, name, name_folded, admin, disabled, created) VALUES (?, ?, ?, 0, ?, ?)",
            [(user.id, user.name, user.name, user.disabled, _moment(user.created)) for user in people],
        )
        connection.executemany(
            "INSERT INTO applications (id, image, title, created) VALUES (?, ?, ?, ?)",
            [(each.id, each.image, each.title, _moment(many.SINCE)) for each in offered],
        )
        connection.executemany(
            "INSERT INTO grants (id, user_id, application_id, policy, policy_digest, created)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [
                (each.id, user.id, each.application.id, text, policy_json.digest(text), _moment(each.created))
                for number, user in enumerate(people)
                for each in many.granted(number, user.name, offered)
                for text in (texts[each.policy],)
            ],
        )


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
