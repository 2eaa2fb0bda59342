"""What a check found: nothing, or a problem with its fix."""

from collections.abc import Iterable

from srctl.errors import ConflictError
from srctl.outcome import Finding as Finding  # noqa: PLC0414 - its home is where checks of other things find it too


def refuse(findings: Iterable[Finding], consequence: str = "") -> None:
    """Raise `ConflictError` with the problems, if there are any, and the fix of each."""
    problems = [finding for finding in findings if not finding.ok]
    if not problems:
        return
    words = "; ".join(str(finding.problem) for finding in problems)
    fixes = dict.fromkeys(finding.fix for finding in problems if finding.fix)
    raise ConflictError(f"{consequence}{words}", "; ".join(map(str, fixes)))
