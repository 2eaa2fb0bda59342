"""Let a session run longer; how much longer it may is for the use case to say."""

from srctl import durations
from srctl.context import Context
from srctl.models import Session
from srctl.tui.fields import Field, Form, Values
from srctl.tui.messages import Said
from srctl.tui.pane import Pane
from srctl.tui.words import DIGITS, left, plainly
from srctl.tui.work import Tell, Work

TIME = "longer by"
PRESETS = ("30m", "1h", "2h", "4h", "8h")


def extend(pane: Pane, session: Session) -> None:
    """Ask how much longer a session is to run, and have it do so."""
    if session.ends is None:
        pane.post_message(Said(plainly(f"{session.title} has no end: it runs until it is stopped")))
        return

    def command(values: Values) -> str:
        words = ("session", "extend", session.id[:DIGITS], values.get(TIME, "TIME"))
        return pane.state.command(*words, host=session.host)

    def work(values: Values) -> Work[Session]:
        def call(context: Context, _tell: Tell) -> Session:
            return context.parts.extender.extend(session.id, durations.parse(values.get(TIME, "")))

        return Work(f"Extending {session.title}", session.host, call, done, command=command(values))

    def done(now: Session) -> None:
        pane.post_message(Said(plainly(f"{now.title} ends in {left(now.ends)}")))
        pane.state.hosts[session.host].thread.look()

    field = Field(TIME, hint="e.g. 2h", presets=tuple((each, "") for each in PRESETS))
    lines = [f"It ends in {left(session.ends)}", *([session.warning] if session.warning else [])]
    pane.ask_for(Form(f"Let {session.title} run longer", [field], "Extend", command, lines=lines), work)
