"""One entry of the audit, apart from the other words: each command through a gateway writes one, many need no more."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What somebody did through a gateway. `result` is `ok` or the code of the error; `address` the client's."""

    time: datetime
    user: str | None
    fingerprint: str | None
    address: str | None
    action: str
    detail: str
    result: str
