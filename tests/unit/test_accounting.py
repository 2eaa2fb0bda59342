"""What an administrator does, on a real store in a file."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from srctl.accounting import Accounting
from srctl.db.setup import initialise
from srctl.db.store import SqlStore, open_store
from srctl.errors import ConflictError, NotFoundError, SeveralErrors, UnreachableError, UsageError
from srctl.models import Application, Image, Policy, Volume

_BODY = b"\0\0\0\x0bssh-ed25519\0\0\0\x20"
KEY = "ssh-ed25519 " + base64.b64encode(_BODY + bytes(32)).decode() + " alice@laptop"
OTHER_KEY = "ssh-ed25519 " + base64.b64encode(_BODY + b"\1" * 32).decode()


def look_up(reference: str) -> Image:
    match reference:
        case "paraview:latest":
            return Image("sha256:1", labels={"eu.simphony-project.docker.ui_name": "ParaView"})
        case "hostile:latest":
            return Image("sha256:1", labels={"eu.simphony-project.docker.ui_name": "\x1b[31mred\n"})
        case "plain:latest":
            return Image("sha256:2")
        case "far:latest":
            raise UnreachableError("The engine does not answer", "Check the host")
    raise NotFoundError(f"There is no image {reference}")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    initialise(str(tmp_path / "srctl.db"))
    with open_store(str(tmp_path / "srctl.db")) as opened:
        yield opened


@pytest.fixture
def accounting(store: SqlStore) -> Accounting:
    return Accounting(store, look_up)


@pytest.fixture
def filled(accounting: Accounting) -> Accounting:
    accounting.add_users(["alice", "bob"]).check()
    accounting.add_application(Application("paraview"))
    return accounting


class TestUsers:
    def test_each_name_is_tried_and_each_failure_told(self, accounting: Accounting) -> None:
        outcome = accounting.add_users(["alice", "-x", "Alice", "bob"], admin=True)
        assert [user.name for user in outcome.done] == ["alice", "bob"]
        assert all(user.admin for user in outcome.done)
        assert [type(error) for error in outcome.errors] == [UsageError, ConflictError]
        with pytest.raises(SeveralErrors) as caught:
            outcome.check()
        assert caught.value.exit_code == 2

    def test_one_failure_is_raised_as_itself(self, accounting: Accounting) -> None:
        with pytest.raises(NotFoundError):
            accounting.remove_users(["nobody"]).check()

    def test_users_come_with_grants_where_asked(self, filled: Accounting) -> None:
        grant = filled.add_grant("paraview", "alice")
        assert [details.grants for details in filled.users()] == [None, None]
        assert [details.grants for details in filled.users(with_grants=True)] == [(grant,), ()]
        assert filled.user("alice").grants == (grant,)

    def test_a_user_is_disabled_and_enabled(self, filled: Accounting) -> None:
        assert filled.disable("alice").disabled
        assert not filled.enable("alice").disabled
        with pytest.raises(NotFoundError):
            filled.disable("nobody")

    def test_removed_users_are_gone(self, filled: Accounting) -> None:
        assert filled.remove_users(["bob", "nobody", "alice"]).done == ("bob", "alice")
        assert filled.users() == []


class TestKeys:
    def test_keys_are_added_listed_and_removed(self, filled: Accounting) -> None:
        first, second = filled.add_keys("alice", f"# two\n{KEY}\n{OTHER_KEY}\n").done
        assert filled.keys("alice") == [first, second]
        filled.remove_key("alice", first.fingerprint)
        assert filled.keys("alice") == [second]

    def test_one_bad_line_keeps_all_out(self, filled: Accounting) -> None:
        with pytest.raises(UsageError, match="Line 2"):
            filled.add_keys("alice", f"{KEY}\nnonsense")
        assert filled.keys("alice") == []

    def test_a_key_of_somebody_else_is_told_and_the_others_added(self, filled: Accounting) -> None:
        filled.add_keys("bob", KEY).check()
        outcome = filled.add_keys("alice", f"{KEY}\n{OTHER_KEY}")
        assert [key.blob for key in outcome.done] == [OTHER_KEY.split()[1]]
        with pytest.raises(ConflictError, match="bob"):
            outcome.check()

    def test_an_unknown_user_is_not_found(self, filled: Accounting) -> None:
        with pytest.raises(NotFoundError):
            filled.add_keys("nobody", KEY)


class TestApplications:
    def test_the_tag_is_made_explicit_and_the_title_read_from_the_image(self, accounting: Accounting) -> None:
        added = accounting.add_application(Application("paraview", port=8080))
        assert (added.image, added.title, added.port) == ("paraview:latest", "ParaView", 8080)
        assert accounting.application("paraview") == accounting.application("paraview:latest") == added

    @pytest.mark.parametrize("image", ["plain", "hostile"])
    def test_an_image_without_a_proper_title_gives_none(self, accounting: Accounting, image: str) -> None:
        assert accounting.add_application(Application(image)).title is None

    def test_a_title_given_stands(self, accounting: Accounting) -> None:
        assert accounting.add_application(Application("paraview", title="Mine")).title == "Mine"

    @pytest.mark.parametrize(("image", "kind"), [("absent", NotFoundError), ("far", UnreachableError)])
    def test_an_image_that_is_not_seen_is_not_added(
        self, accounting: Accounting, image: str, kind: type[NotFoundError | UnreachableError]
    ) -> None:
        with pytest.raises(kind) as caught:
            accounting.add_application(Application(image))
        assert "--no-verify" in caught.value.hint
        assert accounting.applications() == []
        assert accounting.add_application(Application(image), verify=False).image == f"{image}:latest"

    def test_without_a_host_nothing_can_be_verified(self, store: SqlStore) -> None:
        with pytest.raises(UnreachableError) as caught:
            Accounting(store).add_application(Application("paraview"))
        assert "--no-verify" in caught.value.hint

    def test_a_registered_image_is_a_conflict_before_anybody_is_asked(self, accounting: Accounting) -> None:
        accounting.add_application(Application("far"), verify=False)
        for verify in (True, False):
            with pytest.raises(ConflictError):
                accounting.add_application(Application("far:latest"), verify=verify)

    @pytest.mark.parametrize(
        "application",
        [
            Application("Not An Image"),
            Application("paraview", port=0),
            Application("paraview", port=65536),
            Application("paraview", path="relative"),
            Application("paraview", path="/a\nb"),
            Application("paraview", title=" "),
            Application("paraview", title="a\x1b"),
            Application("paraview", scheme="ftp"),
            Application("paraview", profile="loose"),
            Application("paraview", shm_size=0),
            Application("paraview", gpus="some"),
        ],
    )
    def test_bad_values_are_refused(self, accounting: Accounting, application: Application) -> None:
        with pytest.raises(UsageError):
            accounting.add_application(application, verify=False)

    def test_removed_applications_are_gone(self, filled: Accounting) -> None:
        outcome = filled.remove_applications(["absent", "paraview", "Not An Image"])
        assert outcome.done == ("paraview:latest",)
        assert [error.exit_code for error in outcome.errors] == [3, 2]


class TestGrants:
    def test_the_same_grant_again_is_the_same(self, filled: Accounting) -> None:
        assert filled.add_grant("paraview", "alice") == filled.add_grant("paraview:latest", "alice", Policy())

    def test_unknown_names_are_not_found_the_application_first(self, filled: Accounting) -> None:
        with pytest.raises(NotFoundError, match="absent:latest"):
            filled.add_grant("absent", "nobody")
        with pytest.raises(NotFoundError, match="nobody"):
            filled.add_grant("paraview", "nobody")
        for names in ({"user": "nobody"}, {"image": "absent"}):
            with pytest.raises(NotFoundError):
                filled.grants(**names)
        assert filled.grants(user="alice", image="paraview") == []

    def test_a_grant_is_removed_by_a_unique_prefix(self, filled: Accounting) -> None:
        grant = filled.add_grant("paraview", "alice")
        assert filled.remove_grants([grant.id[:8].upper()]).done == (grant.id,)
        assert filled.grants() == []

    def test_an_ambiguous_prefix_names_the_candidates(self, filled: Accounting) -> None:
        grants = [filled.add_grant("paraview", "alice", Policy(license=str(number))) for number in range(17)]
        first = [grant.id[0] for grant in grants]
        prefix = next(digit for digit in first if first.count(digit) > 1)
        with pytest.raises(ConflictError, match=next(grant.id for grant in grants if grant.id[0] == prefix)):
            filled.grant(prefix)

    def test_a_grant_stays_the_same_where_nothing_is_taken_away(self, filled: Accounting) -> None:
        before = filled.add_grant("paraview", "alice", Policy(volumes=(Volume("/a", "/b", "ro"),)))
        wider = Policy(allow_home=True, license="x", volumes=(Volume("/a", "/b", "rw"), Volume("/c", "/d", "ro")))
        after = filled.replace_grant(before.id[:8], wider)
        assert (after.id, after.policy, after.created) == (before.id, wider, before.created)
        assert filled.replace_grant(before.id, wider) == after

    @pytest.mark.parametrize(
        "narrower",
        [
            Policy(license="x", volumes=(Volume("/a", "/b", "rw"),)),
            Policy(allow_home=True, volumes=(Volume("/a", "/b", "rw"),)),
            Policy(allow_home=True, license="y", volumes=(Volume("/a", "/b", "rw"),)),
            Policy(allow_home=True, license="x", volumes=(Volume("/a", "/b", "ro"),)),
            Policy(allow_home=True, license="x", volumes=(Volume("/a", "/c", "rw"),)),
        ],
        ids=["home", "licence", "other licence", "read-only", "other target"],
    )
    def test_a_grant_is_another_where_something_is_taken_away(self, filled: Accounting, narrower: Policy) -> None:
        before = filled.add_grant("paraview", "alice", Policy(True, license="x", volumes=(Volume("/a", "/b", "rw"),)))
        after = filled.replace_grant(before.id, narrower)
        assert after.id != before.id
        assert [grant.policy for grant in filled.grants()] == [narrower]

    @pytest.mark.parametrize("grant_id", ["", "xyz", "%", "0" * 33, "ffffffff"])
    def test_an_id_that_nothing_has_is_not_found(self, filled: Accounting, grant_id: str) -> None:
        with pytest.raises(NotFoundError):
            filled.remove_grants([grant_id]).check()

    def test_removing_without_a_policy_removes_the_default_one(self, filled: Accounting) -> None:
        default = filled.add_grant("paraview", "alice")
        other = filled.add_grant("paraview", "alice", Policy(allow_home=True))
        assert filled.remove_grants_of("paraview", "alice").done == (default.id,)
        with pytest.raises(NotFoundError) as caught:
            filled.remove_grants_of("paraview", "alice")
        assert "--all" in caught.value.hint
        assert filled.remove_grants_of("paraview", "alice", Policy(allow_home=True)).done == (other.id,)

    def test_all_grants_of_a_pair_are_removed_at_once(self, filled: Accounting) -> None:
        filled.add_grant("paraview", "alice")
        filled.add_grant("paraview", "alice", Policy(volumes=(Volume("/a", "/b", "ro"),)))
        kept = filled.add_grant("paraview", "bob")
        assert len(filled.remove_grants_of("paraview", "alice", every=True).done) == 2
        assert filled.grants() == [kept]


def test_status_counts(filled: Accounting) -> None:
    filled.add_grant("paraview", "alice")
    status = filled.status()
    assert (status.users, status.applications, status.grants) == (2, 1, 1)


def test_who_brings_somebody_elses_key_is_no_administrator(store: SqlStore, filled: Accounting) -> None:
    filled.add_keys("alice", KEY).check()
    with pytest.raises(ConflictError):
        filled.appoint("eve", KEY)
    with pytest.raises(ConflictError):
        filled.appoint("bob", KEY)
    assert [(user.name, user.admin) for user in store.users()] == [("alice", False), ("bob", False)]
    assert filled.appoint("bob", OTHER_KEY).admin
    assert filled.appoint("bob", OTHER_KEY).admin
