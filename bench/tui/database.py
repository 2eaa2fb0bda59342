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
    groups = many.groups()
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
            "INSERT INTO groups (id, name, name_folded, created) VALUES (?, ?, ?, ?)",
            [(each.id, each.name, each.name, _moment(each.created)) for each in groups],
        )
        numbers = {user.name: user.id for user in people}
        connection.executemany(
            "INSERT INTO group_members (group_id, user_id, joined) VALUES (?, ?, ?)",
            [(each.id, numbers[name], _moment(each.created)) for each in groups for name in each.members],
        )
        held = [
            *((user.id, None, each) for n, user in enumerate(people) for each in many.granted(n, user.name, offered)),
            *((None, group.id, each) for n, group in enumerate(groups) for each in many.shared(n, offered)),
        ]
        connection.executemany(
            "INSERT INTO grants (id, user_id, group_id, application_id, policy, policy_digest, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (each.id, user, group, each.application.id, text, policy_json.digest(text), _moment(each.created))
                for user, group, each in held
                for text in (texts[each.policy],)
            ],
        )


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
