"""What every source of accounting data must do, as tests that its author runs with pytest.

Derive a class from `SourceContract`, or from `WritableContract` for a source that can be written to, whose name begins
with `Test`, and give it a fixture `open_source`: a function that opens a source, each time over the same data. There
should be a few users, applications and grants in it. Nothing else is asked of the author's tests.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from srctl import wellformed
from srctl.contents import Changes, Contents, GrantEntry, GroupEntry, KeyEntry, Source, UserEntry
from srctl.db.source_store import SourceStore
from srctl.errors import ConflictError, NotFoundError, SrctlError, UnsupportedError
from srctl.models import Application, Policy
from srctl.needs import Store

Opener = Callable[[], Source]

_USER = UserEntry("srctl-contract.user")
_GROUP = GroupEntry("srctl-contract.group", (_USER.name,))
_KEY = KeyEntry(
    "SHA256:kmYcvdi2GkPeWxB6XLjrZB8JHsy2Hm8luHMFp9GMvqk",
    _USER.name,
    "ssh-ed25519",
    "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "contract",
)
_APPLICATION = Application("srctl-contract/application:1")
_GRANTS = (
    GrantEntry("5" * 32, _USER.name, _APPLICATION.image, Policy(allow_home=True)),
    GrantEntry("6" * 32, None, _APPLICATION.image, Policy(), _GROUP.name),
)
_ALL = Contents((_USER,), (_GROUP,), (_KEY,), (_APPLICATION,), _GRANTS)


@contextmanager
def _opened(open_source: Opener) -> Iterator[Source]:
    source = open_source()
    try:
        yield source
    finally:
        source.close()


def _kinds(contents: Contents) -> dict[str, set[Any]]:
    """Return the entries without their order."""
    kinds = ("users", "groups", "keys", "applications", "grants")
    return {kind: set(getattr(contents, kind)) for kind in kinds}


def _raised(kind: type[SrctlError], action: Callable[[], object]) -> bool:
    try:
        action()
    except kind:
        return True
    return False


class SourceContract:
    """What every source must do."""

    def test_its_contents_keep_the_rules(self, open_source: Opener) -> None:
        """Names, images, keys and policies are well-formed, in their one form, and there once."""
        with _opened(open_source) as source:
            assert list(wellformed.problems(source.contents())) == []

    def test_there_is_something_to_test_it_with(self, open_source: Opener) -> None:
        """Otherwise the other tests say little."""
        with _opened(open_source) as source:
            contents = source.contents()
            assert contents.users
            assert contents.applications
            assert contents.grants

    def test_what_has_not_changed_is_the_same_object(self, open_source: Opener) -> None:
        """A long run asks again and again."""
        with _opened(open_source) as source:
            assert source.contents() is source.contents()

    def test_another_process_finds_the_same(self, open_source: Opener) -> None:
        """The ids of grants above all: sessions that run bear them."""
        with _opened(open_source) as one, _opened(open_source) as other:
            assert _kinds(one.contents()) == _kinds(other.contents())

    def test_the_time_of_its_contents_has_a_zone(self, open_source: Opener) -> None:
        """Times are aware, in UTC."""
        with _opened(open_source) as source:
            as_of = source.contents().as_of
            assert as_of is None or as_of.utcoffset() is not None

    def test_closing_twice_is_no_error(self, open_source: Opener) -> None:
        """Whoever closes need not know who else does."""
        source = open_source()
        source.close()
        source.close()

    def test_no_changes_change_nothing(self, open_source: Opener) -> None:
        """They also tell whether it can be written to."""
        with _opened(open_source) as source:
            before = _kinds(source.contents())
            _raised(UnsupportedError, lambda: source.carry_out(Changes()))
            assert _kinds(source.contents()) == before

    def test_what_can_not_be_written_to_refuses_all_changes(self, open_source: Opener) -> None:
        """With `UnsupportedError`, and whatever the changes are."""
        with _opened(open_source) as source:
            if not _raised(UnsupportedError, lambda: source.carry_out(Changes())):
                return
            before = _kinds(source.contents())
            assert _raised(UnsupportedError, lambda: source.carry_out(Changes(added=_ALL)))
            assert _raised(UnsupportedError, lambda: source.carry_out(Changes(removed=source.contents())))
            assert _kinds(source.contents()) == before

    def test_as_the_database_of_srctl_it_says_the_same(self, open_source: Opener) -> None:
        """Each user, application and grant is found by its name, and no others are."""
        with _opened(open_source) as source:
            contents = source.contents()
            store: Store = SourceStore(source, "contract")
            assert [user.name for user in store.users()] == sorted(entry.name for entry in contents.users)
            assert {grant.id for grant in store.grants()} == {entry.id for entry in contents.grants}
            for entry in contents.grants:
                [found] = store.find_grants(entry.id)
                assert (found.user, found.group, found.application.image) == (entry.user, entry.group, entry.image)
                assert found in store.grants(user=entry.user, group=entry.group, image=entry.image)
            assert _raised(NotFoundError, lambda: store.user("srctl-contract.nobody"))
            assert _raised(NotFoundError, lambda: store.application("srctl-contract/nothing:1"))


class WritableContract(SourceContract):
    """What a source must do that can be written to; what the tests add they remove."""

    def test_what_is_added_is_there_for_all_and_what_is_removed_is_gone(self, open_source: Opener) -> None:
        """Every kind of entry, to every field."""
        with _opened(open_source) as source:
            before = _kinds(source.contents())
            source.carry_out(Changes(added=_ALL))
            try:
                with _opened(open_source) as other:
                    for found in (source.contents(), other.contents()):
                        added = {kind: entries - before[kind] for kind, entries in _kinds(found).items()}
                        assert added == _kinds(_ALL)
            finally:
                source.carry_out(Changes(removed=_ALL))
            with _opened(open_source) as other:
                assert _kinds(source.contents()) == _kinds(other.contents()) == before

    def test_what_is_changed_becomes_what_it_is_to_be(self, open_source: Opener) -> None:
        """An entry keeps what it is known by, and nothing else of what it was."""
        changed = Contents(
            (_USER._replace(admin=True, disabled=True),),
            (_GROUP._replace(members=()),),
            (_KEY._replace(comment="other"),),
            (Application(_APPLICATION.image, title="Title", port=1, path="/p", scheme="https", shm_size=2**33),),
            (_GRANTS[0]._replace(policy=Policy(license="text", cpus=1.5)), _GRANTS[1]),
        )
        with _opened(open_source) as source:
            before = _kinds(source.contents())
            source.carry_out(Changes(added=_ALL))
            try:
                source.carry_out(Changes(changed=changed))
                found = {kind: entries - before[kind] for kind, entries in _kinds(source.contents()).items()}
                assert found == _kinds(changed)
            finally:
                source.carry_out(Changes(removed=_ALL))

    def test_what_does_not_fit_is_a_conflict_and_does_nothing_at_all(self, open_source: Opener) -> None:
        """Also what else was to be done with it is not done."""
        with _opened(open_source) as source:
            contents = source.contents()
            there = Contents(users=contents.users[:1])
            new = Contents(users=(_USER,))
            for changes in (
                Changes(added=Contents(users=(_USER, *there.users))),
                Changes(changed=there, removed=new),
                Changes(added=Contents(applications=(_APPLICATION,)), changed=new),
                Changes(added=Contents(applications=(_APPLICATION,)), removed=new),
            ):
                before = _kinds(source.contents())
                assert _raised(ConflictError, lambda changes=changes: source.carry_out(changes))  # type: ignore[misc]
                with _opened(open_source) as other:
                    assert _kinds(source.contents()) == _kinds(other.contents()) == before
