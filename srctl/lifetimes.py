"""When a session's time is over, and whether anybody uses it. Pure.

A session is warned before it is ended, and never ended without that, but where its grant has come to its end: that was
known from the start. It is used while it sends something or computes something; an open page sends at least now and
then, and what nobody is connected to sends nothing at all.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from srctl import durations, labels
from srctl.limits import when
from srctl.models import Container, Counters, Extension, Grant, Record
from srctl.recording import EXPIRED, IDLE, LIFETIME, UNGRANTED

SENT = 1.0
"""Bytes a second from which on a session is used. An open page of noVNC sends five, a session without one none."""

COMPUTED = 0.02
"""Parts of a CPU from which on it is used. A desktop that nobody looks at takes a thousandth, a server a few."""

LEAST = timedelta(seconds=60)
"""How long must have passed between two looks, so that what is sent now and then is in between."""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that decides about a running session. `holds` tells whether its user still has the right to it."""

    container: Container
    record: Record
    grant: Grant | None
    holds: bool
    extension: Extension | None


@dataclass(frozen=True, slots=True)
class Rules:
    """How long owners are warned, and whether sessions end whose grants were taken away."""

    warning: timedelta = timedelta(minutes=15)
    ungranted: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with a session: `stop` or `warn`, why, and what its owner should know."""

    action: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class _Fate:
    """One reason for which a session ends at a moment; `notice` is how long before that its owner should know."""

    reason: str
    ends: datetime
    notice: timedelta
    words: str


def noticed(record: Record, counters: Counters | None, extension: Extension | None, now: datetime) -> Record:
    """Return a record with what is seen of its session now; counters of a moment ago say nothing yet.

    What was noticed by a clock that was ahead is taken as noticed now.
    """
    watch = replace(
        record.watch, seen=now, active=_by(record.watch.active, now), sampled=_by(record.watch.sampled, now)
    )
    if extension is not None and (watch.active is None or extension.made > watch.active):
        watch = replace(watch, active=_by(extension.made, now))
    if counters is None or (watch.sampled is not None and now - watch.sampled < LEAST):
        return replace(record, watch=watch)
    if _is_used(record, counters, now):
        watch = replace(watch, active=now)
    watch = replace(watch, sampled=now, net_bytes=counters.net_bytes)
    return replace(record, cpu_seconds=counters.cpu_seconds, watch=watch)


def _by(moment: datetime | None, now: datetime) -> datetime | None:
    return moment if moment is None else min(moment, now)


def _is_used(record: Record, counters: Counters, now: datetime) -> bool:
    """Tell whether a session was used since the last look; whoever was never looked at is given the doubt."""
    watch = record.watch
    if watch.sampled is None or record.cpu_seconds is None:
        return True
    seconds = (now - watch.sampled).total_seconds()
    computed = (counters.cpu_seconds - record.cpu_seconds) / seconds
    sent = ((counters.net_bytes or 0) - (watch.net_bytes or 0)) / seconds
    return computed < 0 or computed >= COMPUTED or sent < 0 or sent >= SENT


def judge(facts: Facts, rules: Rules, now: datetime) -> Verdict | None:
    """Return what is to be done with a session, `None` for nothing."""
    fates = sorted(_fates(facts, rules, now), key=lambda fate: fate.ends)
    if not fates or now + fates[0].notice < fates[0].ends:
        return None
    fate, warned = fates[0], _warned(facts, rules, now)
    heard = (warned or now) + fate.notice / 2
    if now >= fate.ends and (fate.reason == EXPIRED or (warned is not None and now >= heard)):
        return Verdict("stop", fate.reason, fate.words)
    ends = fate.ends if fate.reason == EXPIRED else max(fate.ends, heard)
    advice = "; srctl session extend gives it longer" if fate.reason == LIFETIME else ""
    return Verdict("warn", fate.reason, f"It ends at {when(ends)}: {fate.words}{advice}")


def _warned(facts: Facts, rules: Rules, now: datetime) -> datetime | None:
    """Return since when the owner knows; what was told by a clock that was ahead has been known long enough."""
    warned = facts.record.watch.warned
    return now - rules.warning if warned is not None and warned > now else warned


def _fates(facts: Facts, rules: Rules, now: datetime) -> list[_Fate]:
    container, watch = facts.container, facts.record.watch
    found = []
    expires = facts.grant.policy.expires if facts.grant is not None else labels.expires(container)
    if expires is not None:
        found.append(_Fate(EXPIRED, expires, rules.warning, "its grant does (--expires)"))
    if rules.ungranted and not facts.holds:
        ends = (_warned(facts, rules, now) or now) + rules.warning
        found.append(_Fate(UNGRANTED, ends, rules.warning, "its owner has no grant for it any more"))
    if (lifetime := labels.max_lifetime(container)) is not None:
        length = timedelta(seconds=lifetime)
        ends = facts.extension.ends if facts.extension else container.created + length
        words = f"it may run {durations.words(lifetime)} (--max-lifetime)"
        found.append(_Fate(LIFETIME, ends, min(rules.warning, length / 2), words))
    if (timeout := labels.idle_timeout(container)) is not None and watch.active is not None:
        length = timedelta(seconds=timeout)
        words = f"nobody has used it since {when(watch.active)} (--idle-timeout {durations.words(timeout)})"
        found.append(_Fate(IDLE, watch.active + length, min(rules.warning, length / 2), words))
    return found
