"""Sources that other packages bring: found by the scheme of the location, and never trusted.

Whatever they raise becomes an error of ours, and what they give must keep the rules, before anything uses it.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import EntryPoint, entry_points
from itertools import islice

from srctl import typed, wellformed
from srctl.config import without_password
from srctl.contents import NOTHING, Changes, Contents, Source
from srctl.errors import SrctlError, UsageError
from srctl.outcome import Outcome
from srctl.sources import GROUP

_MOST_TOLD = 50
_LONGEST = 500
"""Characters of what a source says that are told."""


def plugged(location: str) -> "Guarded | None":
    """Open the source that a package brings for a location; `None` where none does. Raises SrctlError."""
    scheme = location.partition("://")[0]
    found = tuple(entry_points(group=GROUP, name=scheme))
    if not found:
        return None
    if len(found) > 1:
        names = ", ".join(sorted(each.value for each in found))
        raise UsageError(f"Several packages bring a database for {scheme}://: {names}", "Remove all but one")
    return Guarded(found[0], location)


class Guarded:
    """A source of somebody else's."""

    def __init__(self, entry: EntryPoint, location: str) -> None:
        self.label = str(without_password(location))
        self._last = NOTHING
        with self._answering(f"Its package is {entry.value.partition(':')[0]}"):
            self._source: Source = entry.load()(location)

    def contents(self) -> Contents:
        """Return what is there. Raises UsageError, or SeveralErrors of them, for what breaks the rules."""
        with self._answering():
            found = self._source.contents()
            if found is not self._last:
                self._check(found)
        self._last = found
        return found

    def carry_out(self, changes: Changes) -> None:
        """Do all of it or nothing. Raises as the source does."""
        with self._answering():
            self._source.carry_out(changes)

    def close(self) -> None:
        """Give back what the source holds."""
        with self._answering():
            self._source.close()

    @contextmanager
    def _answering(self, hint: str = "See more with --debug") -> Iterator[None]:
        """Turn what is not an error of ours into one; a source ends no program."""
        try:
            yield
        except SrctlError:
            raise
        except (Exception, SystemExit) as error:
            raise SrctlError(
                f"The database {self.label} failed: {type(error).__name__}: {_said(error)}", hint
            ) from error

    def _check(self, found: Contents) -> None:
        if wrong := next(typed.misfits(found, Contents, "its contents"), None):
            raise TypeError(f"not of its type is {wrong}")
        if found.as_of is not None and found.as_of.tzinfo is None:
            raise TypeError("the time of its contents has no zone")
        told = islice(wellformed.problems(found), _MOST_TOLD)
        errors = [UsageError(f"{self.label}: {each}", "Correct it at its source") for each in told]
        Outcome((), tuple(errors)).check()


def _said(error: BaseException) -> str:
    """Return the first line of what an error says, if it says anything."""
    with suppress(Exception):
        return (str(error).strip().splitlines() or [""])[0][:_LONGEST]
    return ""
