"""`db check` finds what is wrong with a database, and only that, on SQLite and on PostgreSQL."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import delete, insert, update

from srctl import checking, public_keys
from srctl.db.engine import Database
from srctl.db.location import parse
from srctl.db.schema import applications, grants, group_members, user_keys, users
from srctl.db.store import SqlStore, open_store
from srctl.errors import UnreachableError
from srctl.models import Application, Policy, Volume
from tests.fakes import WEB, FakeEngine

KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)).decode() + " ann@laptop"
POLICY = Policy(allow_home=True, cpus=2.0, volumes=(Volume("/a", "/b", "ro"), Volume("/c", "/d", "rw")))


@pytest.fixture
def store(location: str) -> Iterator[SqlStore]:
    with open_store(location) as opened:
        opened.add_user("ann")
        opened.add_key("ann", public_keys.parse_keys(KEY)[0])
        opened.add_application(Application(WEB))
        opened.add_grant(WEB, "ann", POLICY)
        opened.groups.add_group("team")
        opened.groups.join("team", "ann")
        opened.add_grant(WEB, None, Policy(), group="team")
        yield opened


def problems(store: SqlStore, engine: FakeEngine | None = None) -> dict[str, str]:
    found = checking.check(store.archive, None if engine is None else lambda: engine)
    assert all(each.fix for each in found if not each.ok)
    return {each.check: str(each.problem) for each in found if not each.ok}


def test_a_sound_database_has_no_problem(store: SqlStore) -> None:
    assert problems(store, FakeEngine()) == {}
    checks = ["storage", "links", "policies", "names", "rules", "images"]
    assert [each.check for each in checking.check(store.archive, FakeEngine)] == checks


def test_images_that_the_host_does_not_have_are_named(store: SqlStore) -> None:
    digest = "web@sha256:" + "0" * 64
    for image in ("gone:1", "unused:1", digest):
        store.add_application(Application(image))
    for image in ("gone:1", digest):
        store.add_grant(image, "ann", Policy())
    engine = FakeEngine()
    engine.present[digest] = engine.present[WEB]
    assert problems(store, engine) == {"images": "fake does not have what is granted: gone:1"}


def test_a_host_that_can_not_be_asked_is_a_problem_of_its_own(store: SqlStore) -> None:
    engine = FakeEngine(faults={"images": [UnreachableError("It is away", "Wait")]})
    assert problems(store, engine) == {"images": "It is away"}
    assert problems(store) == {}


@pytest.mark.parametrize(
    ("statement", "check", "said"),
    [
        (update(grants).where(grants.c.user_id == 1).values(policy="nonsense"), "policies", "can't be read"),
        (update(grants).where(grants.c.user_id == 1).values(policy='{"a_limit":1}'), "policies", "can't be read"),
        (update(grants).where(grants.c.user_id == 1).values(policy="{}"), "policies", "changed by hand"),
        (update(users).values(name="anna"), "names", "anna"),
        (update(users).values(name="a b", name_folded="a b"), "rules", "user 'a b': Not a user name"),
        (update(applications).values(image="web"), "rules", "application 'web': Its image is 'web:latest' in full"),
        (update(applications).values(port=0), "rules", "0 is not a port"),
        (update(user_keys).values(blob="AAAA"), "rules", "is not a whole public key"),
        (update(user_keys).values(comment="other"), "", ""),
    ],
    ids=range(9),
)
def test_what_was_changed_by_hand_is_found(
    store: SqlStore, location: str, statement: object, check: str, said: str
) -> None:
    with Database(parse(location)) as database, database.writing() as connection:
        connection.execute(statement)  # type: ignore[call-overload]
    found = problems(store)
    assert list(found) == ([check] if check else [])
    assert said in found.get(check, "")


def test_rows_without_the_row_they_refer_to_are_counted(sqlite_location: str) -> None:
    place = parse(sqlite_location)
    with open_store(sqlite_location) as store:
        store.add_user("ann")
        store.add_application(Application(WEB))
        store.add_grant(WEB, "ann", Policy())
        with Database(place) as database, database.reading() as connection:
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            created = store.users()[0].created
            connection.execute(delete(users))
            connection.execute(insert(group_members).values(group_id=7, user_id=8, joined=created))
        assert problems(store) == {
            "links": "Rows refer to what is not there: 1 of grants to users, 1 of group_members to groups, "
            "1 of group_members to users"
        }


def test_an_index_that_does_not_say_what_the_table_says_is_found(sqlite_location: str) -> None:
    with open_store(sqlite_location) as store:
        for number in range(50):
            store.add_user(f"user{number}")
    with closing(sqlite3.connect(sqlite_location)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_users_1'"
        page = connection.execute(query).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with open(sqlite_location, "r+b") as file:
        file.seek((page - 1) * size)
        content = file.read(size)
        file.seek((page - 1) * size)
        file.write(content.replace(b"user7", b"uzer7"))
    with open_store(sqlite_location) as store:
        found = problems(store)
    assert list(found) == ["storage"]
    assert "missing from index" in found["storage"]
