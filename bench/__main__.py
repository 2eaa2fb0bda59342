"""`make bench`, or `make bench ARGS="short open"` for some groups; tunnel, gateway, tui and db have their own."""

from __future__ import annotations

import sys

TUNNEL = "tunnel"
GATEWAY = "gateway"
TUI = "tui"
DATABASE = "db"


def main(chosen: list[str]) -> int:
    """Print a table of ratios; the exit code says only whether all ran, since a time is no test."""
    if chosen[:1] == [TUNNEL]:
        from bench.tunnel.run import main as tunnel

        return tunnel(chosen[1:])
    if chosen[:1] == [GATEWAY]:
        from bench.gateway.run import main as gateway

        return gateway(chosen[1:])
    if chosen[:1] == [TUI]:
        from bench.tui.run import main as tui

        return tui(chosen[1:])
    if chosen[:1] == [DATABASE]:
        from bench.db.run import main as database

        return database(chosen[1:])
    return groups(chosen)


def groups(chosen: list[str]) -> int:
    """Run the groups that compare commands."""
    from bench.cases import GROUPS
    from bench.measure import HEADING, compare
    from bench.stage import stage

    unknown = [name for name in chosen if name not in GROUPS]
    if unknown:
        known = ", ".join((*GROUPS, TUNNEL, GATEWAY, TUI))
        sys.stderr.write(f"There is no group {unknown[0]!r}; there are {known} and {DATABASE}\n")
        return 2
    print(HEADING)
    with stage() as found:
        for name in chosen or list(GROUPS):
            for case in GROUPS[name](found):
                print(compare(case).line(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
