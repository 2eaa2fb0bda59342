"""An accounting database of another kind, in memory, and what may be in one."""

from __future__ import annotations

from srctl.models import Application, Policy
from srctl.sources import Changes, Contents, GrantEntry, UserEntry, applied
from tests.fakes import WEB


class MemorySource:
    """An accounting database of another kind, in memory; the last of what is `kept` counts, which several may share."""

    def __init__(self, kept: list[Contents]) -> None:
        self._kept = kept

    def contents(self) -> Contents:
        return self._kept[-1]

    def carry_out(self, changes: Changes) -> None:
        if changes:
            self._kept.append(applied(self.contents(), changes))

    def close(self) -> None:
        """There is nothing to close."""


SOME = Contents(
    (UserEntry("ann"), UserEntry("bob")),
    applications=(Application(WEB),),
    grants=(GrantEntry("a" * 32, "ann", WEB, Policy(allow_home=True)),),
)
"""What may be in one."""
