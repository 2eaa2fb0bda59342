"""End what is over: sessions past their time, unused, or without their grant, and shares that have expired.

Nothing of this happens by itself: somebody has to run it, now and then. Several may do so at once, on several machines:
what one of them has done the others find done. What ended unseen is written down too, as far as the engine remembers.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from srctl import labels, lifetimes, policy, recording
from srctl.clock import REAL, Clock
from srctl.enforcing import Enforcer, Gateway
from srctl.errors import NotFoundError, SrctlError, UsageError
from srctl.lifetimes import Facts, Rules, Verdict
from srctl.models import Container, Counters, Record, Share
from srctl.needs import Store
from srctl.outcome import Outcome, try_each
from srctl.sessions import RUNNING, Sessions

_SLACK = timedelta(minutes=2)
"""How much the clocks of two machines may differ where the engine is asked what happened since then."""


@dataclass(frozen=True, slots=True)
class Reaped:
    """What was done (or would be) to a session, or to a guest's leave to open it, and why."""

    session_id: str
    user: str
    image: str | None
    action: str
    reason: str
    message: str


class Reaper:
    """Looks after the sessions of a realm on one host, whoever's they are."""

    def __init__(
        self,
        sessions: Sessions,
        store: Store,
        enforcer: Enforcer,
        gateway: Gateway | None,
        rules: Rules,
        *,
        clock: Clock = REAL,
    ) -> None:
        self._sessions = sessions
        self._engine = sessions.engine
        self._store = store
        self._records = store.records
        self._enforcer = enforcer
        self._gateway = gateway
        self._rules = rules
        self._clock = clock

    def run(self, *, dry_run: bool = False) -> Outcome[Reaped]:
        """End what is over, warn the owners of what will be soon, and note what ended unseen; give what was done.

        With `dry_run` nothing is changed, and what would be done is given. Of several failures each is told.
        """
        now = self._clock.date()
        host = recording.host_of(self._engine, lambda: self._engine.info().machine)
        known = {record.session_id: record for record in self._records.running(self._sessions.realm)}
        seen = self._sessions.containers(stopped=True, all_users=True)  # later, so that a new one is no lost one
        containers = _without_doubles(seen, known)
        if not dry_run:
            self._note_ends(known, containers, host)
        facts = self._facts([each for each in containers if each.state in RUNNING], known, host, now)
        if not dry_run:
            self._note_beginnings([each.record for each in facts if each.record.session_id not in known])
            self._records.notice([each.record for each in facts])
        judged = [(each, lifetimes.judge(each, self._rules, now)) for each in facts]
        tasks = [self._task(each, verdict, now) for each, verdict in judged if verdict is not None]
        tasks += self._unsharing(now)
        if dry_run:
            return Outcome(tuple(task.what for task in tasks))
        self._records.calm([each.record.session_id for each, verdict in judged if not verdict and _is_warned(each)])
        outcome = try_each(tasks, lambda task: task.what if task.act() else None)
        return Outcome(tuple(each for each in outcome.done if each is not None), outcome.errors)

    def _facts(self, running: list[Container], known: dict[str, Record], host: str, now: datetime) -> list[Facts]:
        ids = [str(labels.session_id(container)) for container in running]
        extensions = self._records.extensions(ids)
        grants = self._store.grants_by_id(
            {grant_id for each in running if policy.is_grant_id(grant_id := labels.grant_id(each))}
        )
        holders = self._holders(running)
        found = []
        for session_id, container in zip(ids, running, strict=True):
            record = known.get(session_id) or recording.record_of(container, host, self._sessions.realm)
            extension, grant = extensions.get(session_id), grants.get(labels.grant_id(container))
            seen = lifetimes.noticed(replace(record, host=host), self._counters(container), extension, now)
            found.append(Facts(container, seen, grant, container.id in holders, extension))
        return found

    def _holders(self, running: list[Container]) -> set[str]:
        """Return the containers whose users may run them still; those of SimPhoNy-Remote have rights of their own."""
        people = {user.name: user for user in self._store.users() if not user.disabled}
        claims = {each.id: (labels.user(each), labels.grant_id(each)) for each in running}
        asked = {claim for claim in claims.values() if claim[0] in people and policy.is_grant_id(claim[1])}
        held = self._store.held(asked)

        def holds(container: Container) -> bool:
            number, person = labels.user_id(container), people.get(labels.user(container))
            same = number is None or (person is not None and person.id == number)
            return same and (number is None or claims[container.id] in held)

        return {each.id for each in running if holds(each)}

    def _counters(self, container: Container) -> Counters | None:
        with suppress(SrctlError):  # it may have ended a moment ago
            return self._engine.counters(container.id)
        return None

    # -- what has ended, and what begins

    def _note_beginnings(self, records: Iterable[Record]) -> None:
        for record in records:
            if not self._begin(record):
                self._records.reopen(record.session_id)

    def _begin(self, record: Record) -> bool:
        """Write down that a session began, if its labels say what a database can hold; tell whether that is new."""
        with suppress(UsageError):
            return self._records.begin(record)
        return False

    def _note_ends(self, known: dict[str, Record], containers: list[Container], host: str) -> None:
        """Write down what ended unseen: what lies there still, and what is gone."""
        for container in containers:
            if container.state not in (*RUNNING, "created"):
                record = recording.record_of(container, host, self._sessions.realm)
                if self._begin(record) or record.session_id in known:
                    recording.end_of(self._records, self._engine, record.session_id, container.id)
        present = {container.id for container in containers}
        here = [each for each in known.values() if each.host == host]
        self._note_gone([each for each in here if each.container_id not in present])

    def _note_gone(self, gone: list[Record]) -> None:
        if not gone:
            return
        deaths: dict[str, datetime] = {}
        since = min(each.watch.seen or each.started for each in gone) - _SLACK
        with suppress(SrctlError):  # then what was seen last has to do
            deaths = self._engine.deaths(labels.selector(self._sessions.realm), since)
        for record in gone:
            ended = deaths.get(record.container_id) or record.watch.seen or record.started
            self._records.end(record.session_id, max(ended, record.started), recording.REMOVED)

    # -- what is over

    def _task(self, facts: Facts, verdict: Verdict, now: datetime) -> "_Task":
        record = facts.record
        what = Reaped(record.session_id, record.user, record.image, verdict.action, verdict.reason, verdict.message)
        if verdict.action == "warn":
            return _Task(what, lambda: self._records.warn(record.session_id, verdict.message, now))
        return _Task(what, lambda: self._stop(facts, verdict))

    def _stop(self, facts: Facts, verdict: Verdict) -> bool:
        """End a session; return false where its owner has just asked for more time, or somebody else ended it."""
        session_id = facts.record.session_id
        if self._records.extensions([session_id]).get(session_id) != facts.extension:
            return False
        if verdict.reason == recording.EXPIRED and facts.grant is not None:
            self._enforcer.withdraw([facts.grant], of=(facts.record.user,))
        ended = self._end(facts.container, verdict.reason)
        if self._gateway is not None:
            self._gateway.end_guests(self._gateway.book.remove_shares(session_id))
        return ended

    def _end(self, container: Container, reason: str) -> bool:
        """Stop and remove a container; return whether it was this process that ended it, by what is written down."""
        ended = False
        with suppress(NotFoundError):
            counters = recording.used(self._engine, container)
            self._engine.stop(container.id)
            ended = recording.stopped(self._records, container, reason, counters)
            self._engine.remove(container.id)
        return ended

    def _unsharing(self, now: datetime) -> "list[_Task]":
        """Return what is to be done about the shares that have expired."""
        gateway = self._gateway
        if gateway is None:
            return []
        return [_unsharing(gateway, share) for share in gateway.book.expired(now)]


def _without_doubles(containers: list[Container], known: Mapping[str, Record]) -> list[Container]:
    """Return the containers without those that bear the id of another one's session: what ends there is not its.

    The session is in the container that is written down, else in the oldest one.
    """

    def rank(container: Container) -> tuple[bool, datetime]:
        record = known.get(str(labels.session_id(container)))
        return record is None or record.container_id != container.id, container.created

    first: dict[str, Container] = {}
    for container in sorted(containers, key=rank):
        first.setdefault(str(labels.session_id(container)), container)
    return [each for each in containers if first[str(labels.session_id(each))] is each]


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be done, and how; `act` returns false where somebody else did it."""

    what: Reaped
    act: Callable[[], bool]


def _unsharing(gateway: Gateway, share: Share) -> _Task:
    def act() -> bool:
        removed = gateway.book.remove_shares(share.session_id, share.guest)
        gateway.end_guests(removed)
        return bool(removed)

    message = f"{share.owner} let {share.guest} in until then"
    return _Task(Reaped(share.session_id, share.guest, None, "unshare", recording.EXPIRED, message), act)


def _is_warned(facts: Facts) -> bool:
    return facts.record.watch.warning is not None
