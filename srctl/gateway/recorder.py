"""The audit: what people ask for, who they are, from where, and what came of it; in the database and in syslog.

A line in syslog is written whatever becomes of the database. Texts are cut and made inert: they come from outside.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from srctl.db.ledger import Ledger
from srctl.errors import SrctlError
from srctl.gateway.visitor import Credential
from srctl.models import AuditEntry, Grant, PublicKey, Started
from srctl.outcome import Outcome

LONGEST = 1000
"""Characters of the detail."""

MOST_REFUSALS = 50
"""Refusals of one login that are written down one by one; the rest is counted."""

_REFUSED = (2, 3, 4)
"""Exit codes of what should not have been asked for: nonsense, other people's things, and what is not permitted."""

_SECRETS = ("license", "text", "env")
"""Arguments that are not written down: licences, keys with their comments, values of variables."""


class Recorder:
    """Writes the audit of one login; `user` is set once it is known."""

    def __init__(self, ledger: Ledger | None, credential: Credential | None) -> None:
        self.user: str | None = None
        self._ledger = ledger
        self._credential = credential
        self._refusals = 0

    @contextmanager
    def recording(self, action: str, detail: str, *, always: bool = True) -> Iterator[list[str]]:
        """Write down what comes of the block; with `always` false only what is refused.

        Gives a list, to which the block adds the names of what it has made.
        """
        made: list[str] = []
        try:
            yield made
        except SrctlError as error:
            if error.exit_code in _REFUSED:
                self.refused(action, detail, error)
            elif always:
                self.note(action, detail, error.code)
            raise
        except BaseException:
            self.note(action, detail, "failure")
            raise
        if always:
            self.note(action, f"{detail} made {', '.join(made)}" if made else detail, "ok")

    def refused(self, action: str, detail: str, error: SrctlError) -> None:
        """Write down a refusal, unless there have been many: nobody fills the audit by asking for nonsense."""
        self._refusals += 1
        if self._refusals <= MOST_REFUSALS:
            self.note(action, detail, error.code)

    def close(self) -> None:
        """Write down how many refusals there were beyond those that stand there."""
        if self._refusals > MOST_REFUSALS:
            self.note("refusals", f"{self._refusals - MOST_REFUSALS} more of this login", "not-allowed")

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
        try:
            self._ledger.note(entry)
        except SrctlError as error:
            _to_syslog(f"the audit can't be written: {error.message}")


def told(arguments: Mapping[str, Any]) -> str:
    """Return the arguments of a call as they stand in the audit: without secrets, and without what says nothing."""
    return json.dumps(_telling(arguments), sort_keys=True)


def made_by(result: Any) -> list[str]:
    """Return the names of what a call has made: sessions, grants, keys."""
    if isinstance(result, Outcome):
        return [name for each in result.done for name in made_by(each)]
    if isinstance(result, Started):
        return [result.session.id] if result.fresh else []
    if isinstance(result, Grant):
        return [result.id]
    return [result.fingerprint] if isinstance(result, PublicKey) else []


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
