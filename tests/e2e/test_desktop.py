"""The whole point: a person's browser shows the desktop of a container on another machine, and it obeys."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from tests.e2e.conftest import Desk, wait_for_file
from tools.debian import SetupError
from tools.engine import Engine
from tools.sshd import Sshd

COLOURS = """() => {
    const canvas = document.querySelector("canvas");
    if (!canvas || !canvas.width) return 0;
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const found = new Set();
    for (let i = 0; i < data.length; i += 4000) found.add(data[i] + "," + data[i + 1] + "," + data[i + 2]);
    return found.size;
}"""
"""Two colours or more tell a desktop from a blank canvas."""


def show_desktop(page: Any, url: str) -> None:
    """Open the desktop and wait until it shows something.

    Chromium drops what it loads when a network interface of the machine comes or goes, as they do with every
    container (ERR_NETWORK_CHANGED); then the page is loaded again, as a person would.
    """
    from playwright.sync_api import TimeoutError as TimedOut

    dropped: list[str] = []
    page.on("requestfailed", lambda request: dropped.append(str(request.failure)))
    page.goto(url)
    for _ in range(6):
        try:
            page.wait_for_function(f"({COLOURS})() >= 2", timeout=15_000)
        except TimedOut:
            if any("ERR_NETWORK_CHANGED" in reason for reason in dropped):
                dropped.clear()
                page.reload()
        else:
            return
    raise AssertionError(f"no desktop; {dropped}")


def type_until_there(page: Any, engine: Engine, container: str, path: str) -> None:
    """Type a command that makes a file into the xterm, which gets the keys when it is there and the pointer in it."""
    box = page.locator("canvas").first.bounding_box()
    for _ in range(6):
        page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
        page.keyboard.type(f"\ntouch {path}\n", delay=15)
        with suppress(SetupError):
            wait_for_file(engine, container, path)
            return
    raise AssertionError("nothing comes of what is typed")


def test_a_person_types_into_the_desktop_of_a_remote_container(
    desk: Desk, engine: Engine, sshd: Sshd, desktop_image: str, browser_page: Callable[[], Any]
) -> None:
    desk.grant(desktop_image)
    before = sshd.logins()
    with desk.open(desktop_image, "--set", "resolution=900x700") as opened:
        assert sshd.logins() - before == 1, "one login carries API, readiness and tunnel"
        page = browser_page()
        show_desktop(page, opened.url)
        assert page.evaluate("document.querySelector('canvas').width") == 900
        type_until_there(page, engine, opened.session["container_id"], "/tmp/typed-by-a-person")
        assert opened.end() == 0
    assert sshd.logins() - before == 3, "the two commands that clean up logged in once each"


def test_a_websocket_idles_for_a_minute_while_twenty_others_load_pages(
    desk: Desk, engine: Engine, desktop_image: str, browser_page: Callable[[], Any]
) -> None:
    desk.grant(desktop_image)
    with desk.open(desktop_image) as opened:
        page = browser_page()
        sockets: list[Any] = []
        page.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108 - Playwright marks its handlers
        show_desktop(page, opened.url)
        opened_until_now = len(sockets)
        over = threading.Event()
        address = f"{opened.url}app/ui.js"

        def load() -> int:
            count = 0
            while not over.wait(0.2):
                with urllib.request.urlopen(address, timeout=60) as response:  # noqa: S310 - on loopback
                    assert len(response.read()) > 1000
                count += 1
            return count

        with ThreadPoolExecutor(20) as pool:
            loads = [pool.submit(load) for _ in range(20)]
            try:
                page.wait_for_timeout(60_000)
            finally:
                over.set()
            assert all(each.result() > 10 for each in loads)
        assert len(sockets) == opened_until_now
        assert not sockets[-1].is_closed()
        type_until_there(page, engine, opened.session["container_id"], "/tmp/still-there")
