"""`python -m bench gateway [GROUP ...] [--quick]`: measure the gateway and print the table.

`crowd` and `fuzz` compare with nothing: they tell how many people were let in, and what came of malformed input.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from bench.gateway.cases import GROUPS, Crowded, crowd
from bench.gateway.stage import Stage
from bench.measure import HEADING, compare
from tools.lab import lab

CROWD, FUZZ, QUICK = "crowd", "fuzz", "--quick"


def main(chosen: Sequence[str]) -> int:
    """Print a table of ratios; the exit code says whether all ran, and nobody was lost and nothing failed."""
    names = [name for name in chosen if name != QUICK] or [*GROUPS, CROWD, FUZZ]
    quick = QUICK in chosen
    unknown = [name for name in names if name not in (*GROUPS, CROWD, FUZZ)]
    if unknown:
        sys.stderr.write(
            f"There is no group {unknown[0]!r} of the gateway; there are {', '.join((*GROUPS, CROWD, FUZZ))}\n"
        )
        return 2
    compared = [name for name in names if name in GROUPS]
    if compared:
        print(HEADING)
    with lab() as run, closing(Stage(run)) as stage:
        for name in compared:
            for case in GROUPS[name](stage):
                print(compare(replace(case, rounds=2) if quick else case).line(), flush=True)
        well = _tell(crowd(stage)) if CROWD in names else True
    return 0 if (FUZZ not in names or _fuzzed(quick=quick)) and well else 1


def _fuzzed(*, quick: bool) -> bool:
    from bench.gateway.fuzz import FEW, INPUTS, fuzz, report

    tally, seconds = fuzz(FEW if quick else INPUTS)
    print(*report(tally, seconds), sep="\n", flush=True)
    return not tally.failures


def _tell(crowded: Crowded) -> bool:
    print(crowded.line(), flush=True)
    return crowded.lost == 0
