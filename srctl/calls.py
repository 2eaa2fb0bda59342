"""The calls that a gateway answers: a table that both ends hold, of names and the use cases that do them.

The names and the arguments are the protocol, version `PROTOCOL`; what a call takes and gives is read off the function.
A call that is not in the table is not to be had, whatever the object has for methods.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from srctl.accounting import Accounting
from srctl.declaring import Declaring
from srctl.explaining import Explainer
from srctl.extending import Extender
from srctl.groups import Groups
from srctl.joining import Joiner
from srctl.launch import Launcher
from srctl.models import AuditEntry
from srctl.pruning import Leftovers
from srctl.reaping import Reaper
from srctl.sessions import Sessions
from srctl.sharing import SharedSessions
from srctl.usage import UsageReport
from srctl.wire import Signature

PROTOCOL = 1
"""What both ends must agree on; counted up when a change would be misunderstood by the other end."""

LONGEST_LINE = 256 * 1024
"""Bytes of a line, in either direction but for results."""


class AuditTrail(Protocol):
    """What people did through a gateway."""

    def entries(
        self, user: str | None = None, since: datetime | None = None, limit: int | None = None
    ) -> list[AuditEntry]:
        """Return what is in the audit, oldest first: the newest `limit` entries."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: `part` names the object that does it, `method` the function.

    `admin` = for administrators only; `changes` = it stands in the audit; `streams` = it gives pieces (bytes, words or
    numbers) as they come, on a channel that is used for nothing else.
    """

    name: str
    part: str
    method: str
    signature: Signature = field(compare=False)
    admin: bool = False
    changes: bool = False
    streams: bool = False


def _calls(
    part: str, owner: type, methods: Iterable[tuple[str, str]], *, admin: bool = False, changes: bool = False
) -> list[Call]:
    return [
        Call(name, part, method, Signature(getattr(owner, method)), admin=admin, changes=changes)
        for name, method in methods
    ]


def _streaming(name: str, part: str, function: Callable[..., Any]) -> Call:
    return Call(name, part, function.__name__, Signature(function), streams=True)


_ALL = [
    *_calls(
        "sessions",
        SharedSessions,
        [
            ("session.available", "available"),
            ("session.list", "find"),
            ("session.show", "get"),
            ("session.container", "reachable"),
            ("host.version", "engine_version"),
        ],
    ),
    *_calls(
        "sessions",
        SharedSessions,
        [("session.stop", "stop"), ("session.share", "share"), ("session.unshare", "unshare")],
        changes=True,
    ),
    *_calls("extender", Extender, [("session.extend", "extend")], changes=True),
    _streaming("session.logs", "sessions", Sessions.logs),
    _streaming("session.events", "sessions", Sessions.happenings),
    _streaming("session.changes", "sessions", Sessions.changes),
    _streaming("session.stats", "sessions", Sessions.stats),
    *_calls("sessions", Sessions, [("host.info", "engine_info")], admin=True),
    *_calls("launcher", Launcher, [("session.start", "start")], changes=True),
    *_calls("joiner", Joiner, [("session.open", "bring")], changes=True),
    *_calls("joiner", Joiner, [("session.running", "running")]),
    *_calls("leftovers", Leftovers, [("session.leftovers", "find")]),
    *_calls("leftovers", Leftovers, [("session.clear", "clear")], changes=True),
    *_calls(
        "accounting",
        Accounting,
        [
            ("user.list", "users"),
            ("user.show", "user"),
            ("user.key.list", "keys"),
            ("app.list", "applications"),
            ("app.show", "application"),
            ("grant.list", "grants"),
            ("grant.show", "grant"),
            ("grant.page", "grant_page"),
            ("db.status", "status"),
        ],
        admin=True,
    ),
    *_calls(
        "accounting",
        Accounting,
        [
            ("user.add", "add_users"),
            ("user.remove", "remove_users"),
            ("user.disable", "disable"),
            ("user.enable", "enable"),
            ("user.key.add", "add_keys"),
            ("user.key.remove", "remove_key"),
            ("app.add", "add_application"),
            ("app.limit", "set_defaults"),
            ("app.remove", "remove_applications"),
            ("grant.add", "add_grant"),
            ("grant.edit", "replace_grant"),
            ("grant.remove", "remove_grants"),
            ("grant.remove-of", "remove_grants_of"),
        ],
        admin=True,
        changes=True,
    ),
    *_calls("groups", Groups, [("group.list", "all"), ("group.show", "one"), ("group.grants", "grants")], admin=True),
    *_calls(
        "groups",
        Groups,
        [("group.add", "add"), ("group.remove", "remove"), ("group.join", "join"), ("group.leave", "leave")],
        admin=True,
        changes=True,
    ),
    *_calls("reaper", Reaper, [("session.reap", "run")], admin=True, changes=True),
    *_calls("usage", UsageReport, [("usage.tally", "tally")]),
    *_calls("explainer", Explainer, [("right.whocan", "who_can"), ("right.why", "why")], admin=True),
    *_calls("declaring", Declaring, [("db.contents", "contents")], admin=True),
    *_calls("declaring", Declaring, [("db.apply", "carry_out")], admin=True, changes=True),
    *_calls("sessions", SharedSessions, [("image.list", "images")], admin=True),
    *_calls("audit", AuditTrail, [("audit.list", "entries")], admin=True),
]

CALLS = {call.name: call for call in _ALL}
"""All calls by name."""

BY_METHOD = {(call.part, call.method): call for call in _ALL}
"""All calls by the object and the method that do them."""
