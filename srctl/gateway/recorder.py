"""The audit: what people ask for, who they are, from where, and what came of it; in the database and in syslog.

A line in syslog is written whatever becomes of the database. Texts are cut and made inert: they come from outside.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from srctl.db.ledger import Ledger
from srctl.errors import NotAllowedError, SrctlError
from srctl.gateway.visitor import Credential
from srctl.models import AuditEntry

LONGEST = 1000
"""Characters of the detail."""

_SECRETS = ("license", "text", "env")
"""Arguments that are not written down: licences, keys with their comments, values of variables."""


class TooManyError(NotAllowedError):
    """More than is written down."""


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
    def recording(self, action: str, detail: str, *, always: bool = True) -> Iterator[list[SrctlError]]:
        """Write down what comes of the block; with `always` false only what is refused.

        The block adds to the list what went wrong with a part of what it does.
        """
        failures: list[SrctlError] = []
        try:
            yield failures
        except SrctlError as error:
            if always or error.exit_code == 4:
                self.note(action, detail, error.code)
            raise
        except BaseException as error:
            self.note(action, detail, "interrupted" if isinstance(error, KeyboardInterrupt) else "failure")
            raise
        if always:
            self.note(action, detail, failures[0].code if failures else "ok")

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
    """Return the arguments of a call as they stand in the audit."""
    return json.dumps(_without_secrets(arguments), sort_keys=True)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: "***" if name in _SECRETS and item else _without_secrets(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value


def _to_syslog(line: str) -> None:
    if sys.platform == "win32":
        return
    import syslog

    syslog.openlog("srctl-gateway", syslog.LOG_PID, syslog.LOG_AUTH)
    syslog.syslog(syslog.LOG_INFO, line)
