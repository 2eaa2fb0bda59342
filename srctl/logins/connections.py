"""What a revocation is told and what it tells: which rights have ended, and whose connections with them."""

from dataclasses import dataclass
from typing import NamedTuple

from srctl.logins.processes import Process
from srctl.logins.records import Record

Share = tuple[int, int] | tuple[int, int, int]
"""A slot that was shared: the owner's id, the slot, and the guest's id where one guest alone is meant."""


class Ended(NamedTuple):
    """A connection that was ended, for the audit; None where nobody had written down whose it was."""

    user_id: int | None
    fingerprint: str | None
    pid: int


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection of the account: sshd's process that serves it, and what the record says."""

    process: Process
    record: Record | None

    @property
    def ended(self) -> Ended:
        """What the audit says of it."""
        if self.record is None:
            return Ended(None, None, self.process.pid)
        return Ended(self.record.user_id, self.record.fingerprint, self.process.pid)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a revocation did; `spared` is the caller's own connection if it must end, by `Revocation.close`."""

    ended: tuple[Ended, ...] = ()
    spared: Connection | None = None


@dataclass(frozen=True, slots=True)
class Targets:
    """What has been revoked."""

    user_ids: frozenset[int]
    fingerprints: frozenset[str]
    shares: frozenset[Share]

    def __bool__(self) -> bool:
        return bool(self.user_ids or self.fingerprints or self.shares)

    def hit(self, record: Record | None) -> bool:
        """Tell whether a login depended on it; one that nobody has written down may have."""
        return (
            record is None
            or record.user_id in self.user_ids
            or record.fingerprint in self.fingerprints
            or any(
                (owner_id, slot) in record.shares and (not guest or guest == [record.user_id])
                for owner_id, slot, *guest in self.shares
            )
        )
