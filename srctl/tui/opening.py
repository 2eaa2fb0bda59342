"""Open a session from the screen: its tunnel gets a process of its own, which outlives the screen."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

from textual.message_pump import MessagePump

from srctl import browsing
from srctl.context import Context
from srctl.models import StartRequest
from srctl.tui.dialogs import Answer, Choice
from srctl.tui.messages import Reachable
from srctl.tui.words import plainly
from srctl.tui.work import Tell, Work


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be opened, under which title, on which host; `command` does the same.

    Without `browser` nothing is done but to lead a local port to it.
    """

    title: str
    host: str
    request: StartRequest
    command: str
    browser: bool = True


def opening(teller: MessagePump, order: Order) -> Work[Reachable]:
    """Return the work that finds or starts what is asked for and leads a local port to it; `teller` posts the rest.

    Given up while the application starts, it leaves nothing; a session that answers runs on.
    """

    def call(context: Context, errand: Tell) -> Reachable:
        wanted = replace(order.request, timeout=context.config.get("timeout"))
        with ExitStack() as stack:
            opened = context.opener(errand, errand.clock, background=True, stack=stack).open(wanted)
        graphical = bool(context.config.get("browser")) and browsing.graphical(context.environ)
        if graphical and order.browser:
            browsing.start_silently(opened.url)
        return Reachable(opened.session.title, opened.url, graphical and order.browser, told=order.browser)

    title = f"Opening {order.title}"
    return Work(title, order.host, call, teller.post_message, command=order.command, yielding=True)


def addressed(reached: Reachable, environ: Mapping[str, str]) -> Choice:
    """Return what is shown where no browser was started: the address, and how to come there from elsewhere."""
    lines = [reached.url, "", "The address is in your clipboard. On another machine than this one:"]
    lines.append(browsing.from_laptop(environ, reached.url))
    answers = (Answer("close", "q", "Close"), Answer("copy", "c", "Copy again"))
    return Choice(f"{plainly(reached.title)} can be opened in a browser at", lines, answers)
