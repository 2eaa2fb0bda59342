"""Asking the person at the terminal: there, by way of another thread, or not at all where the answer is known."""

import getpass
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from srctl.inert import inert

if TYPE_CHECKING:
    from srctl.early import Errands
    from srctl.tunnel.prompter import Prompter


class TerminalPrompter:
    """Asks the person at the terminal, on stderr, with text from outside made inert.

    While it asks, `alone` keeps what is drawn there off the screen.
    """

    def __init__(
        self,
        stdin: TextIO,
        stderr: TextIO,
        alone: Callable[[], AbstractContextManager[None]],
        answers: dict[str, Any] | None = None,
    ) -> None:
        """Ask there; the answers, by question, are noted in `answers`."""
        self._stdin = stdin
        self._stderr = stderr
        self._alone = alone
        self._answers = {} if answers is None else answers

    def confirm(self, text: str) -> bool:
        """Ask a question whose answer is yes or no; nothing else than `yes` is a yes."""
        with self._asking():
            self._stderr.write("\n".join(inert(line) for line in text.splitlines()) + " ")
            self._stderr.flush()
            agreed = self._stdin.readline().strip().lower() in ("y", "yes")
            self._answers[text] = agreed
            return agreed

    def secret(self, text: str) -> str | None:
        """Ask for a secret without showing it; `None` when the person gives none."""
        with self._asking():
            try:
                answer = getpass.getpass(inert(text) + " ", stream=self._stderr) or None
            except EOFError:
                return None
            self._answers[text] = answer
            return answer

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with self._alone():
            try:
                yield
            except KeyboardInterrupt:
                self._stderr.write("\n")
                raise


class Recalling:
    """Answers a question that this command has asked before as the person did then, once; all else is asked."""

    def __init__(self, prompter: "Prompter", answers: dict[str, Any]) -> None:
        self._prompter = prompter
        self._answers = answers
        self._used: set[str] = set()

    def confirm(self, text: str) -> bool:
        """Ask a question whose answer is yes or no."""
        return bool(self._answers[text]) if self._known(text) else self._prompter.confirm(text)

    def secret(self, text: str) -> str | None:
        """Ask for a secret."""
        return self._answers[text] if self._known(text) else self._prompter.secret(text)

    def _known(self, text: str) -> bool:
        """Tell whether there is an answer; one that did not help is not given twice."""
        known = text in self._answers and text not in self._used
        self._used.add(text)
        return known


class ErrandPrompter:
    """Has another prompter asked by the thread that waits for early work."""

    def __init__(self, errands: "Errands", prompter: "Prompter") -> None:
        self._errands = errands
        self._prompter = prompter

    def confirm(self, text: str) -> bool:
        """Ask a question whose answer is yes or no."""
        return self._errands.make(lambda: self._prompter.confirm(text))

    def secret(self, text: str) -> str | None:
        """Ask for a secret."""
        return self._errands.make(lambda: self._prompter.secret(text))
