"""What of the gateway is compared with what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.gateway.people import database, key, question
from bench.measure import Case, timed

MANY, FEW = 10_000, 10


def keys_command(folder: Path) -> Iterator[Case]:
    """Compare what each login pays for sshd's question among many people with the same among few, and with nothing."""
    many, few = (database(folder / str(people), people) for people in (MANY, FEW))
    asked = [timed(question(path, key(7))) for path in (many, few)]
    title = f"keys command, {MANY:,} users with 2 keys each"
    yield Case(f"{title} / {FEW} users", asked[0], asked[1], 1.2, 41)
    unknown = [timed(question(path, key(-1))) for path in (many, few)]
    yield Case(f"{title}, a key that nobody has / {FEW} users", unknown[0], unknown[1], 1.2, 41)
    yield Case(f"{title} / Python alone", asked[0], timed(["/usr/bin/python3", "-ISE", "-c", ""]), 2.5, 41)


GROUPS = {"keys": keys_command}
