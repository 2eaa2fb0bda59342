"""Ends the connections of those who have lost a right. Call it when the database already says so.

sshd asked the database at login and keeps to the answer, so a right ends with the connection. Found are all connections
of the gateway's account: children of root's sshd that run as the account. The record of their parent tells whose they
are; one without a record could be anybody's and ends with each revocation. The account needs no privileges for it.
"""

import os
import signal
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from srctl.logins.connections import Connection, Ended, Outcome, Targets
from srctl.logins.processes import Hold, Identity, Process, families, hold, is_there, read, title
from srctl.logins.records import Records
from srctl.models import SharedSlot

WATCH_SECONDS = 3.0
"""How long a login in the middle is watched; the keys command and sshd need a few hundredths of that."""

COMMAND_SECONDS = 2.0
"""How long a keys command that was asked before the revocation may still take; then its key is refused."""

PATIENCE_SECONDS = 2.0
"""How long a connection may take to end by itself."""

_KILLED_SECONDS = 1.0
_UNSETTLED_SECONDS = 0.3
_PAUSE = 0.02
_AT_ONCE = 100
"""Each process that is being ended takes a file descriptor."""


class Revocation:
    """Ends connections of the gateway whose records lie in `folder`; does nothing where no gateway has ever been."""

    def __init__(self, folder: Path) -> None:
        self._records = Records(folder)

    def end(
        self,
        *,
        user_ids: Iterable[int] = (),
        fingerprints: Iterable[str] = (),
        shares: Iterable[SharedSlot] = (),
        spare: int | None = None,
    ) -> Outcome:
        """End all connections that depended on it, and return when they are gone; the process `spare` is left alive.

        Takes as long as they take to end, at most 3 s for those that don't listen, and up to 3 s when a login is in
        the middle. Raises SrctlError when processes are hidden or we may not end them.
        """
        targets = Targets(frozenset(user_ids), frozenset(fingerprints), frozenset(shares))
        account = self._records.account()
        if not targets or not account:  # root's own logins never are a gateway's
            return Outcome()
        outcome = _Hunt(self._records, account, targets, spare).run()
        self._records.all()
        return outcome

    def permitted(self, share: SharedSlot) -> bool:
        """Tell whether a live connection was permitted this share. Raises `OSError`, SrctlError."""
        targets = Targets(frozenset(), frozenset(), frozenset({share}))
        return bool(self._records.account()) and any(targets.hit(record) for record in self._records.all())

    def own(self) -> int | None:
        """Return the process of the connection that we run in, for `spare`; None outside of one."""
        account = self._records.account()
        process = read(os.getpid())
        while account and process is not None and process.pid > 1:
            parent = read(process.parent)
            if parent is not None and _serves(process, account) and parent.is_root_sshd:
                return process.pid
            process = parent
        return None

    def close(self, connection: Connection) -> None:
        """End one connection, such as our own once the answer is out. Raises SrctlError when we may not."""
        end_all([connection.process])


@dataclass(frozen=True, slots=True)
class _View:
    """One moment: what depends on the targets, the keys commands that run, whether a login may be on its way."""

    monitors: frozenset[Identity]
    connections: tuple[Connection, ...]
    commands: tuple[Process, ...]
    unsettled: bool


class _Hunt:
    """One revocation. It follows the connections of its first moment: later ones were judged by the new database."""

    def __init__(self, records: Records, account: int, targets: Targets, spare: int | None) -> None:
        self._records = records
        self._account = account
        self._targets = targets
        self._spare = spare
        self._title = f": {_name(account)} [priv]"

    def run(self) -> Outcome:
        ended: dict[Identity, Ended] = {}
        began = time.monotonic()
        view = self._look()
        monitors, commands = view.monitors, view.commands
        while True:
            doomed = [each for each in view.connections if each.process.pid != self._spare]
            ended |= {each.process.identity: each.ended for each in doomed}
            end_all([each.process for each in doomed])
            waited = time.monotonic() - began
            if waited > COMMAND_SECONDS:
                end_all(commands)
            if waited > WATCH_SECONDS or not (doomed or commands or view.unsettled):
                break
            time.sleep(_PAUSE)
            # In this order: when a command has gone, the view shows what came of it.
            commands = tuple(each for each in commands if is_there(each))
            view = self._look(monitors)
        own = next((each for each in view.connections if each.process.pid == self._spare), None)
        return Outcome(tuple(ended.values()), own)

    def _look(self, among: frozenset[Identity] | None = None) -> _View:
        found = [(sshd, children) for sshd, children in families() if among is None or sshd.identity in among]
        views = [self._judge(sshd, children) for sshd, children in found]
        ours = [child for _, children in found for child in children if child.uid == self._account]
        return _View(
            frozenset(sshd.identity for sshd, _ in found),
            tuple(each for connections, _ in views for each in connections),
            tuple(child for child in ours if not child.is_sshd),
            any(unsettled for _, unsettled in views),
        )

    def _judge(self, monitor: Process, children: Sequence[Process]) -> tuple[list[Connection], bool]:
        """Return a monitor's connections that depend on the targets, and whether one may be about to appear."""
        # Read after the processes: of a connection that was there it is the last word.
        record = self._records.of(monitor)
        if not self._targets.hit(record):
            return [], False
        serving = [child for child in children if _serves(child, self._account)]
        # sshd forks itself to start the keys command: for a moment that looks like a connection without a record.
        settled = [child for child in serving if record or child.age > _UNSETTLED_SECONDS]
        in_the_middle = not serving and (record is not None or self._logs_in(monitor, children))
        return [Connection(child, record) for child in settled], in_the_middle or len(settled) < len(serving)

    def _logs_in(self, monitor: Process, children: Sequence[Process]) -> bool:
        """Tell whether this is a login of the account that has not come to its end.

        What serves it is still root's then, or not there; before, there is the process that sshd calls [net]. The
        account's name alone says too little: in a container there may be an account of the same name.
        """
        if not title(monitor.pid).endswith(self._title):
            return False
        strangers = [title(child.pid) for child in children if child.uid not in (0, self._account)]
        return all(not each or each.endswith(" [net]") for each in strangers)  # without a title it is about to go


def end_all(victims: Sequence[Process]) -> None:
    """Ask processes to end, and kill those that don't; those that are others by now are left alone."""
    for start in range(0, len(victims), _AT_ONCE):
        with ExitStack() as holds:
            held = [got for each in victims[start : start + _AT_ONCE] if (got := holds.enter_context(hold(each)))]
            for number, seconds in ((signal.SIGTERM, PATIENCE_SECONDS), (signal.SIGKILL, _KILLED_SECONDS)):
                for each in held:
                    each.send(number)
                held = _still_there(held, seconds)


def _still_there(held: list[Hold], seconds: float) -> list[Hold]:
    deadline = time.monotonic() + seconds
    return [each for each in held if not each.has_ended(deadline - time.monotonic())]


def _serves(process: Process, account: int) -> bool:
    return process.is_sshd and process.uid == account


def _name(account: int) -> str:
    import pwd  # not on Windows, where nothing of this is called

    try:
        return pwd.getpwuid(account).pw_name
    except KeyError:
        return ""
