"""Inputs that people did not mean to write: whatever the gateway is told, it answers with a result or with a refusal.

Seeds are changed at random, as bytes and as JSON, and given to what reads them, in this process: requests, command
lines, and what sshd says to the keys command. Any failure but those that are meant is shown with its input.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from bench.gateway import seeds
from bench.gateway.people import database, key
from srctl import durations
from srctl.calls import CALLS
from srctl.errors import SrctlError, UsageError
from srctl.gateway import keys, words
from srctl.gateway.api import _parsed

INPUTS, FEW = 10_000_000, 30_000
WORKERS = 2
SHARES = {"requests": 0.6, "words": 0.2, "keys": 0.2}
"""Which part of the inputs goes where."""

MOST_SHOWN = 5
LINE = re.compile(
    r'restrict(,port-forwarding(,permitopen="127\.83\.[0-9]{1,3}\.[0-9]{1,3}:200[0-3][0-9]")+)? (\S+) (\S+)\n'
)


class UnmeantError(Exception):
    """What is read is not what may be."""


@dataclass
class Tally:
    """How often inputs were taken or refused, and those that failed."""

    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count another's as well."""
        self.outcomes += other.outcomes
        self.failures += other.failures


Target = Callable[[Random], tuple[object, Callable[[], bool]]]
"""Makes an input, and what tries it: that returns whether it was taken."""


def fuzz(inputs: int) -> tuple[Tally, float]:
    """Try so many inputs; return what came of them, and the seconds it took."""
    begun = time.monotonic()
    total = Tally()
    with ProcessPoolExecutor(WORKERS) as pool:
        jobs = [(name, int(inputs * share / WORKERS), n) for name, share in SHARES.items() for n in range(WORKERS)]
        for tally in pool.map(_try_many, jobs):
            total.add(tally)
    return total, time.monotonic() - begun


def _try_many(job: tuple[str, int, int]) -> Tally:
    name, count, number = job
    random, tally = Random(f"{name} {number}"), Tally()  # noqa: S311 - the same each time
    with tempfile.TemporaryDirectory() as folder:
        targets: dict[str, Target] = {"requests": _request, "words": _line}
        make = targets.get(name) or _Keys(Path(folder)).question
        for _ in range(count):
            said, attempt = make(random)
            try:
                tally.outcomes[f"{name} taken" if attempt() else f"{name} refused"] += 1
            except Exception as error:
                tally.outcomes[f"{name} failed"] += 1
                if len(tally.failures) < MOST_SHOWN:
                    tally.failures.append(f"{name}: {said!r}: {type(error).__name__}: {error}")
    return tally


# -- requests


def _request(random: Random) -> tuple[object, Callable[[], bool]]:
    line = seeds.changed(random, random.choice(seeds.REQUEST_LINES)) if random.random() < 0.5 else _changed_json(random)
    return line, lambda: _reads(line)


def _changed_json(random: Random) -> bytes:
    request = json.loads(random.choice(seeds.REQUEST_LINES))
    for _ in range(random.randint(1, 3)):
        seeds.change_value(random, request)
    return json.dumps(request).encode()


def _reads(line: bytes) -> bool:
    try:
        request = _parsed(line)
        call = CALLS.get(request["call"]) if isinstance(request["call"], str) else None
        if call is None:
            return False
        given = call.signature.load_arguments(request.get("with", {}))
    except UsageError:
        return False
    if type(request["id"]) is not int or not set(given) <= set(call.signature.names):
        raise UnmeantError("a request that is none")
    json.dumps(call.signature.dump_arguments(given))
    return True


# -- command lines


def _line(random: Random) -> tuple[object, Callable[[], bool]]:
    line = seeds.changed(random, random.choice(seeds.COMMAND_LINES)).decode("utf-8", "surrogateescape")
    return line, lambda: _does(line)


def _does(line: str) -> bool:
    try:
        given = words.parse(line)
        if given.verb == "start":
            words._request(given)
        if given.verb == "share" and given.duration is not None:
            durations.parse(given.duration)
    except SrctlError:
        return False
    if given.verb not in words._VERBS or not hasattr(words.Words, f"_{given.verb}"):
        raise UnmeantError("a verb that is none")
    return True


# -- the keys command


class _Keys:
    """The keys command's own logic, with a database of few people, some of whose keys are asked for."""

    def __init__(self, folder: Path) -> None:
        self._database = str(database(folder / "few", 10))
        self._account = pwd.getpwuid(os.geteuid()).pw_name
        self._known = [key(number) for number in range(-2, 20)]

    def question(self, random: Random) -> tuple[object, Callable[[], bool]]:
        known = random.choice(self._known)
        said = [self._account, known.fingerprint, known.type, known.blob]
        for _ in range(random.randint(0, 2)):
            spot = random.randrange(len(said))
            said[spot] = seeds.changed(random, os.fsencode(said[spot])).decode("utf-8", "surrogateescape")
        if random.random() < 0.05:
            said = said[: random.randrange(5)]
        return said, lambda: self._answers(said)

    def _answers(self, said: list[str]) -> bool:
        try:
            line = keys.answer([self._database, *said])
        except (keys.Refusal, OSError, sqlite3.Error):
            return False
        if not line:
            return False
        found = LINE.fullmatch(line)
        asked = next((each for each in self._known if each.fingerprint == said[1]), None)
        if (
            found is None
            or asked is None
            or (found[3], found[4]) != (asked.type, asked.blob)
            or said[2:] != [*found.groups()[2:]]
        ):
            raise UnmeantError(f"let in by {line!r}")
        return True


def report(tally: Tally, seconds: float) -> list[str]:
    """Return lines for people."""
    count = sum(tally.outcomes.values())
    told = ", ".join(f"{number:,} {name}" for name, number in sorted(tally.outcomes.items()))
    return [f"{count:,} inputs in {seconds:.0f} s: {told}", *tally.failures]
