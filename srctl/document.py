"""The accounting database as a document that people write: tables, lists and texts, in which each entry has a line.

Pure. What is as by default is left out, and each kind is in a stable order. The fields of a policy are read off the
policy itself, so that new ones need nothing here. What makes no sense is told with the entry that it stands in, all of
it at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, get_type_hints

from srctl import policy, public_keys
from srctl.contents import KINDS, NOTHING, Contents, GrantEntry, GroupEntry, KeyEntry, UserEntry
from srctl.errors import UsageError
from srctl.images import canonical
from srctl.models import Application, Policy
from srctl.wording import differing, hints_of, meant, said, shown, values_of

VERSION = 1

Document = dict[str, Any]
"""Of tables with texts, numbers, switches, lists and tables, as TOML, YAML and JSON have them."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What a document says: entries, of which grants may have no id yet (`""`), and the kinds that it has."""

    contents: Contents = NOTHING
    kinds: frozenset[str] = frozenset()
    problems: tuple[str, ...] = field(default=())


def write(contents: Contents) -> Document:
    """Return the document of what a database holds."""
    return {
        "version": VERSION,
        "users": [differing(entry._asdict(), UserEntry("")._asdict()) for entry in sorted(contents.users)],
        "groups": [{"name": entry.name, "members": list(entry.members)} for entry in sorted(contents.groups)],
        "keys": [_key(entry) for entry in sorted(contents.keys, key=lambda entry: entry[1:])],
        "applications": [said(entry) for entry in sorted(contents.applications, key=lambda each: each.image)],
        "grants": [_grant(entry) for entry in sorted(contents.grants, key=_order)],
    }


def read(document: Document) -> Declared:
    """Return what a document says; what makes no sense in it is among its problems."""
    return _Reader().read(document)


# -- writing


def _order(entry: GrantEntry) -> tuple[bool, str, str, str]:
    return entry.group is not None, entry.user or entry.group or "", entry.image, entry.id


def _key(entry: KeyEntry) -> dict[str, Any]:
    return {"user": entry.user, "key": f"{entry.type} {entry.blob} {entry.comment}".strip()}


def _grant(entry: GrantEntry) -> dict[str, Any]:
    holder = {"user": entry.user} if entry.user is not None else {"group": entry.group}
    permits = said(entry.policy)
    return {"id": entry.id, **holder, "image": entry.image} | ({"policy": permits} if permits else {})


# -- reading


class _Reader:
    """Reads one document."""

    def __init__(self) -> None:
        self._problems: list[str] = []
        self._policies: dict[Policy, Policy] = {}

    def read(self, document: Document) -> Declared:
        known = ("version", *KINDS)
        for name in document:
            if name not in known:
                self._problems.append(f"There is no {shown(name)} in such a document{meant(name, known)}")
        if document.get("version", VERSION) != VERSION:
            self._problems.append(f"version is {shown(document['version'])}, and this srctl knows {VERSION}")
        readers = {
            "users": self._user,
            "groups": self._group,
            "keys": self._key,
            "applications": self._application,
            "grants": self._grant,
        }
        found: dict[str, Any] = {
            kind: tuple(self._entries(kind, document.get(kind, ()), one)) for kind, one in readers.items()
        }
        return Declared(Contents(**found), frozenset(KINDS) & document.keys(), tuple(self._problems))

    def _entries(self, kind: str, rows: Any, read: Callable[[dict[str, Any]], Any]) -> Iterator[Any]:
        if not isinstance(rows, (list, tuple)):
            self._problems.append(f"{kind} must be a list of tables")
            return
        for number, row in enumerate(rows, 1):
            try:
                if not isinstance(row, dict):
                    raise UsageError("it must be a table")
                yield read(row)
            except UsageError as error:
                self._problems.append(f"{kind}, entry {number}{_naming(row)}: {error.message}")

    def _user(self, row: dict[str, Any]) -> UserEntry:
        return UserEntry(**values_of(row, get_type_hints(UserEntry), ("name",)))

    def _group(self, row: dict[str, Any]) -> GroupEntry:
        values = values_of(row, get_type_hints(GroupEntry), ("name",))
        return GroupEntry(values["name"], tuple(sorted(set(values.get("members", ())))))

    def _key(self, row: dict[str, Any]) -> KeyEntry:
        values = values_of(row, {"user": str, "key": str}, ("user", "key"))
        found = public_keys.parse_keys(values["key"])
        if len(found) != 1:
            raise UsageError("key must be one public key")
        return KeyEntry(found[0].fingerprint, values["user"], found[0].type, found[0].blob, found[0].comment)

    def _application(self, row: dict[str, Any]) -> Application:
        values = values_of(row, hints_of(Application), ("image",))
        return Application(**values | {"image": canonical(values["image"])})

    def _grant(self, row: dict[str, Any]) -> GrantEntry:
        values = values_of(row, dict.fromkeys(("id", "user", "group", "image"), str) | {"policy": Policy}, ("image",))
        if ("user" in values) == ("group" in values):
            raise UsageError("it must have a user or a group")
        permits, image = self._checked(values.get("policy", Policy())), canonical(values["image"])
        return GrantEntry(values.get("id", ""), values.get("user"), image, permits, values.get("group"))

    def _checked(self, permits: Policy) -> Policy:
        """Return a policy by the rules; of equal ones they are asked once."""
        if permits not in self._policies:
            self._policies[permits] = policy.checked(permits)
        return self._policies[permits]


def _naming(row: Any) -> str:
    known = row if isinstance(row, dict) else {}
    names = [known[name] for name in ("name", "user", "group", "image") if isinstance(known.get(name), str)]
    return f" ({', '.join(names)})" if names else ""
