"""Every failure that a person can meet: what happened, what to do, and the exit code that scripts see.

The codes are part of the public contract. Errors of libraries are turned into these where the library is touched.
"""

from collections.abc import Sequence


class SrctlError(Exception):
    """A failure in the user's words: `message` says what happened, `hint` what to do about it."""

    exit_code = 1
    code = "failure"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SrctlError):
    """Wrong usage or configuration."""

    exit_code = 2
    code = "usage"


class NotFoundError(SrctlError):
    """A named thing is not there."""

    exit_code = 3
    code = "not-found"


class NoDatabaseError(NotFoundError):
    """The accounting database is not there, or not there any more."""


class SessionEndedError(NotFoundError):
    """The container of a session is there and does not run; it may be about to start again."""


class NotAllowedError(SrctlError):
    """The grant, the policy or a limit forbids it."""

    exit_code = 4
    code = "not-allowed"


class ConflictError(SrctlError):
    """Something exists, is in use, or is ambiguous."""

    exit_code = 5
    code = "conflict"


class NameTakenError(ConflictError):
    """The engine has a container of this name already: somebody else was first."""


class LackingError(NotAllowedError):
    """The host has less than a session is to have; `limit` is the name of what it lacks."""

    limit = ""


class PortTakenError(ConflictError):
    """Each port of the host at which a session could be published is taken."""


class UnreachableError(SrctlError):
    """A host, an SSH server, an engine or a database server cannot be reached."""

    exit_code = 6
    code = "unreachable"


class NotReadyError(SrctlError):
    """The application did not become ready in time."""

    exit_code = 7
    code = "timeout"


class UnsupportedError(SrctlError):
    """This backend or host cannot do that."""

    exit_code = 8
    code = "unsupported"


class InterruptedByUserError(SrctlError):
    """The person pressed Ctrl-C."""

    exit_code = 130
    code = "interrupted"


class ApplicationExitedError(SrctlError):
    """The application ended while we waited for it; `log` holds its last lines."""

    def __init__(self, message: str, hint: str = "", log: Sequence[str] = ()) -> None:
        super().__init__(message, hint)
        self.log = tuple(log)


class ApplicationNotReadyError(NotReadyError):
    """The application did not answer in time; `log` holds its last lines."""

    def __init__(self, message: str, hint: str = "", log: Sequence[str] = ()) -> None:
        super().__init__(message, hint)
        self.log = tuple(log)


class SeveralErrors(SrctlError):  # noqa: N818 - it holds several
    """Failures of a command with several arguments; the first one decides the exit code."""

    def __init__(self, errors: Sequence[SrctlError]) -> None:
        super().__init__(errors[0].message, errors[0].hint)
        self.errors = tuple(errors)
        self.exit_code = errors[0].exit_code
        self.code = errors[0].code
