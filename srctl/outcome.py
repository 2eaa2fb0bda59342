"""What became of a command that did or looked at several things: all are tried, each result is told."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from srctl.errors import SeveralErrors, SrctlError

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[R]):
    """The results of the arguments that went well and the errors of the others, each in the order given."""

    done: tuple[R, ...]
    errors: tuple[SrctlError, ...] = ()

    def check(self) -> None:
        """Raise what went wrong: the one error, or SeveralErrors."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise SeveralErrors(self.errors)


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


def try_each(arguments: Iterable[T], action: Callable[[T], R]) -> Outcome[R]:
    """Do the action for each argument whatever becomes of the others."""
    done: list[R] = []
    errors: list[SrctlError] = []
    for argument in arguments:
        try:
            done.append(action(argument))
        except SrctlError as error:
            errors.append(error)
    return Outcome(tuple(done), tuple(errors))
