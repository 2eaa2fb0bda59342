"""The audit: what people ask for, who they are, from where, and what came of it; in the database and in syslog.

A line in syslog is written whatever becomes of the database. Texts are cut and made inert: they come from outside.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from srctl.db.ledger import Ledger
from srctl.entry import AuditEntry
from srctl.errors import NotAllowedError, SrctlError
from srctl.gateway.visitor import Credential

LONGEST = 1000
"""Characters of the detail."""

_REFUSED = (2, 3, 4)
"""Exit codes of what should not have been asked for: nonsense, other people's things, and what is not permitted."""

_SECRETS = ("license", "text", "env")
"""Arguments that are not written down: licences, keys with their comments, values of variables."""


class TooManyError(NotAllowedError):
    """More than is written down."""


@dataclass(slots=True)
class Upshot:
    """What came of something: the names of what it has made, what else it did, and what went wrong with parts of it."""

    made: list[str] = field(default_factory=list)
    deeds: list[str] = field(default_factory=list)
    failures: list[SrctlError] = field(default_factory=list)

    def add(self, result: Any) -> None:
        """Take it from what a call has given."""
        from srctl.outcome import Outcome

        if isinstance(result, Outcome):
            self.failures.extend(result.errors)
        self.made.extend(_made_by(result))
        self.deeds.extend(_deeds_of(result))


class Recorder:
    """Writes the audit of one login; `user` is set once it is known, and `pace` for those who have a limit."""

    def __init__(self, ledger: Ledger | None, credential: Credential | None) -> None:
        self.user: str | None = None
        self.pace: int | None = None
        self._ledger = ledger
        self._credential = credential
        self._unchecked = True
        self._full = False

    def check_pace(self) -> None:
        """Raise `NotAllowedError` for somebody who has caused `pace` entries within a minute; this is none.

        Nobody can fill the disk with the audit, or push out of sight in it what was done before.
        """
        if self.pace is None or self.user is None or self._ledger is None or not self._unchecked:
            return
        since = datetime.now(UTC) - timedelta(minutes=1)
        full = self._ledger.count(self.user, (), since) >= self.pace
        if full and not self._full:
            _to_syslog(f"{self.user} has caused {self.pace} entries of the audit within a minute and has to wait")
        self._full = self._unchecked = full
        if full:
            raise TooManyError(f"You have asked for {self.pace} things within a minute", "Wait a minute")

    @contextmanager
    def recording(self, action: str, detail: str, *, always: bool = True) -> Iterator[Upshot]:
        """Write down what comes of the block, which may add to it; with `always` false only what is refused."""
        upshot = Upshot()
        try:
            yield upshot
        except SrctlError as error:
            if always or error.exit_code in _REFUSED:
                self.note(action, detail, error.code)
            raise
        except BaseException as error:
            self.note(action, detail, "interrupted" if isinstance(error, KeyboardInterrupt) else "failure")
            raise
        if always:
            made = f" made {', '.join(upshot.made)}" if upshot.made else ""
            self.note(action, f"{detail}{made}", upshot.failures[0].code if upshot.failures else "ok")
            for deed in upshot.deeds:
                self.note(action, deed, "ok")

    def note(self, action: str, detail: str, result: str) -> None:
        """Write one line."""
        who = self._credential
        address, print_ = (who.address, who.fingerprint) if who else (None, None)
        detail = "".join(char if char.isprintable() else "?" for char in detail[:LONGEST])
        entry = AuditEntry(datetime.now(UTC), self.user, print_, address, action, detail, result)
        said = {name: getattr(entry, name) for name in ("user", "fingerprint", "address", "action", "detail", "result")}
        _to_syslog(json.dumps(said))
        if self._ledger is None:
            return
        self._unchecked = True
        try:
            self._ledger.note(entry)
        except SrctlError as error:
            _to_syslog(f"the audit can't be written: {error.message}")


def told(arguments: Mapping[str, Any]) -> str:
    """Return the arguments of a call as they stand in the audit: without secrets, and without what says nothing."""
    return json.dumps(_telling(arguments), sort_keys=True)


def _made_by(result: Any) -> list[str]:
    """Return the names of what a call has made: sessions, grants, keys."""
    from srctl.models import Grant, PublicKey, Started
    from srctl.outcome import Outcome

    if isinstance(result, Outcome):
        return [name for each in result.done for name in _made_by(each)]
    if isinstance(result, Started):
        return [result.session.id] if result.fresh else []
    if isinstance(result, Grant):
        return [result.id]
    return [result.fingerprint] if isinstance(result, PublicKey) else []


def _deeds_of(result: Any) -> list[str]:
    """Return what a call did in many steps: each has its own line, since what is asked for is cut."""
    from srctl.contents import Step
    from srctl.revising import in_words

    steps = [each for each in result if isinstance(each, Step)] if isinstance(result, list) else ()
    return [f"{each.action} {each.kind} {each.name}: {in_words(each)}" for each in steps]


def _telling(value: Any) -> Any:
    if isinstance(value, Mapping):
        said = {name: item for name, item in value.items() if item not in (None, False, "", [], {})}
        return {name: "***" if name in _SECRETS else _telling(item) for name, item in said.items()}
    if isinstance(value, list):
        return [_telling(item) for item in value]
    return value


def _to_syslog(line: str) -> None:
    if sys.platform == "win32":
        return
    import syslog

    syslog.openlog("srctl-gateway", syslog.LOG_PID, syslog.LOG_AUTH)
    syslog.syslog(syslog.LOG_INFO, line)
