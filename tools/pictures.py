"""Make the pictures of README and docs/: `python -m tools.pictures [desktop] [screen]`.

A real desktop, in a private engine, is opened through a private SSH server and photographed in Chromium. The frame
around it shows the address that `srctl open` printed. The pictures of `srctl tui` are those to which its tests hold it.
"""

from __future__ import annotations

import base64
import html
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tools import clean_home, debian, engine, images
from tools.clean_home import Home
from tools.debian import SetupError
from tools.lab import lab
from tools.sshd import private_sshd

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "pictures" / "desktop.png"
USER = "ada"
SIZE = (1000, 520)
BAR = 44
TYPED = ("uname -srm; id", "echo 'A container on a Docker host, reached through SSH' | tee hello.txt", "ls -l")
PAGE = """
<style>
  body {{ margin: 0; font: 15px sans-serif; background: #dfe3e8; overflow: hidden }}
  p {{ box-sizing: border-box; height: {bar}px; margin: 0; padding: 7px 12px }}
  span {{ display: block; padding: 6px 14px; border-radius: 15px; background: white; color: #30363d }}
  img {{ display: block }}
</style>
<p><span>{url}</span></p><img src="data:image/png;base64,{seen}">
"""


def main(chosen: Sequence[str]) -> int:
    """Make the chosen pictures, all where none is; return the exit code."""
    if not chosen or "screen" in chosen:
        draw_screen()
    if not chosen or "desktop" in chosen:
        try:
            with ExitStack() as undo:
                photograph(open_desktop(undo), PICTURE)
        except SetupError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


def draw_screen() -> None:
    """Draw the pictures of the screen anew, those of its tests and those of the documentation."""
    command = [sys.executable, "-m", "pytest", "-q", "tests/tui/test_pictures.py", "--update-pictures"]
    subprocess.run(command, cwd=ROOT, check=True)


def open_desktop(undo: ExitStack) -> str:
    """Set up everything that srctl needs, and return the URL that `srctl open` prints."""
    run = undo.enter_context(lab())
    where = undo.enter_context(engine.private_engine(run))
    server = undo.enter_context(private_sshd(run))
    home = clean_home.make(run.make("home"))
    home.add_ssh_config(server.client_config("lab"))
    image = images.build("desktop", where.url)
    for command in (
        ("db", "init"),
        ("user", "add", USER),
        ("host", "add", "lab", f"ssh://lab{where.socket}"),
        ("host", "use", "lab"),
        ("app", "add", image),
        ("grant", "add", image, USER, "--allow-home"),
    ):
        checked(home, *command)
    process = home.start("--user", USER, "open", image, "--no-browser", "--set", f"resolution={SIZE[0]}x{SIZE[1]}")
    undo.callback(process.wait, 30)
    undo.callback(process.terminate)
    url = process.stdout.readline().strip() if process.stdout else ""
    if not url:
        raise SetupError(f"srctl open failed: {process.stderr.read() if process.stderr else ''}")
    return url


def checked(home: Home, *arguments: str) -> None:
    """Run srctl; raise SetupError where it fails."""
    done = home.run(*arguments)
    if done.returncode:
        raise SetupError(f"srctl {' '.join(arguments)} failed: {done.stderr}")


def photograph(url: str, path: Path) -> None:
    """Open the desktop in a browser, work in its terminal, and save what is to be seen."""
    debian.ensure([each for each in debian.TESTS if each.name == "chromium"])
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = SIZE
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(url)
        work_in(page)
        seen = base64.b64encode(page.screenshot()).decode()
        page.set_viewport_size({"width": width, "height": height + BAR})
        page.set_content(PAGE.format(bar=BAR, url=html.escape(url), seen=seen))
        page.screenshot(path=path)
        browser.close()


def work_in(page: Page) -> None:
    """Type into the terminal, which has the keyboard while the pointer is on it."""
    canvas = page.locator("canvas").first
    canvas.wait_for(timeout=20_000)
    page.wait_for_timeout(1500)
    canvas.click(position={"x": 200, "y": 200})
    for line in TYPED:
        page.keyboard.type(line + "\n", delay=15)
        page.wait_for_timeout(500)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
