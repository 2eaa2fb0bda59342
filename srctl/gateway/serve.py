"""The forced command: who is there, what was asked for, and the one place that turns errors into words and exit codes.

sshd runs it for every command, shell, subsystem and file transfer that anybody asks for; what was asked stands in
`SSH_ORIGINAL_COMMAND`. Light imports first: a person who is refused costs little.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from srctl.context import Context
from srctl.db.ledger import Ledger
from srctl.errors import SrctlError, UnsupportedError, UsageError
from srctl.gateway.limits import take_seat
from srctl.gateway.recorder import Recorder, TooManyError
from srctl.gateway.visitor import Credential, credential
from srctl.output import Output, ReaderGoneError

if TYPE_CHECKING:
    from srctl.gateway.desk import Desk

API = "api"
"""What programs ask for."""

HERE = "the gateway"
"""What people read where a message names the Docker host: for them it is not the local one."""

NOTHING = "true"
"""What clients run after a login so that sshd lets small packets travel at once."""

LIFETIME = 3600
"""Seconds that a command for people may take; one that follows a log is ended then."""


def main(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Serve one command of one login; return its exit code."""
    output = Output("table", sys.stdout, sys.stderr)
    with Context({}, stdout=sys.stdout, stderr=sys.stderr) as context:
        context.flags["config"] = _config(argv)
        try:
            return _Login(context, environ, output).serve()
        except SrctlError as error:
            output.error(error)
            return error.exit_code
        except ReaderGoneError:
            return 0
        except KeyboardInterrupt:
            return 130
        except Exception as error:
            failure = _crashed(error)
            output.error(failure)
            return failure.exit_code


def _config(argv: Sequence[str]) -> str:
    match argv:
        case ["--config", path]:
            return path
    raise UsageError("usage: python -m srctl.gateway --config FILE")


class _Login:
    """One command of one login."""

    def __init__(self, context: Context, environ: Mapping[str, str], output: Output) -> None:
        self._context = context
        self._environ = environ
        self._output = output

    def serve(self) -> int:
        line = self._environ.get("SSH_ORIGINAL_COMMAND", "")
        recorder = Recorder(None, None)
        action = API if line == API else "words"
        try:
            self._context.host_name = HERE
            database = _database(self._context.config.database)
            ledger = Ledger(database)
            self._context.closing(ledger.close)
            recorder = Recorder(ledger, None)
            key = credential(self._environ)
            recorder = Recorder(ledger, key)
            person = key.person(ledger)
            recorder.user = person.name
            recorder.pace = None if person.admin else self._context.config.get("entries_per_minute")
            recorder.check_pace()
            take_seat(database.parent, person.id, self._context.config.get("commands_at_once"))
            ledger.note_use(key.fingerprint)
        except SrctlError as error:
            if not isinstance(error, TooManyError):
                recorder.note(action, line, error.code)
            if line == API:  # a program reads no sentence for people
                from srctl.wire import dump_error

                self._output.verbatim(json.dumps({"error": dump_error(error)}) + "\n")
            raise
        if line == NOTHING:
            recorder.note(action, line, "ok")
            return 0
        return self._api(ledger, key, recorder) if line == API else self._words(ledger, key, recorder, line)

    def _api(self, ledger: Ledger, key: Credential, recorder: Recorder) -> int:
        from srctl.gateway.api import Api

        recorder.note(API, "", "ok")
        return Api(self._desk(ledger, key, recorder), sys.stdin.fileno(), sys.stdout.fileno(), _crashed).serve()

    def _words(self, ledger: Ledger, key: Credential, recorder: Recorder, line: str) -> int:
        from srctl.gateway.stream import interrupt_when_gone
        from srctl.gateway.words import Caller, Words

        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.alarm(LIFETIME)
        caller = Caller(self._environ, self._output, partial(interrupt_when_gone, sys.stdout.fileno()))
        Words(lambda: key.person(ledger), lambda: self._desk(ledger, key, recorder), recorder, caller).run(line)
        return 0

    def _desk(self, ledger: Ledger, key: Credential, recorder: Recorder) -> "Desk":
        from srctl.gateway.desk import Desk

        return Desk(self._context, ledger, key, recorder)


def _database(location: str) -> Path:
    if "://" in location:
        raise UnsupportedError("Behind a gateway the accounting database must be a SQLite file")
    return Path(location)


def _crashed(error: Exception) -> SrctlError:
    from srctl.crash import report

    return report(error)
