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
from srctl.entry import AuditEntry
from srctl.errors import SrctlError
from srctl.gateway.visitor import Credential

LONGEST = 1000
"""Characters of the detail."""

_SECRETS = ("license", "text", "env")
"""Arguments that are not written down: licences, keys with their comments, values of variables."""


class Recorder:
    """Writes the audit of one login; `user` is set once it is known."""

    def __init__(self, ledger: Ledger | None, credential: Credential | None) -> None:
        self.user: str | None = None
        self._ledger = ledger
        self._credential = credential

    @contextmanager
    def recording(self, action: str, detail: str, *, always: bool = True) -> Iterator[None]:
        """Write down what comes of the block; with `always` false only what is refused."""
        try:
            yield
        except SrctlError as error:
            if always or error.exit_code == 4:
                self.note(action, detail, error.code)
            raise
        except BaseException:
            self.note(action, detail, "failure")
            raise
        if always:
            self.note(action, detail, "ok")

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
