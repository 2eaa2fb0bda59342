"""What a check found: nothing, or a problem with its fix."""

from collections.abc import Iterable
from dataclasses import dataclass

from srctl.errors import ConflictError


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check; `problem` and `fix` are `None` where all is well."""

    check: str
    problem: str | None = None
    fix: str | None = None

    @property
    def ok(self) -> bool:
        """Whether there is no problem."""
        return self.problem is None


def refuse(findings: Iterable[Finding], consequence: str = "") -> None:
    """Raise `ConflictError` with the problems, if there are any, and the fix of each."""
    problems = [finding for finding in findings if not finding.ok]
    if not problems:
        return
    words = "; ".join(str(finding.problem) for finding in problems)
    fixes = dict.fromkeys(finding.fix for finding in problems if finding.fix)
    raise ConflictError(f"{consequence}{words}", "; ".join(map(str, fixes)))
