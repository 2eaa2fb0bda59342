"""`python -m bench tunnel [MEASURE ...]`: take the measures and print the table."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence

from bench.tunnel import report
from bench.tunnel.contenders import DIRECT, GCM, SSH, opened
from bench.tunnel.load import FULL, QUICK
from bench.tunnel.measures import MEASURES, Measure
from bench.tunnel.report import Round
from bench.tunnel.stage import Stage, stage
from tools.debian import SetupError

ROUNDS, QUICK_ROUNDS = 5, 2
FAILURES = (SetupError, OSError, LookupError, ValueError, subprocess.SubprocessError)
"""What becomes of a measure whose contender dies or breaks off; the others are taken all the same."""


def main(words: Sequence[str]) -> int:
    """Take the measures; the exit code says only whether all could be taken, since a time is no test."""
    chosen = _chosen(words)
    failures = 0
    try:
        with stage() as found:
            print(f"{report.machine()}\n\n{report.heading(direct=chosen.direct)}", flush=True)
            for name in chosen.measures or MEASURES:
                failures += not _take(found, name, chosen)
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 1 if failures else 0


def _chosen(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench tunnel", description="Compare the tunnel with `ssh -L`.")
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=f"any of: {', '.join(MEASURES)}")
    parser.add_argument("--rounds", type=int, help=f"rounds of each measure (default {ROUNDS}, quick {QUICK_ROUNDS})")
    parser.add_argument("--quick", action="store_true", help="do little, to see that everything works")
    parser.add_argument("--direct", action="store_true", help="measure the way without a tunnel too")
    chosen = parser.parse_args(words)
    unknown = [name for name in chosen.measures if name not in MEASURES]
    if unknown:
        parser.error(f"there is no measure {unknown[0]!r}; there are {', '.join(MEASURES)}")
    return chosen


def _take(found: Stage, name: str, chosen: argparse.Namespace) -> bool:
    """Take one measure and print its rows; return whether it went well."""
    measure, began = MEASURES[name], time.monotonic()
    try:
        rounds = _rounds(found, measure, chosen)
    except FAILURES as error:
        lines = [report.failed(row, str(error)) for row in measure.rows]
    else:
        lines = [report.line(row, rounds) for row in measure.rows]
    print("\n".join(lines), flush=True)
    sys.stderr.write(f"{name}: {time.monotonic() - began:.0f} s\n")
    return "failed: " not in lines[0]


def _rounds(found: Stage, measure: Measure, chosen: argparse.Namespace) -> list[Round]:
    """Let all contenders do it in turns; who begins changes from round to round."""
    place = found.place(measure.place)
    amount = QUICK if chosen.quick else FULL
    contenders = [measure.ours, SSH, GCM, *([DIRECT] if chosen.direct else [])]
    rounds: list[Round] = []
    for number in range(chosen.rounds or (QUICK_ROUNDS if chosen.quick else ROUNDS)):
        turn = number % len(contenders)
        figures = {}
        for contender in contenders[turn:] + contenders[:turn]:
            with opened(contender, found, place) as tunnel:
                figures[contender.name] = measure.act(tunnel, amount)
        rounds.append(figures)
    return rounds
