"""The entry of the `srctl` command and of `python -m srctl`, light enough that Ctrl-C meets it from the start."""

import sys


def run() -> None:
    """Run srctl; Ctrl-C while it still loads ends it quietly, as it does later."""
    try:
        from srctl.cli import run as run_commands
    except KeyboardInterrupt:
        sys.exit(130)
    run_commands()


if __name__ == "__main__":
    run()
