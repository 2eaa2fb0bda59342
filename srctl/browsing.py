"""The browser of this machine, and the way to it from another one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit

from srctl.config import login_name


def graphical(environ: Mapping[str, str]) -> bool:
    """Tell whether a browser with windows can be started here."""
    if sys.platform in ("darwin", "win32"):
        return "SSH_CONNECTION" not in environ
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return False
    return "BROWSER" in environ or any(map(shutil.which, ("xdg-open", "firefox", "chromium", "google-chrome")))


def from_laptop(environ: Mapping[str, str], url: str) -> str:
    """Return the `ssh -L` line that brings a URL of this machine to the one from which the person came here."""
    port = urlsplit(url).port
    here = environ.get("SSH_CONNECTION", "").split()
    host = here[2] if len(here) == 4 else os.uname().nodename if hasattr(os, "uname") else "THIS-HOST"
    return f"ssh -L {port}:127.0.0.1:{port} {login_name()}@{host}, then open {url}"


def start_silently(url: str) -> None:
    """Open a URL of ours in the browser, and let it write nothing to this terminal."""
    null = subprocess.DEVNULL
    command = [sys.executable, "-P", "-m", "webbrowser", "-t", url]
    subprocess.Popen(command, stdin=null, stdout=null, stderr=null, start_new_session=True)
