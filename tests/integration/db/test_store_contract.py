"""What every store must do, run on SQLite and on PostgreSQL."""

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, event

from srctl.db.store import SqlStore, open_store
from srctl.errors import ConflictError, NotFoundError, UsageError
from srctl.models import Application, Grant, Policy, PublicKey, Volume
from srctl.needs import Store

KEY = PublicKey("ssh-ed25519", "AAAA", "SHA256:one", "alice@laptop")
POLICY = Policy(allow_home=True, license="secret", volumes=(Volume("/data", "/data", "ro"), Volume("/a", "/b", "rw")))


@pytest.fixture
def filled(store: SqlStore) -> SqlStore:
    store.add_user("alice")
    store.add_application(Application("paraview:5"))
    return store


def test_the_store_is_what_accounting_asks_for(store: SqlStore) -> None:
    protocol: Store = store
    assert protocol.users() == []


class TestUsers:
    def test_add_user_gives_back_what_user_finds(self, store: SqlStore) -> None:
        added = store.add_user("alice@lab.example", admin=True)
        assert added == store.user("alice@lab.example")
        assert (added.name, added.admin, added.disabled) == ("alice@lab.example", True, False)

    def test_times_are_aware_and_in_utc(self, store: SqlStore) -> None:
        created = store.add_user("alice").created
        assert created.tzinfo is UTC
        assert abs(created - datetime.now(UTC)) < timedelta(minutes=1)
        assert store.user("alice").created == created

    @pytest.mark.parametrize("again", ["alice", "Alice"])
    def test_a_name_exists_once_whatever_its_case(self, filled: SqlStore, again: str) -> None:
        with pytest.raises(ConflictError, match="alice"):
            filled.add_user(again)
        assert [user.name for user in filled.users()] == ["alice"]

    def test_users_come_in_the_order_of_bytes(self, store: SqlStore) -> None:
        for name in ("b", "a.b", "B2", "_x", "a+b"):
            store.add_user(name)
        assert [user.name for user in store.users()] == sorted(("b", "a.b", "B2", "_x", "a+b"))

    def test_an_id_is_never_given_again(self, store: SqlStore) -> None:
        first = store.add_user("alice").id
        store.remove_user("alice")
        assert store.add_user("bob").id > first

    def test_removing_a_user_removes_grants_and_keys(self, filled: SqlStore) -> None:
        filled.add_grant("paraview:5", "alice", Policy())
        filled.add_key("alice", KEY)
        filled.remove_user("alice")
        assert filled.grants() == []
        filled.add_user("bob")
        assert filled.add_key("bob", KEY).fingerprint == KEY.fingerprint

    def test_disabling_keeps_the_rows(self, filled: SqlStore) -> None:
        filled.add_grant("paraview:5", "alice", Policy())
        filled.set_disabled("alice", True)
        assert filled.user("alice").disabled
        assert len(filled.grants(user="alice")) == 1
        filled.set_disabled("alice", False)
        assert not filled.user("alice").disabled


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.user("nobody"),
        lambda store: store.remove_user("nobody"),
        lambda store: store.set_disabled("nobody", True),
        lambda store: store.keys("nobody"),
        lambda store: store.add_key("nobody", KEY),
        lambda store: store.remove_key("nobody", "SHA256:one"),
        lambda store: store.remove_key("alice", "SHA256:one"),
        lambda store: store.application("nothing:1"),
        lambda store: store.remove_application("nothing:1"),
        lambda store: store.add_grant("nothing:1", "alice", Policy()),
        lambda store: store.add_grant("paraview:5", "nobody", Policy()),
        lambda store: store.remove_grant("0" * 32),
        lambda store: store.user("ALICE"),
    ],
)
def test_what_is_not_there_is_not_found(filled: SqlStore, call: Callable[[SqlStore], object]) -> None:
    with pytest.raises(NotFoundError):
        call(filled)


class TestKeys:
    def test_a_key_is_kept_as_it_was_given(self, filled: SqlStore) -> None:
        added = filled.add_key("alice", KEY)
        assert filled.keys("alice") == [added]
        assert (added.type, added.blob, added.fingerprint, added.comment) == (
            KEY.type,
            KEY.blob,
            KEY.fingerprint,
            KEY.comment,
        )
        assert added.added is not None

    def test_the_same_key_of_the_same_user_again_is_no_error(self, filled: SqlStore) -> None:
        assert filled.add_key("alice", KEY) == filled.add_key("alice", KEY)

    def test_a_key_belongs_to_one_user(self, filled: SqlStore) -> None:
        filled.add_key("alice", KEY)
        filled.add_user("bob")
        with pytest.raises(ConflictError, match="alice"):
            filled.add_key("bob", KEY)
        assert filled.keys("bob") == []

    def test_remove_key_removes_it(self, filled: SqlStore) -> None:
        filled.add_key("alice", KEY)
        filled.remove_key("alice", KEY.fingerprint)
        assert filled.keys("alice") == []


class TestApplications:
    def test_every_field_comes_back(self, store: SqlStore) -> None:
        given = Application("kasm:1", 0, "Kasm", 6901, "/vnc?a=b", "https", "standard", 2**33, "all")
        added = store.add_application(given)
        assert added == store.application("kasm:1")
        assert store.applications() == [added]
        assert added == Application(
            "kasm:1", added.id, "Kasm", 6901, "/vnc?a=b", "https", "standard", 2**33, "all", added.created
        )

    def test_an_image_is_registered_once(self, filled: SqlStore) -> None:
        with pytest.raises(ConflictError, match="paraview:5"):
            filled.add_application(Application("paraview:5", title="other"))
        assert filled.application("paraview:5").title is None

    def test_an_id_is_never_given_again(self, filled: SqlStore) -> None:
        first = filled.application("paraview:5").id
        filled.remove_application("paraview:5")
        assert filled.add_application(Application("paraview:5")).id > first

    def test_removing_an_application_removes_its_grants(self, filled: SqlStore) -> None:
        filled.add_grant("paraview:5", "alice", Policy())
        filled.remove_application("paraview:5")
        assert filled.grants(user="alice") == []


class TestGrants:
    def test_a_grant_carries_its_application_and_policy(self, filled: SqlStore) -> None:
        grant = filled.add_grant("paraview:5", "alice", POLICY)
        assert re.fullmatch("[0-9a-f]{32}", grant.id)
        assert grant.application == filled.application("paraview:5")
        assert (grant.policy.allow_home, grant.policy.license) == (True, "secret")
        assert set(grant.policy.volumes) == set(POLICY.volumes)
        assert filled.grants() == [grant]

    def test_the_same_grant_again_is_the_one_that_stands(self, filled: SqlStore) -> None:
        turned = Policy(allow_home=True, license="secret", volumes=POLICY.volumes[::-1])
        assert filled.add_grant("paraview:5", "alice", POLICY) == filled.add_grant("paraview:5", "alice", turned)

    def test_an_empty_licence_is_no_licence(self, filled: SqlStore) -> None:
        first = filled.add_grant("paraview:5", "alice", Policy())
        assert filled.add_grant("paraview:5", "alice", Policy(license="")).id == first.id

    def test_other_policies_are_other_grants(self, filled: SqlStore) -> None:
        filled.add_grant("paraview:5", "alice", Policy())
        filled.add_grant("paraview:5", "alice", Policy(allow_view=True))
        assert len(filled.grants(user="alice", image="paraview:5")) == 2

    def test_the_application_is_checked_before_the_user(self, store: SqlStore) -> None:
        with pytest.raises(NotFoundError, match="nothing:1"):
            store.add_grant("nothing:1", "nobody", Policy())

    def test_a_removed_grant_gets_a_new_id(self, filled: SqlStore) -> None:
        first = filled.add_grant("paraview:5", "alice", Policy())
        filled.remove_grant(first.id)
        assert filled.add_grant("paraview:5", "alice", Policy()).id != first.id

    def test_filters_take_away_the_others(self, filled: SqlStore) -> None:
        filled.add_user("bob")
        filled.add_application(Application("jupyter:1"))
        for image in ("paraview:5", "jupyter:1"):
            for user in ("bob", "alice"):
                filled.add_grant(image, user, Policy())

        def pairs(found: list[Grant]) -> list[tuple[str, str]]:
            return [(grant.user, grant.application.image) for grant in found]

        assert pairs(filled.grants(user="bob")) == [("bob", "jupyter:1"), ("bob", "paraview:5")]
        assert pairs(filled.grants(image="jupyter:1")) == [("alice", "jupyter:1"), ("bob", "jupyter:1")]
        assert pairs(filled.grants(user="bob", image="jupyter:1")) == [("bob", "jupyter:1")]
        assert filled.grants(user="nobody") == []
        assert len(filled.grants()) == 4

    def test_grants_are_found_by_the_start_of_their_id(self, filled: SqlStore) -> None:
        grant = filled.add_grant("paraview:5", "alice", Policy())
        other = filled.add_grant("paraview:5", "alice", Policy(allow_view=True))
        assert filled.find_grants(grant.id) == [grant]
        assert grant in filled.find_grants(grant.id[:1])
        assert {found.id for found in filled.find_grants("")} == {grant.id, other.id}
        assert filled.existing_grants([grant.id, "0" * 32]) == {grant.id}
        assert filled.existing_grants([]) == frozenset()

    @pytest.mark.parametrize("keep", [True, False])
    def test_a_grant_is_replaced_in_one_step(self, filled: SqlStore, keep: bool) -> None:
        before = filled.add_grant("paraview:5", "alice", Policy())
        after = filled.replace_grant(before, POLICY, keep=keep)
        assert filled.grants() == [after]
        assert (after.policy.license, after.id == before.id) == ("secret", keep)
        assert (after.created == before.created) is keep

    def test_a_grant_that_is_gone_or_changed_or_there_beside_it_is_not_replaced(self, filled: SqlStore) -> None:
        before = filled.add_grant("paraview:5", "alice", Policy())
        after = filled.replace_grant(before, Policy(allow_view=True), keep=True)
        with pytest.raises(ConflictError, match="just been changed"):
            filled.replace_grant(before, POLICY, keep=True)
        twin = filled.add_grant("paraview:5", "alice", POLICY)
        for keep in (True, False):
            with pytest.raises(ConflictError, match=twin.id):
                filled.replace_grant(after, POLICY, keep=keep)
        assert set(filled.grants()) == {after, twin}
        filled.remove_grant(after.id)
        with pytest.raises(NotFoundError):
            filled.replace_grant(after, Policy(), keep=True)

    def test_pages_have_each_grant_once_and_equal_policies_once(self, filled: SqlStore) -> None:
        filled.add_user("bob")
        given = [filled.add_grant("paraview:5", user, each) for user in ("alice", "bob") for each in (Policy(), POLICY)]
        first = filled.grant_page("", 3)
        rest = filled.grant_page(first.lines[-1][0], 3)
        assert (len(first.lines), first.more, len(rest.lines), rest.more) == (3, True, 1, False)
        users = {user.id: user.name for user in filled.users()}
        application = filled.application("paraview:5")
        read = {
            (grant_id, users[user_id], application_id, page.policies[number], created)
            for page in (first, rest)
            for grant_id, user_id, application_id, number, created in page.lines
        }
        assert read == {(each.id, each.user, application.id, each.policy, each.created) for each in given}
        assert len(first.policies) <= 2

    def test_grants_of_a_user_take_one_query(self, filled: SqlStore) -> None:
        statements: list[str] = []

        def note(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
            statements.append(statement)

        for number in range(5):
            filled.add_grant("paraview:5", "alice", Policy(license=str(number)))
        event.listen(filled._database._engine, "before_cursor_execute", note)
        assert len(filled.grants(user="alice")) == 5
        assert len(statements) == 1


def test_status_counts(filled: SqlStore) -> None:
    filled.add_grant("paraview:5", "alice", Policy())
    status = filled.status()
    assert (status.users, status.applications, status.grants, status.pending) == (1, 1, 1, ())
    assert status.revision == status.head


def test_text_that_is_not_unicode_is_refused(store: SqlStore) -> None:
    with pytest.raises(UsageError, match="UTF-8"):
        store.user("al\udcffice")


_ADD = """
import sys
from srctl.db.store import open_store
from srctl.models import Policy
with open_store(sys.argv[1]) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(20):
        print(store.add_grant("paraview:5", "alice", Policy(license=str(number))).id)
"""


def test_processes_that_add_the_same_grants_at_once_get_the_same_ids(filled: SqlStore, location: str) -> None:
    command = [sys.executable, "-c", _ADD, location]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    results = [_finish(process) for process in running]
    assert len(set(results)) == 1
    assert {grant.id for grant in filled.grants()} == set(results[0].split())


def _finish(process: subprocess.Popen[str]) -> str:
    out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, "")
    return out


def test_two_stores_on_one_database_see_each_other(filled: SqlStore, location: str) -> None:
    with open_store(location) as other:
        other.add_user("bob")
    assert [user.name for user in filled.users()] == ["alice", "bob"]
