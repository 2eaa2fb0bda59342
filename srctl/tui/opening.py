"""Open a session from the screen: its tunnel gets a process of its own, which outlives the screen."""

from contextlib import ExitStack
from dataclasses import replace

from textual.message_pump import MessagePump

from srctl import browsing
from srctl.context import Context
from srctl.models import StartRequest
from srctl.tui.messages import Reachable
from srctl.tui.work import Tell, Work


def opening(teller: MessagePump, title: str, host: str, request: StartRequest) -> Work[Reachable]:
    """Return the work that finds or starts what is asked for and leads a local port to it; `teller` posts the rest."""

    def call(context: Context, tell: Tell) -> Reachable:
        wanted = replace(request, timeout=context.config.get("timeout"))
        with ExitStack() as stack:
            opened = context.opener(tell, background=True, stack=stack).open(wanted)
        browser = bool(context.config.get("browser")) and browsing.graphical(context.environ)
        if browser:
            browsing.start_silently(opened.url)
        return Reachable(opened.session.title, opened.url, browser)

    return Work(f"Opening {title}", host, call, teller.post_message)
