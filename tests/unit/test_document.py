"""What is written as a document is read again to the character, in each format; nonsense is told with its entry."""

from __future__ import annotations

import base64
import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srctl import document, formats, public_keys, revising, wellformed
from srctl.calls import CALLS
from srctl.contents import NOTHING, Changes, Contents, GrantEntry, GroupEntry, KeyEntry, UserEntry, applied
from srctl.errors import SeveralErrors, UsageError
from srctl.models import Application, Limits, Policy, Volume
from srctl.policy import checked

names = st.from_regex(r"[a-z0-9_+][a-z0-9._+-]{0,5}", fullmatch=True)
images = st.from_regex(r"[a-z]{1,4}(/[a-z]{1,3})?:[a-z0-9]{1,3}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
words = texts.map(lambda text: "".join(char for char in text if char.isprintable()).strip())
paths = words.filter(lambda text: ":" not in text and ".." not in text).map(lambda text: f"/{text.strip('/')}x")
limits_given: dict[str, st.SearchStrategy[Any]] = {
    "cpus": st.sampled_from([0.01, 1.0, 1.5, 4096.0]),
    "memory": st.integers(6 * 2**20, 2**50),
    "gpus": st.sampled_from(["all", "0", "2"]),
    "shm_size": st.integers(1, 2**50),
    "pids": st.integers(1, 2**22),
    "network": st.sampled_from(["none", "isolated", "bridge"]),
    "read_only": st.booleans(),
    "max_sessions": st.integers(1, 100),
    "max_lifetime": st.integers(60, 366 * 86400),
    "idle_timeout": st.integers(60, 366 * 86400),
}
policy_given = limits_given | {
    "expires": st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    "allow_home": st.booleans(),
    "allow_view": st.booleans(),
    "allow_startup_data": st.booleans(),
    "license": texts.map(lambda text: "".join(char for char in text if char.isprintable() or char in "\n\t")),
    "volumes": st.lists(
        st.builds(Volume, paths, paths, st.sampled_from(["ro", "rw"])), max_size=2, unique_by=lambda each: each.target
    ).map(tuple),
}
policies = st.fixed_dictionaries({}, optional=policy_given).map(lambda given: checked(Policy(**given)))
defaults = st.fixed_dictionaries({}, optional=limits_given).map(lambda given: Limits(**given))


def key_of(number: int, user: str) -> KeyEntry:
    blob = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + number.to_bytes(32)).decode()
    [key] = public_keys.parse_keys(f"ssh-ed25519 {blob} {user}@laptop {number}")
    return KeyEntry(key.fingerprint, user, key.type, key.blob, key.comment)


@st.composite
def contents(draw: st.DrawFn) -> Contents:
    people = draw(st.lists(names, max_size=4, unique_by=str.casefold))
    teams = draw(st.lists(names, max_size=2, unique_by=str.casefold))
    registered = draw(st.lists(images, max_size=3, unique=True))
    users = tuple(UserEntry(name, draw(st.booleans()), draw(st.booleans())) for name in people)
    members = st.lists(st.sampled_from(people), unique=True).map(sorted) if people else st.just([])
    groups = tuple(GroupEntry(name, tuple(draw(members))) for name in teams)
    keys = tuple(
        key_of(number, draw(st.sampled_from(people))) for number in range(draw(st.integers(0, 2)) if people else 0)
    )
    applications = tuple(
        Application(
            image,
            title=draw(st.none() | words.filter(bool)),
            port=draw(st.none() | st.integers(1, 65535)),
            path=draw(st.none() | words.map(lambda text: f"/{text}")),
            scheme=draw(st.sampled_from([None, "http", "https"])),
            profile=draw(st.sampled_from([None, "strict", "standard"])),
            shm_size=draw(st.none() | st.integers(1, 2**50)),
            gpus=draw(st.sampled_from([None, "all", "3"])),
            defaults=draw(defaults),
        )
        for image in registered
    )
    holders = [(name, None) for name in people] + [(None, name) for name in teams]
    grants: dict[tuple[object, ...], GrantEntry] = {}
    if holders and registered:
        for number in range(draw(st.integers(0, 4))):
            (user, group), image = draw(st.sampled_from(holders)), draw(st.sampled_from(registered))
            entry = GrantEntry(f"{number:032x}", user, image, draw(policies), group)
            grants.setdefault(tuple(entry[1:]), entry)
    return Contents(users, groups, keys, applications, tuple(grants.values()))


def plain(found: Contents) -> dict[str, set[Any]]:
    """Return contents without their order."""
    return {kind: set(getattr(found, kind)) for kind in ("users", "groups", "keys", "applications", "grants")}


def said(found: Contents, form: str) -> document.Declared:
    return document.read(formats.load(formats.dump(document.write(found), form)))


@given(contents(), st.sampled_from(formats.FORMATS))
def test_what_is_written_is_read_again(found: Contents, form: str) -> None:
    assert list(wellformed.problems(found)) == []
    declared = said(found, form)
    assert declared.problems == ()
    assert plain(declared.contents) == plain(found)
    assert not revising.plan(found, declared, prune=True)
    assert not revising.plan(found, declared)


@given(contents(), contents())
def test_with_prune_any_contents_become_those_of_the_document(before: Contents, wanted: Contents) -> None:
    moved = wanted.grants
    ours = {grant.id: grant[1:] for grant in before.grants}
    grants = tuple(each._replace(id=f"f{each.id[1:]}") if each.id in ours else each for each in moved)
    wanted = Contents(wanted.users, wanted.groups, wanted.keys, wanted.applications, grants)
    changes = revising.plan(before, said(wanted, "toml"), prune=True)
    assert plain(applied(before, changes)) == plain(wanted)
    assert all(revising.in_words(step).isprintable() for step in revising.steps(before, changes))


@given(contents(), contents())
def test_without_prune_nothing_goes(before: Contents, wanted: Contents) -> None:
    try:
        changes = revising.plan(before, said(wanted, "json"))
    except (UsageError, SeveralErrors):
        return  # ids, or names that differ only in case
    assert changes.removed == NOTHING


@settings(max_examples=20)
@given(contents(), contents())
def test_contents_and_changes_cross_a_gateway(one: Contents, other: Contents) -> None:
    read, change = CALLS["db.contents"].signature, CALLS["db.apply"].signature
    assert read.load(json.loads(json.dumps(read.dump(one)))) == one
    changes = Changes(one, other, one)
    sent = json.loads(json.dumps(change.dump_arguments({"changes": changes, "seen": "x"})))
    assert change.load_arguments(sent) == {"changes": changes, "seen": "x"}
    steps = revising.steps(one, Changes(added=other, removed=one))
    assert change.load(json.loads(json.dumps(change.dump(steps)))) == steps


def test_every_field_of_a_policy_is_tried() -> None:
    assert set(policy_given) == {each.name for each in fields(Policy)}
    assert set(limits_given) == {each.name for each in fields(Limits)} - {"expires"}


BEFORE = Contents(
    (UserEntry("ann"), UserEntry("bob")),
    (GroupEntry("team", ("bob",)),),
    (key_of(1, "ann"),),
    (Application("web:1"), Application("cad:1")),
    (
        GrantEntry("a" * 32, "ann", "web:1", Policy(allow_home=True)),
        GrantEntry("b" * 32, None, "web:1", Policy(), "team"),
    ),
)


def plan(text: str, *, prune: bool = False) -> Changes:
    return revising.plan(BEFORE, document.read(formats.load(text)), prune=prune)


def told(text: str) -> str:
    with pytest.raises((UsageError, SeveralErrors)) as caught:
        plan(text)
    errors = caught.value.errors if isinstance(caught.value, SeveralErrors) else (caught.value,)
    return "\n".join(each.message for each in errors)


class TestMeaning:
    """What a document means for what is there."""

    def test_a_grant_without_an_id_is_the_one_that_says_the_same(self) -> None:
        same = '{user="ann", image="web:1", policy={allow_home=true}}'
        changes = plan(f'grants=[{same}, {{user="ann", image="web:1"}}]', prune=True)
        [new] = changes.added.grants
        assert (new.user, new.policy, len(new.id)) == ("ann", Policy(), 32)
        assert [each.id for each in changes.removed.grants] == ["b" * 32]

    def test_another_policy_under_the_same_id_is_a_change(self) -> None:
        changes = plan(f'grants=[{{id="{"a" * 32}", user="ann", image="web:1", policy={{cpus=2}}}}]')
        assert changes == Changes(changed=Contents(grants=(BEFORE.grants[0]._replace(policy=Policy(cpus=2.0)),)))

    def test_an_id_that_is_not_there_is_kept(self) -> None:
        [new] = plan(f'grants=[{{id="{"c" * 32}", user="bob", image="cad:1"}}]').added.grants
        assert new == GrantEntry("c" * 32, "bob", "cad:1", Policy())

    def test_the_same_grant_under_another_id_is_there_already_and_with_prune_replaced(self) -> None:
        text = f'grants=[{{id="{"c" * 32}", user="ann", image="web:1", policy={{allow_home=true}}}}]'
        assert not plan(text)
        changes = plan(text, prune=True)
        assert [each.id for each in changes.added.grants] == ["c" * 32]
        assert {each.id for each in changes.removed.grants} == {"a" * 32, "b" * 32}

    def test_a_kind_that_the_document_does_not_have_is_left_alone(self) -> None:
        assert not plan("", prune=True)
        assert plan("keys=[]", prune=True) == Changes(removed=Contents(keys=BEFORE.keys))

    def test_what_goes_takes_along_what_refers_to_it(self) -> None:
        changes = plan('users=[{name="bob"}]', prune=True)
        assert plain(changes.removed) == plain(Contents(BEFORE.users[:1], keys=BEFORE.keys, grants=BEFORE.grants[:1]))
        changes = plan('applications=[{image="cad:1"}]\ngroups=[]', prune=True)
        assert plain(changes.removed) == plain(
            Contents(groups=BEFORE.groups, applications=BEFORE.applications[:1], grants=BEFORE.grants)
        )

    def test_an_entry_is_complete(self) -> None:
        changes = plan('groups=[{name="team"}]\nusers=[{name="ann", admin=true}]')
        assert changes == Changes(changed=Contents((UserEntry("ann", True),), (GroupEntry("team"),)))

    def test_values_may_be_written_as_people_write_them(self) -> None:
        text = """
grants:
  - user: bob
    image: web:1
    policy:
      {memory: 4g, max_lifetime: 12h, gpus: 2, cpus: 2, expires: 2030-01-31, volumes: ["/srv/b:/b:ro", "/a:/a:rw"]}
"""
        [new] = plan(text).added.grants
        assert new.policy == Policy(
            memory=2**32, max_lifetime=43200, gpus="2", cpus=2.0, expires=datetime(2030, 1, 31, tzinfo=UTC),
            volumes=(Volume("/a", "/a", "rw"), Volume("/srv/b", "/b", "ro")),
        )  # fmt: skip
        zone = '[[grants]]\nuser="bob"\nimage="web:1"\npolicy.expires=2030-01-31T02:00:00+02:00'
        assert plan(zone).added.grants[0].policy.expires == datetime(2030, 1, 31, tzinfo=UTC) - timedelta(0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("users = 1", "users must be a list of tables"),
        ("users = ['ann']", "users, entry 1: it must be a table"),
        ("user = []", "There is no 'user' in such a document; did you mean users?"),
        ("version = 2", "version is 2, and this srctl knows 1"),
        ("users = [{}]", "users, entry 1: there is no name"),
        ("users = [{name = 'a b'}]", "user 'a b': Not a user name"),
        ("users = [{name = 1}]", "users, entry 1: name is 1, but must be a text"),
        ("users = [{name = 'x', admn = true}]", "users, entry 1 (x): there is no 'admn'; did you mean admin?"),
        ("users = [{name = 'x', admin = 1}]", "users, entry 1 (x): admin is 1, but must be true or false"),
        ("users = [{name = 'x'}, {name = 'x'}]", "user 'x': It is there several times"),
        ("users = [{name = 'ANN'}]", "user 'ANN': It differs only in case from 'ann'"),
        ("groups = [{name = '@x'}]", "group '@x': Not a name for a group"),
        ("groups = [{name = 'x', members = ['nobody']}]", "group 'x': There is no user 'nobody'"),
        ("keys = [{user = 'ann', key = 'nonsense'}]", "keys, entry 1 (ann): Line 1 is not a public key"),
        ("keys = [{user = 'nobody', key = 'KEY'}]", "There is no user 'nobody'"),
        ("applications = [{image = 'UPPER'}]", "applications, entry 1 (UPPER): Not an image name"),
        ("applications = [{image = 'x', port = 0}]", "application 'x:latest': 0 is not a port"),
        ("applications = [{image = 'x', defaults = {cpu = 1}}]", "defaults: there is no 'cpu'; did you mean cpus?"),
        ("applications = [{image = 'x', id = 7}]", "there is no 'id'"),
        ("grants = [{image = 'web:1'}]", "it must have a user or a group"),
        ("grants = [{image = 'web:1', user = 'ann', group = 'team'}]", "it must have a user or a group"),
        ("grants = [{image = 'none', user = 'ann'}]", "There is no application 'none:latest'"),
        ("grants = [{image = 'web:1', user = 'ann', policy = {cpus = 'many'}}]", "policy: cpus is 'many', but must be"),
        ("grants = [{image = 'web:1', user = 'ann', policy = {pids = 0}}]", "--pids 0 makes no sense"),
        ("grants = [{image = 'web:1', user = 'ann', policy = {volumes = ['x']}}]", "Not a volume: 'x'"),
        ("grants = [{image='web:1', user='bob', policy={expires = 9999-12-31T23:59:59-05:00}}]", "no time in UTC"),
        ("grants = [{image = 'web:1', user = 'ann', id = 'x'}]", "'x' is not the id of a grant"),
        (f"grants = [{{image = 'cad:1', user = 'ann', id = '{'a' * 32}'}}]", "it is the grant of web:1 to ann"),
        ("grants = [" + "{image = 'web:1', user = 'bob'}," * 2 + "]", "says the same"),
        ("users = [" + "{name = 'x y'}," * 60 + "]", "more problems"),
    ],
    ids=range(30),
)
def test_nonsense_is_told_with_its_entry(text: str, said: str) -> None:
    key = f"{key_of(2, 'x').type} {key_of(2, 'x').blob}"
    assert said in told(text.replace("KEY", key))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = ", "is no TOML"),
        ("a = 1\na = 2", "is no TOML"),
        ("a: 1\na: 2", "'a' stands twice"),
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ("a: [", "is no YAML"),
        ("? [1]\n: 2", "is no"),
        ("- a: 1", "is no table"),
        ("---\n- 1", "is no table"),
        ("{", "is no JSON"),
        ("[" * 5000, "is no"),
        ("a: &a [*a]", ""),
        ("a: !!python/object/apply:os.system [x]", "is no YAML"),
        ("users: no", "users must be a list"),
        ("users: !!timestamp soon", "is no YAML"),
        ("users: !!bool maybe", "is no YAML"),
        ("users: !!int ''", "is no YAML"),
    ],
)
def test_what_is_no_document_is_told_so(text: str, said: str) -> None:
    message = told(text)
    assert said in message
    assert len(message) < 1000


def test_a_document_that_unfolds_without_end_is_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert len(told("\n".join(["users: []", *lines, "groups: [{name: x, members: *a11}]"]))) < 5000


def test_a_list_that_is_named_very_often_is_refused() -> None:
    members = ", ".join(f"u{number}" for number in range(100))
    groups = ", ".join(f"{{name: g{number}, members: *a}}" for number in range(100))
    assert "aliases" in told(f"first: &a [{members}]\ngroups: [{groups}]")
