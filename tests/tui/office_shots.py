"""How one gets to each picture of what administrators have, and what the eye should see in it."""

from __future__ import annotations

from tests.tui.pictures import LARGE, SMALL, audited, picture, team
from tests.tui.stage import Seat

# -- what administrators have


@picture(SMALL, LARGE)
async def users(seat: Seat) -> None:
    """Groups stand before the users. Who is disabled and who administers is told by words; numbers stand at the right
    of their columns."""
    await seat.go("Users")
    await seat.see("✗ disabled", "administrator")


@picture(SMALL)
async def adding_users(seat: Seat) -> None:
    """The form has a line for each thing that can be set, and below it the command with what was typed."""
    await seat.go("Users")
    await seat.see("✗ disabled")
    await seat.press("n")
    await seat.see("srctl user add")
    await seat.paste("emil frida")
    await seat.press("down", "space")
    await seat.see("◂ administrator ▸", "emil")


@picture(SMALL)
async def keys_of_a_user(seat: Seat) -> None:
    """Where there is no key the list says how one is added."""
    await seat.go("Users")
    await seat.see("✗ disabled")
    await seat.press("j", "j", "enter")
    await seat.see("There is no key yet")


@picture(SMALL, LARGE)
async def members_of_a_group(seat: Seat) -> None:
    """Who is in the group, who of them is disabled and in which other groups they are; below stands what it gives."""
    await seat.go("Users")
    await seat.see("✗ disabled")
    await seat.press("j", "enter")
    await seat.see("Members 2 · @teaching", "@chemistry")


@picture(SMALL)
async def leaving_a_group(seat: Seat) -> None:
    """The question says what is lost, and has a third answer that stops the sessions; No has the focus."""
    await members_of_a_group(seat)
    await seat.press("x")
    await seat.see("Take chiara out of @teaching?")


@picture(SMALL, LARGE)
async def images(seat: Seat) -> None:
    """It is seen at once what is registered, and which of that no host has."""
    await seat.go("Images")
    await seat.see("✓ registered", "↓ on no host")


@picture(SMALL, LARGE)
async def registering(seat: Seat) -> None:
    """What the image says of itself is filled in and marked as such."""
    await seat.go("Images")
    await seat.see("↓ on no host")
    await seat.press("G", "n")
    await seat.see("Register an application", "◂ the image's")


@picture(SMALL, LARGE, on=team)
async def overview(seat: Seat) -> None:
    """Numbers with their bars, by users, hosts and applications; of the host that is away nobody knows any."""
    await seat.go("Overview")
    await seat.see("running on", "█", "✗ away", "9 running")
    await seat.press(*"jjjjjjj")
    seat.app.clear_notifications()


@picture(SMALL, LARGE, on=team)
async def hosts(seat: Seat) -> None:
    """Which host answers, how fast, and how busy it is; below stands what the machine is."""
    await seat.go("Hosts")
    await seat.see("✗ away", "29.1", "41 ms")
    await seat.press("j")
    await seat.see("64 cores")
    seat.app.clear_notifications()


@picture(SMALL, LARGE, on=team)
async def everyone(seat: Seat) -> None:
    """Sessions of all users on all hosts; what each takes stands in numbers and as the course of the last minutes."""
    await seat.go("Everyone")
    await seat.see("chiara", "dmitri")
    await seat.press("g", "j", "j")
    seat.app.clear_notifications()


@picture(SMALL, LARGE, on=audited)
async def audit(seat: Seat) -> None:
    """Newest first: who did what and how it went, by a sign and a word; the row that was refused is told in full."""
    await seat.go("Audit")
    await seat.see("limit-reached")
    await seat.press("j", "j")
    await seat.see("ben", "The session limit")


# -- grants


@picture(SMALL, LARGE)
async def grants(seat: Seat) -> None:
    """Groups and users by applications: what is granted stands in few letters, which the lower edge explains; what is
    by a group has another sign. The cell under the cursor is in brackets, its column underlined; dmitri is marked as
    disabled."""
    await seat.see("⇄ up")
    await seat.go("Grants")
    await seat.see("@teaching")
    await seat.press("j", "j", "l", "l", "l", "l", "l")
    await seat.see("[✓hr]", "@v")


@picture(SMALL, LARGE)
async def by_a_group(seat: Seat) -> None:
    """The sign of the cell says that it is both by a group and without it; below stands each grant, and by whom."""
    await grants(seat)
    await seat.press("j", "h", "h")
    await seat.see("[&h]", "by @chemistry: home")


@picture(SMALL)
async def why_somebody_may(seat: Seat) -> None:
    """The first line says whether; below stands each reason as a sentence, and the command that says the same."""
    await by_a_group(seat)
    await seat.press("w")
    await seat.see("✓ ben may start", "By the group chemistry")


@picture(SMALL)
async def who_may(seat: Seat) -> None:
    """Who may start it, through what and how, in columns."""
    await by_a_group(seat)
    await seat.press("W")
    await seat.see("@chemistry", "Who may start")


@picture(SMALL, NO_COLOR="1")
async def no_colour_grants(seat: Seat) -> None:
    """Without any colour the cell under the cursor stands out from its row, and its title from the others."""
    await grants(seat)


@picture(SMALL, LARGE)
async def a_grant(seat: Seat) -> None:
    """All that a policy can say is in view: boxes that are ticked or not, two fields of several lines, and the limits
    in two columns. Below stands the command line, what becomes of the sessions, and how to save."""
    await grants(seat)
    await seat.press("enter", "space")
    await seat.see("Takes something away", "^S Save")


@picture((100, 27), shown=True)
async def grant_form(seat: Seat) -> None:
    """The form of a grant for the documentation, with limits of its own; above them stands what one of them means."""
    await grants(seat)
    await seat.press("enter")
    await seat.press(*["down"] * 6)
    await seat.see("At most so much memory", "Nothing changes")


@picture(SMALL)
async def limits_of_a_grant(seat: Seat) -> None:
    """What the field with the keyboard means stands above the limits; in brackets stands what the application says."""
    await by_a_group(seat)
    await seat.press("enter")
    await seat.press(*["down"] * 6)
    await seat.see("At most so much memory", "(4g)")


@picture(SMALL)
async def a_grant_is_taken(seat: Seat) -> None:
    """The question says what is taken from whom, and has a third answer that stops the sessions; No has the focus."""
    await grants(seat)
    await seat.press("space")
    await seat.see("Yes, and stop sessions")
