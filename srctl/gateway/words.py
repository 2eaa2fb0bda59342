"""The command line for people who have only ssh: `ssh srctl@lab ps`. Words that are not in the list do nothing.

The line comes as the person typed it. It is split as a shell would and never given to one.
"""

import argparse
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from srctl.config import FORMATS
from srctl.errors import UsageError
from srctl.gateway.recorder import Recorder, told
from srctl.output import Output, plain

if TYPE_CHECKING:
    from srctl.db.ledger import Person
    from srctl.gateway.desk import Desk
    from srctl.models import Session, Started, StartRequest

HELP = """\
ps [-a]                      your sessions, and those that are shared with you
available                    what you may start
start APP [--set NAME=VALUE] [--env NAME=VALUE] [--replace]
open APP|ID                  start it if needed, and show how to reach it with ssh -L
stop ID...                   end sessions
logs ID [-n N] [-f]          what an application wrote
share ID USER [--for 2h]     let somebody open a session
unshare ID [USER]
whoami
help

-o table|json|csv|ids chooses the format. With srctl on your own machine all of this is one command:
srctl host add NAME gateway://ACCOUNT@HOST
"""

LONGEST = 8192
"""Characters of a command line."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The person's end: what sshd says of it, what prints there, and what interrupts us once the person is gone."""

    environ: Mapping[str, str]
    output: Output
    watch: Callable[[], None]


class Words:
    """Does one command line for a person; `open_desk` is called when there is anything to do beyond telling who it is.

    What does the calls takes most of the time of a start. What takes long is interrupted once the person is gone; never
    what takes a right away, which has to be finished.
    """

    def __init__(
        self,
        person: Callable[[], "Person"],
        open_desk: Callable[[], "Desk"],
        recorder: Recorder,
        caller: Caller,
    ) -> None:
        self._person = person
        self._open_desk = open_desk
        self._watch = caller.watch
        self._recorder = recorder
        self._environ = caller.environ
        self._output = caller.output

    @cached_property
    def _desk(self) -> "Desk":
        return self._open_desk()

    def run(self, line: str) -> None:
        """Do it. Raises what goes wrong."""
        with self._recorder.recording("words", _without_values(line)):
            given = parse(line)
            if given.output is not None:
                self._output.format = given.output
            getattr(self, f"_{given.verb}")(given)
        if "_desk" in vars(self):
            self._desk.leave()

    def _do(self, part: str, method: str, **arguments: Any) -> Any:
        from srctl.calls import BY_METHOD
        from srctl.gateway.desk import Hooks

        call = BY_METHOD[part, method]
        with self._recorder.recording(call.name, told(plain(arguments)), always=call.changes) as upshot:
            result = self._desk.do(call, arguments, Hooks())
            upshot.add(result)
        return result

    def _help(self, _: argparse.Namespace) -> None:
        self._output.verbatim(HELP)

    def _whoami(self, _: argparse.Namespace) -> None:
        person = self._person()
        self._output.one({"user": person.name, "admin": person.admin}, ids="user")

    def _ps(self, given: argparse.Namespace) -> None:
        from srctl import views

        found: list[Session] = self._do("sessions", "find", stopped=given.all)
        columns = ("id", "user", "title", "status", "address", "port", "created")
        self._output.rows([views.session(each) for each in found], ids="id", columns=columns, keys=views.SESSION)

    def _available(self, _: argparse.Namespace) -> None:
        from srctl import views

        rows = [views.available(each) for each in self._do("sessions", "available")]
        columns = ("grant_id", "image", "title", "session_id")
        self._output.rows(rows, ids="grant_id", columns=columns, keys=views.AVAILABLE)

    def _start(self, given: argparse.Namespace) -> None:
        self._watch()
        self._reached(self._do("launcher", "start", request=_request(given)))

    def _open(self, given: argparse.Namespace) -> None:
        from srctl.models import StartRequest

        self._watch()
        self._reached(self._do("joiner", "bring", request=StartRequest(given.app)))

    def _reached(self, started: "Started") -> None:
        from srctl import views

        session, endpoint = started.session, started.endpoint
        self._output.made(session.id, views.session(session))
        if endpoint is None:
            return
        here = self._environ.get("SSH_CONNECTION", "").split()
        account, host = self._environ.get("USER", "srctl"), here[2] if len(here) == 4 else "HOST"
        port = endpoint.port
        self._output.note(f"On your own machine: ssh -N -L {port}:{endpoint.address}:{port} {account}@{host}")
        self._output.note(f"and then open {endpoint.scheme}://127.0.0.1:{port}{endpoint.path}")

    def _stop(self, given: argparse.Namespace) -> None:
        stopped = [self._do("sessions", "stop", prefix=prefix)[0] for prefix in given.id]
        self._output.removed(stopped)

    def _logs(self, given: argparse.Namespace) -> None:
        self._watch()
        for piece in self._do("sessions", "logs", prefix=given.id, tail=given.tail, follow=given.follow):
            self._output.raw(piece.decode("utf-8", "replace"))

    def _share(self, given: argparse.Namespace) -> None:
        from srctl import durations, views

        seconds = None if given.duration is None else durations.parse(given.duration)
        share = self._do("sessions", "share", prefix=given.id, guest=given.user, seconds=seconds)
        self._output.made(share.session_id, views.share(share))

    def _unshare(self, given: argparse.Namespace) -> None:
        removed = self._do("sessions", "unshare", prefix=given.id, guest=given.user)
        self._output.removed(share.guest for share in removed)


def parse(line: str) -> argparse.Namespace:
    """Read a command line. Raises `UsageError`."""
    given = _parser().parse_args(_split(line) or ["help"])
    for name, value in vars(given).items():  # argparse makes an empty list of the value in `--env=--`
        if isinstance(value, list) and not (name in _SEVERAL and all(isinstance(each, str) for each in value)):
            raise UsageError("An option has no value", "See: help")
    return given


_SEVERAL = ("set", "env", "id")
"""What may be given several times."""


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options, add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UsageError(message[:500], "See: help")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:  # noqa: ARG002
        raise UsageError("That is not to be had here", "See: help")


@cache
def _parser() -> _Parser:
    parser = _Parser(prog="")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, arguments in _VERBS.items():
        verb = verbs.add_parser(name)
        verb.add_argument("-o", "--output", choices=FORMATS)
        arguments(verb)
    return parser


def _app(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("app")
    verb.add_argument("--set", action="append", default=[])
    verb.add_argument("--env", action="append", default=[])
    verb.add_argument("--replace", action="store_true")


def _log(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("id")
    verb.add_argument("-n", "--tail", type=int)
    verb.add_argument("-f", "--follow", action="store_true")


def _shared(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("id")
    verb.add_argument("user")
    verb.add_argument("--for", dest="duration")


def _unshared(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("id")
    verb.add_argument("user", nargs="?")


_VERBS: dict[str, Callable[[argparse.ArgumentParser], Any]] = {
    "help": lambda _: None,
    "whoami": lambda _: None,
    "ps": lambda verb: verb.add_argument("-a", "--all", action="store_true"),
    "available": lambda _: None,
    "start": _app,
    "open": lambda verb: verb.add_argument("app"),
    "stop": lambda verb: verb.add_argument("id", nargs="+"),
    "logs": _log,
    "share": _shared,
    "unshare": _unshared,
}


def _split(line: str) -> list[str]:
    if len(line) > LONGEST:
        raise UsageError(f"The command has more than {LONGEST} characters")
    if not line.isprintable():
        raise UsageError("The command has characters that do not print", "See: help")
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"The command can't be read: {error}", "See: help") from error


def _without_values(line: str) -> str:
    """Return a command line as it stands in the audit: without the values of variables, which may be secrets."""
    if "--env" not in line:
        return line
    try:
        words = shlex.split(line)
    except ValueError:
        return f"{line.partition('--env')[0]}--env ***"
    hidden = [
        f"{word.partition('=')[0]}=***" if before == "--env" else re.sub(r"(?s)^(--env=[^=]*).*", r"\1=***", word)
        for before, word in zip(["", *words], words, strict=False)
    ]
    return shlex.join(hidden)


def _request(given: argparse.Namespace) -> "StartRequest":
    from srctl.models import StartRequest

    return StartRequest(
        given.app, settings=_pairs("--set", given.set), env=_pairs("--env", given.env), replace=given.replace
    )


def _pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    if not all(text.find("=") > 0 for text in texts):
        raise UsageError(f"{option} takes NAME=VALUE")
    return dict(text.partition("=")[::2] for text in texts)
