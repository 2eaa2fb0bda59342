"""Questions of the SSH client, asked in front of the screen while the thread that needs the answer waits."""

from concurrent.futures import Future
from typing import Any

from textual.app import App
from textual.screen import ModalScreen

from srctl.tui.dialogs import NO_AND_YES, Choice, Secret


class ScreenPrompter:
    """Asks on the screen of an application; the answers, by question, are noted in `answers`."""

    def __init__(self, app: App[None], answers: dict[str, Any]) -> None:
        self._app = app
        self._answers = answers

    def confirm(self, text: str) -> bool:
        """Ask a question whose answer is yes or no."""
        agreed = self._asked(Choice(text, (), NO_AND_YES)) == "yes"
        self._answers[text] = agreed
        return agreed

    def secret(self, text: str) -> str | None:
        """Ask for a secret without showing it; `None` when the person gives none."""
        answer = self._asked(Secret(text))
        self._answers[text] = answer
        return answer

    def _asked(self, screen: ModalScreen[str | None]) -> str | None:
        answer: Future[str | None] = Future()
        self._app.call_from_thread(self._app.push_screen, screen, answer.set_result)
        return answer.result()
