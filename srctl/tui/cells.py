"""Grants in few characters: how many there are, by whom, and a letter for each thing that they permit."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from srctl import limits
from srctl.models import Application, Grant, Policy
from srctl.tui.words import plainly

NOTHING = "·"
EXPIRED = "✗"
LETTERS = (
    ("h", "home", "a home of the user's own"),
    ("v", "view", "sharing the session with others"),
    ("s", "start-up", "starting with a file of the user's"),
    ("l", "licence", "a licence is given to the application"),
    ("r", "read", "volumes that can only be read"),
    ("w", "write", "volumes, one of which can be written to"),
)
"""A letter, a word for it, and what it means. Of `r` and `w` a cell has one: six characters are the most."""


def cell(own: Sequence[Grant], shared: Sequence[Grant] = ()) -> str:
    """Return what the own grants of one application and those of groups permit together.

    `✓` is one grant of one's own, a digit tells how many, `@` that there are none but by a group, and `&` both.
    """
    if not own and not shared:
        return NOTHING
    current = [grant for grant in (*own, *shared) if not expired(grant)]
    if not current:
        return EXPIRED
    count = "✓" if len(own) == 1 else str(len(own)) if len(own) < 10 else "+"
    sign = ("&" if own else "@") if shared else count
    together = {letter for grant in current for letter in _letters(grant.policy)}
    if "w" in together:
        together.discard("r")
    return sign + "".join(letter for letter, _, _ in LETTERS if letter in together)


def expired(grant: Grant) -> bool:
    """Tell whether a grant permits nothing any more."""
    return grant.policy.expires is not None and limits.has_expired(grant.policy, datetime.now(UTC))


def cells(own: Iterable[Grant], shared: Iterable[Grant] = ()) -> dict[str, str]:
    """Return the cells of one row by image, where there is anything to say."""
    mine, others = _by_image(own), _by_image(shared)
    return {image: cell(mine.get(image, ()), others.get(image, ())) for image in {**mine, **others}}


def _by_image(grants: Iterable[Grant]) -> dict[str, list[Grant]]:
    found: dict[str, list[Grant]] = {}
    for grant in grants:
        found.setdefault(grant.application.image, []).append(grant)
    return found


def legend() -> str:
    """Return what the characters mean, in one line that is short enough for 80 columns."""
    letters = "  ".join(f"{letter} {word}" for letter, word, _ in LETTERS[:-2])
    return f"✓ own  @ group  & both  {letters}  r/w volumes"


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
