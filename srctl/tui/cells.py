"""Grants in few characters: how many there are, and a letter for each thing that they permit."""

from collections import Counter
from collections.abc import Iterable, Sequence

from srctl.models import Application, Grant, Policy
from srctl.tui.words import plainly

NOTHING = "·"
LETTERS = (
    ("h", "home", "a home of the user's own"),
    ("v", "view", "sharing the session with others"),
    ("s", "start-up", "starting with a file of the user's"),
    ("l", "licence", "a licence is given to the application"),
    ("r", "read", "volumes that can only be read"),
    ("w", "write", "volumes, one of which can be written to"),
)
"""A letter, a word for it, and what it means. Of `r` and `w` a cell has one: six characters are the most."""


def cell(grants: Sequence[Grant]) -> str:
    """Return what grants of one application to one user permit together: `✓` is one grant, a digit tells how many."""
    if not grants:
        return NOTHING
    count = "✓" if len(grants) == 1 else str(len(grants)) if len(grants) < 10 else "+"
    together = {letter for grant in grants for letter in _letters(grant.policy)}
    if "w" in together:
        together.discard("r")
    return count + "".join(letter for letter, _, _ in LETTERS if letter in together)


def cells(grants: Iterable[Grant]) -> dict[str, str]:
    """Return the cells of one user by image, where there is anything to say."""
    by_image: dict[str, list[Grant]] = {}
    for grant in grants:
        by_image.setdefault(grant.application.image, []).append(grant)
    return {image: cell(granted) for image, granted in by_image.items()}


def legend() -> str:
    """Return what the characters mean, in one line that is short enough for 80 columns."""
    letters = "  ".join(f"{letter} {word}" for letter, word, _ in LETTERS[:-2])
    return f"✓ once  2 twice  {letters}  r/w volumes"


def short_names(applications: Sequence[Application]) -> dict[str, str]:
    """Return a short name for each image, no two of which are the same: its title, else the end of the image."""
    titles = Counter(each.title for each in applications)
    ends = Counter(_end(each.image) for each in applications)
    found = {}
    for each in applications:
        end = _end(each.image)
        unique = end if ends[end] == 1 else each.image
        found[each.image] = plainly(each.title if each.title and titles[each.title] == 1 else unique)
    return found


def _end(image: str) -> str:
    return image.partition("@")[0].rpartition("/")[2].removesuffix(":latest")


def _letters(permits: Policy) -> str:
    given = {
        "h": permits.allow_home,
        "v": permits.allow_view,
        "s": permits.allow_startup_data,
        "l": permits.license is not None,
        "r": bool(permits.volumes),
        "w": any(volume.mode == "rw" for volume in permits.volumes),
    }
    return "".join(letter for letter, permitted in given.items() if permitted)
