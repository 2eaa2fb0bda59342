"""Failures of SSH connections and channels, and the rule for text that comes from servers.

A refused channel leaves its connection usable; a lost connection does not. Callers need to tell the two apart, so
each has its class. Nothing a server says reaches a terminal before `plain` has made it inert.
"""

import unicodedata

from srctl.errors import UnreachableError

REASONS = {1: "prohibited", 2: "failed", 3: "unknown-type", 4: "no-resources"}
"""Reason codes of SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254, section 5.1)."""


class ConnectionLostError(UnreachableError):
    """The SSH connection ended while it was needed."""


class HungUpError(UnreachableError):
    """The server hung up before anybody had logged in, as a full one does; trying again may help."""


class LoginNeededError(UnreachableError):
    """The server answers, but the login failed: its keys were refused, or a person would have to be asked."""


class KeyLockedError(LoginNeededError):
    """Not all keys could be tried: one can't be used here, as one that needs a passphrase with nobody to ask."""


class HostKeyError(UnreachableError):
    """The server's host key is unknown, changed, revoked, or not vouched for; trying again does not help."""


class ChannelRefusedError(UnreachableError):
    """The server would not open a channel; `reason` is one of the words in `REASONS`."""

    def __init__(self, message: str, hint: str = "", reason: str = "failed") -> None:
        super().__init__(message, hint)
        self.reason = reason


def plain(text: str | bytes, limit: int = 400) -> str:
    """Return text of foreign origin on one line, without control, format and other invisible characters."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    visible = "".join(" " if c in "\r\n\t" else c for c in text if c in "\r\n\t" or unicodedata.category(c)[0] != "C")
    return " ".join(visible.split())[:limit]
