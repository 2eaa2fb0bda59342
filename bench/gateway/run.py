"""`python -m bench gateway [GROUP ...]`: measure the gateway and print the table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing

from bench.gateway.cases import GROUPS
from bench.gateway.stage import Stage
from bench.measure import HEADING, compare
from tools.lab import lab


def main(chosen: Sequence[str]) -> int:
    """Print a table of ratios; the exit code says only whether all ran, since a time is no test."""
    unknown = [name for name in chosen if name not in GROUPS]
    if unknown:
        sys.stderr.write(f"There is no group {unknown[0]!r} of the gateway; there are {', '.join(GROUPS)}\n")
        return 2
    print(HEADING)
    with lab() as run, closing(Stage(run)) as stage:
        for name in chosen or list(GROUPS):
            for case in GROUPS[name](stage):
                print(compare(case).line(), flush=True)
    return 0
