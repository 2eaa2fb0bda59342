"""The form before a start: what the image and the grant let a person set, and what there is to know before."""

from collections.abc import Callable

from srctl import policy
from srctl.models import Available
from srctl.tui.fields import Field, Form, Values
from srctl.tui.words import size

RESOLUTIONS = ("1024x768", "1280x800", "1600x900", "1920x1080", "1920x1200", "2560x1440", "3840x2160")
HINTS = {"resolution": "WIDTHxHEIGHT, e.g. 1280x800", "startup-data": "a path inside the container"}


def start_form(each: Available, window: tuple[int, int] | None, command: Callable[[Values], str]) -> Form:
    """Return the form; `window` is the size of the terminal's window in pixels, where that is known."""
    own = [("{}x{}".format(*window), "this window")] if window else []
    presets = {"resolution": (*own, *((value, "") for value in RESOLUTIONS))}
    fields = [Field(name, hint=HINTS.get(name, ""), presets=presets.get(name, ())) for name in each.configurables]
    lines = [each.description] if each.description else []
    lines += [f"May: {policy.in_words(each.policy)}", image_in_words(each)]
    return Form(f"Start {each.title}", fields, "Start and open", command, lines=lines)


def image_in_words(each: Available) -> str:
    """Return the image, and whether it is there."""
    if not each.image_present:
        return f"{each.image}, which the first start pulls"
    return f"{each.image}, {size(each.image_size)}" if each.image_size else each.image
