"""The data of SimPhoNy-Remote 2, by the rules of srctl: which of its names, policies and grants are well-formed.

Pure. What breaks a rule is told with its place, all of it at once, and nothing is taken then: nobody shall lose a grant
because a name was changed silently. An id is kept where there is one. Rows of CSV have none, so theirs follows from
what they say, and stays the same whatever stands around them.
"""

import hashlib
import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from srctl import images, policy
from srctl.contents import GrantEntry, Skipped
from srctl.errors import SrctlError, UsageError
from srctl.models import Policy, Volume
from srctl.outcome import Outcome

MOST_TOLD = 50
"""Problems that are told at once."""

_LONGEST = 500
"""Characters of a problem that are told; a name may be as long as the file."""

MEND = "Correct it there, e.g. in a copy of the file"
_GRANT_ID = re.compile(r"[0-9a-f]{32}")
_SOUND = Volume("/source", "/target", "ro")


class Named(NamedTuple):
    """A user's name or an image, and where it stands first."""

    place: str
    value: str


class OldPolicy(NamedTuple):
    """A policy as it stands there; after `place` comes the name of a column."""

    place: str
    allow_home: bool = False
    allow_view: bool = False
    allow_startup_data: bool = False
    app_license: str | None = None
    volume_source: str | None = None
    volume_target: str | None = None
    volume_mode: str | None = None


class OldGrant(NamedTuple):
    """A grant: the number of its row, its id where it has one, and the indices of what it is about."""

    row: int
    id: str | None
    user: int
    image: int
    policy: int


@dataclass(frozen=True, slots=True)
class OldData:
    """What stands in a file of the old system. `kind` says what file it is, `row` what its rows are called.

    `problems` are what could not be read, with their places.
    """

    kind: str
    row: str
    users: tuple[Named, ...]
    images: tuple[Named, ...]
    policies: tuple[OldPolicy, ...]
    grants: tuple[OldGrant, ...]
    skipped: tuple[Skipped, ...] = ()
    problems: tuple[str, ...] = ()


class Accepted(NamedTuple):
    """A grant by the rules of srctl, and the place that it comes from."""

    place: str
    grant: GrantEntry


@dataclass(frozen=True, slots=True)
class Resolved:
    """The data by the rules of srctl: each user, image and grant once, and what was skipped for it."""

    users: tuple[str, ...]
    images: tuple[str, ...]
    grants: tuple[Accepted, ...]
    skipped: tuple[Skipped, ...]


class Problems:
    """What is wrong, collected so that all of it is told at once; a flood is cut."""

    def __init__(self) -> None:
        self._errors: list[SrctlError] = []
        self._more = 0

    def add(self, message: str, hint: str = MEND) -> None:
        """Note what is wrong."""
        if len(self._errors) < MOST_TOLD:
            self._errors.append(UsageError(_cut(message), hint))
        else:
            self._more += 1

    def check(self) -> None:
        """Raise what was noted: UsageError, or SeveralErrors of them."""
        if self._more:
            self._errors.append(UsageError(f"There are {self._more} more problems", MEND))
        Outcome((), tuple(self._errors)).check()


def resolve(old: OldData, renames: Mapping[str, str] | None = None) -> Resolved:
    """Bring old data into the form of srctl; `renames` gives users, else images, new names (`None`: it can't).

    Raises UsageError, or SeveralErrors of them, for names that break the rules or differ only in case, for policies
    that can't be, for ids that are none, and for a rename of what is not there.
    """
    problems = Problems()
    for each in old.problems:
        problems.add(each)
    people = {each.value for each in old.users}
    _check_renames(old, renames or {}, problems)
    users = _names(old.users, renames, _user, problems)
    references = _names(old.images, renames and _without(renames, people), images.canonical, problems)
    _check_case(zip(old.users, users, strict=True), problems)
    permits = [_policy(each, problems) for each in old.policies]
    _check_ids(old, problems)
    problems.check()
    grants, doubles = _grants(old, users, references, permits)
    return Resolved(tuple(dict.fromkeys(users)), tuple(dict.fromkeys(references)), grants, (*old.skipped, *doubles))


def parse_renames(words: Iterable[str]) -> dict[str, str]:
    """Read `OLD=NEW`. Raises UsageError for what is none, and for an old name that is given twice."""
    found: dict[str, str] = {}
    for word in words:
        old, sign, new = word.rpartition("=")
        if not sign or not new:
            raise UsageError(f"Not a new name: {word!r}", "Write it as OLD=NEW")
        if found.setdefault(old, new) != new:
            raise UsageError(f"{old!r} can't be renamed to {found[old]!r} and to {new!r}")
    return found


def derived_id(user: str, image: str, permits: Policy) -> str:
    """Return the id of a grant that has none of its own."""
    return _derived(user, image, _text(permits))


def _derived(user: str, image: str, text: str) -> str:
    """Join with a character that no name has, so that no two grants are written alike."""
    return hashlib.sha256(f"{user}\0{image}\0{text}".encode()).hexdigest()[:32]


def _text(permits: Policy) -> str:
    """Write what differs from the default policy, of what CSV can say: it must stay as it is for ever."""
    said = {
        "allow_home": permits.allow_home,
        "allow_view": permits.allow_view,
        "allow_startup_data": permits.allow_startup_data,
        "license": permits.license,
        "volumes": [{"source": each.source, "target": each.target, "mode": each.mode} for each in permits.volumes],
    }
    given = {name: value for name, value in said.items() if value}
    return json.dumps(given, sort_keys=True, separators=(",", ":"))


def _check_renames(old: OldData, renames: Mapping[str, str], problems: Problems) -> None:
    known = {each.value for each in (*old.users, *old.images)}
    for name in renames:
        if name not in known:
            problems.add(f"There is no user and no image {name!r} to be renamed", "Write it as it stands in the file")


def _without(renames: Mapping[str, str], people: Iterable[str]) -> dict[str, str]:
    """Leave out the names of users: an image of the same name keeps it."""
    taken = set(people)
    return {old: new for old, new in renames.items() if old not in taken}


def _names(
    found: Iterable[Named], renames: Mapping[str, str] | None, check: Callable[[str], str], problems: Problems
) -> list[str]:
    names = []
    for place, value in found:
        new = (renames or {}).get(value)
        try:
            names.append(check(value if new is None else new))
        except UsageError as error:
            names.append(value)
            hint = error.hint if renames is None or new is not None else _rename_hint(value)
            problems.add(f"{place}: {error.message}", hint)
    return names


def _rename_hint(name: str) -> str:
    if not name.isprintable() or len(name) > _LONGEST:
        return MEND
    return f"Give it another name: --rename {shlex.quote(name + '=NEW')}"


def _cut(message: str) -> str:
    return message if len(message) <= _LONGEST else f"{message[:_LONGEST]}… ({len(message)} characters)"


def _user(name: str) -> str:
    policy.check_user_name(name)
    return name


def _check_case(users: Iterable[tuple[Named, str]], problems: Problems) -> None:
    folded: dict[str, str] = {}
    for (place, value), name in users:
        other = folded.setdefault(name.casefold(), name)
        if other != name:
            problems.add(f"{place}: {name!r} differs only in case from {other!r}", _rename_hint(value))


def _check_ids(old: OldData, problems: Problems) -> None:
    seen: dict[str, int] = {}
    for row, grant_id, *_ in old.grants:
        if grant_id is None:
            continue
        if not _GRANT_ID.fullmatch(grant_id):
            problems.add(f"{old.row} {row}, column id: {grant_id!r} is not the id of a grant")
        elif (other := seen.setdefault(grant_id, row)) != row:
            problems.add(f"{old.row} {row}, column id: {grant_id} is that of {old.row} {other} already")


def _policy(old: OldPolicy, problems: Problems) -> Policy:
    """Return a policy; what can't be is noted, each with its column."""
    volumes: tuple[Volume, ...] = ()
    checks: list[tuple[str, Callable[[], object]]] = [
        ("app_license", lambda: policy.make_policy(license=old.app_license))
    ]
    if old.volume_source and old.volume_target and old.volume_mode:
        volume = Volume(old.volume_source, old.volume_target, old.volume_mode)
        volumes = (volume,)
        checks += [
            ("volume_source", lambda: policy.check_volume(replace(_SOUND, source=volume.source))),
            ("volume_target", lambda: _mounted(old.allow_home, replace(_SOUND, target=volume.target))),
            ("volume_mode", lambda: policy.check_volume(replace(_SOUND, mode=volume.mode))),
        ]
    wrong = [problem for column, check in checks if (problem := _problem(f"{old.place}{column}", check))]
    for each in wrong:
        problems.add(each)
    if wrong:
        return Policy()
    return policy.make_policy(
        allow_home=old.allow_home,
        allow_view=old.allow_view,
        allow_startup_data=old.allow_startup_data,
        license=old.app_license,
        volumes=volumes,
    )


def _mounted(allow_home: bool, volume: Volume) -> Policy:
    return policy.make_policy(allow_home=allow_home, volumes=[volume])


def _problem(place: str, check: Callable[[], object]) -> str:
    try:
        check()
    except UsageError as error:
        return f"{place}: {error.message}"
    return ""


def _grants(
    old: OldData, users: list[str], references: list[str], permits: list[Policy]
) -> tuple[tuple[Accepted, ...], list[Skipped]]:
    """Return each grant once, and what says the same again; the first row that says something counts."""
    kept: dict[tuple[str, str, int], Accepted] = {}
    doubles = []
    texts = [_text(each) for each in permits]
    first: dict[str, int] = {}
    same = [first.setdefault(text, number) for number, text in enumerate(texts)]
    for row, grant_id, user_index, image_index, number in old.grants:
        user, image, place = users[user_index], references[image_index], f"{old.row} {row}"
        own = _derived(user, image, texts[number]) if grant_id is None else grant_id
        new = Accepted(place, GrantEntry(own, user, image, permits[number]))
        found = kept.setdefault((user, image, same[number]), new)
        if found is not new:
            reason = f"it grants {image} to {user} as {found.place} does"
            doubles.append(Skipped(place, reason if grant_id is None else f"grant {own}: {reason}"))
    return tuple(kept.values()), doubles
