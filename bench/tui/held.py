"""The screen without a terminal, and a heart on its loop: prints for how many milliseconds the loop was held up."""

from __future__ import annotations

import asyncio
import io
import sys
import time

from srctl import places
from srctl.context import Context
from srctl.tui.app import SrctlApp
from tools.heart import Heart

BEGUN = 1.0
LONG = 13.0


def main() -> None:
    """Look at the hosts of the config file for a while, and press keys."""
    heart = Heart()
    context = Context(stdin=io.StringIO(), stdout=io.StringIO(), stderr=io.StringIO())
    app = SrctlApp(context, places.hosts(context))

    async def run() -> None:
        async with app.run_test(size=(120, 40)):
            await asyncio.sleep(BEGUN)  # what is loaded at the start is loaded
            beating = asyncio.create_task(heart.beat())
            end = time.monotonic() + LONG
            while time.monotonic() < end:
                app.simulate_key("j")
                await asyncio.sleep(0.05)
            heart.stop()
            await beating

    with context:
        asyncio.run(run())
    sys.stdout.write(f"{heart.worst * 1000:.1f}\n")


main()
