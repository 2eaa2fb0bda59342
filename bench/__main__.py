"""`make bench`, or `make bench ARGS="short open"` for some groups only: print the table of ratios."""

from __future__ import annotations

import sys

from bench.cases import GROUPS
from bench.measure import compare
from bench.stage import stage


def main(chosen: list[str]) -> int:
    """Run the groups; the exit code says only whether all ran, since a time is no test."""
    unknown = [name for name in chosen if name not in GROUPS]
    if unknown:
        sys.stderr.write(f"There is no group {unknown[0]!r}; there are {', '.join(GROUPS)}\n")
        return 2
    print("| measure | srctl | rival | ratio (quartiles) | target | met |")
    print("|---|---|---|---|---|---|")
    with stage() as found:
        for name in chosen or list(GROUPS):
            for case in GROUPS[name](found):
                print(compare(case).line(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
