"""The screen in a process in which everything writes to the terminal: `python -m tests.tui.noisy BEGIN DONE`.

It is quiet until the file BEGIN is there, and makes the file DONE when all has been written.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import cast

from srctl.context import Context
from srctl.hosts.engine import DockerHost
from srctl.tui.app import run
from tests.fakes import FakeEngine

ROUNDS = 20


def main() -> None:
    """Show the screen."""
    threading.Thread(target=_make_noise, args=(Path(sys.argv[1]), Path(sys.argv[2])), daemon=True).start()
    with Context(host=cast("DockerHost", FakeEngine())) as context:
        run(context)


def _make_noise(begin: Path, done: Path) -> None:
    while not begin.exists():
        time.sleep(0.02)
    warnings.simplefilter("always")
    handler = logging.StreamHandler(sys.__stderr__)
    logging.getLogger("noise.handler").addHandler(handler)
    for number in range(ROUNDS):
        warnings.warn(f"noise: warning {number}", stacklevel=1)
        logging.getLogger("noise").error("noise: logged %s", number)
        logging.getLogger("noise.handler").error("noise: logged by a handler %s", number)
        sys.stdout.write(f"noise: printed {number}\n")
        sys.stderr.write(f"noise: \x1b[2J\x1b[H\x1b[31mcleared {number}\n")
        for descriptor in (1, 2):
            os.write(descriptor, f"noise: \x1b[2Jwritten to {descriptor}, {number}\r\n".encode())
        time.sleep(0.02)
    subprocess.run(["sh", "-c", "echo noise: from a child; echo noise: from its stderr >&2"], check=True)
    done.touch()


if __name__ == "__main__":
    main()
