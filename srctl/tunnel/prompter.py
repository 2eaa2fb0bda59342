"""How a connection asks a person: host keys, passphrases, passwords.

A face with a terminal hands in a `Prompter`. Whoever has none (scripts, background work, a terminal screen that must
not be written over) hands in `None`, and then nothing is ever asked: what needs a person fails and says so.
"""

from typing import Protocol


class Prompter(Protocol):
    """Asks the person at the terminal."""

    def confirm(self, text: str) -> bool:
        """Show `text` and a space; it ends in a yes-or-no question. Return whether the person agreed."""
        ...

    def secret(self, text: str) -> str | None:
        """Show `text` and a space, read an answer without echo; `None` when the person gave up."""
        ...
