"""The rival: `python by_hand.py CSV DATABASE` reads CSV with Python's own module and fills our tables by `executemany`.

It checks nothing, skips nothing, and derives no id that lasts.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
import sys
import uuid
from contextlib import closing

NOW = "2030-01-01 00:00:00.000000"
USERS = "INSERT INTO users (id, name, name_folded, admin, disabled, created) VALUES (?, ?, ?, 0, 0, ?)"
APPLICATIONS = "INSERT INTO applications (id, image, created) VALUES (?, ?, ?)"
GRANTS = "INSERT INTO grants (id, user_id, application_id, policy, policy_digest, created) VALUES (?, ?, ?, ?, ?, ?)"


def policy(row: dict[str, str]) -> str:
    """Return a policy as the database has it."""
    found: dict[str, object] = {name: True for name in ("allow_home", "allow_view") if row[f"policy.{name}"] == "1"}
    source, target, mode = (row[f"policy.volume_{name}"] for name in ("source", "target", "mode"))
    if source and target and mode:
        found["volumes"] = [{"source": source, "target": target, "mode": mode}]
    return json.dumps(found, sort_keys=True, separators=(",", ":"))


def main(source: str, target: str) -> None:
    """Fill a database that is empty."""
    users: dict[str, int] = {}
    images: dict[str, int] = {}
    grants = []
    with open(source, newline="") as stream:
        for row in csv.DictReader(stream):
            user = users.setdefault(row["user.name"], len(users) + 1)
            image = images.setdefault(row["application.image"], len(images) + 1)
            text = policy(row)
            digest = hashlib.sha256(text.encode()).hexdigest()
            grants.append((uuid.uuid4().hex, user, image, text, digest, NOW))
    with closing(sqlite3.connect(target)) as connection, connection:
        connection.executemany(USERS, ((number, name, name.casefold(), NOW) for name, number in users.items()))
        connection.executemany(APPLICATIONS, ((number, name, NOW) for name, number in images.items()))
        connection.executemany(GRANTS, grants)


if __name__ == "__main__":
    main(*sys.argv[1:])
