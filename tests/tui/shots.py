"""How one gets to each picture of the screen, and what the eye should see in it."""

from __future__ import annotations

from srctl.errors import SrctlError, UnreachableError
from srctl.models import Progress
from srctl.tui.dialogs import Secret
from srctl.tui.work import Work
from tests.tui.pictures import LARGE, SMALL, picture, quiet, scripts, several
from tests.tui.stage import Seat

# -- for the documentation


@picture((112, 26), shown=True)
async def day(seat: Seat) -> None:
    """Sessions with their tunnels, and below the list why one of them is not up."""
    await seat.see("⇄ up", "4 U")
    await seat.press("j", "j", "j")
    await seat.see("the server is silent")


@picture((112, 26), shown=True)
async def palette(seat: Seat) -> None:
    """What can be done with a session, each with its key."""
    await seat.see("⇄ up", "4 U")
    await seat.press("j", "ctrl+p")
    await seat.see("Stop the session")


# -- the panes


@picture(SMALL, LARGE)
async def sessions(seat: Seat) -> None:
    """Five sessions: each state has a sign and a word, and the titles of all columns stand over their cells."""
    await seat.see("● running", "◐ starting", "✗ exited", "↻ reconnecting")
    await seat.press("j")


@picture(SMALL, on=quiet)
async def nothing_runs(seat: Seat) -> None:
    """A sentence in the empty list says what to do first."""
    await seat.see("Nothing runs for you")


@picture(SMALL, LARGE)
async def applications(seat: Seat) -> None:
    """What is to be pulled and what runs already is seen at once."""
    await seat.press("2")
    await seat.see("↓ to pull", "● 4d59")


@picture(SMALL, LARGE)
async def tunnels(seat: Seat) -> None:
    """Of the tunnel that reconnects the reason stands below; numbers stand at the right of their columns."""
    await seat.press("3")
    await seat.see("⇄ up", "✗ down")
    await seat.press("G")
    await seat.see("the server is silent")


@picture(SMALL, on=scripts)
async def all_scripts(seat: Seat) -> None:
    """No title moves the columns, whatever it is written in; what would colour or turn the text is spelled out."""
    await seat.see("部屋", "⇄ up")


@picture((200, 60))
async def all_the_room(seat: Seat) -> None:
    """The list and what is said about its row stand side by side, and no address is broken."""
    await seat.see("↻ reconnecting")
    await seat.press("j")
    await seat.see("▸ 2dab")


@picture((40, 12))
async def little_room(seat: Seat) -> None:
    """Application and state are still there, the keys too, and no line is broken."""
    await seat.see("● running")


@picture((20, 5))
async def hardly_any_room(seat: Seat) -> None:
    """A few cells tell what runs, and how to get help and out."""
    await seat.see("JupyterLab")


@picture(SMALL, readonly=True)
async def only_looking(seat: Seat) -> None:
    """No key that would change anything stands in the last line."""
    await seat.see("● running")


# -- the hosts


@picture(SMALL, LARGE, on=several)
async def a_host_is_away(seat: Seat) -> None:
    """Who is away stands at the top right and in a toast with what to do; sessions of the others are there."""
    await seat.see("● running", "gpu-2 ✗ away")
    await seat.hear("gpu-2 refuses connections")


@picture(SMALL, on=quiet)
async def the_host_is_lost(seat: Seat) -> None:
    """The empty list says why it is empty and what to do, in the words of the toast."""
    seat.stage.engine.faults["containers"] = [UnreachableError("lab refuses connections", "Is it up?")] * 9
    await seat.press("r")
    await seat.see("✗ away", "Is it up?")


@picture(SMALL, on=quiet)
async def no_database(seat: Seat) -> None:
    """Where nobody can say what may be started, the list says why."""
    seat.stage.lab.database.unlink()
    await seat.press("2", "r")
    await seat.see("There is no accounting database")


# -- questions, and what is told


@picture(SMALL, LARGE)
async def stopping_asks(seat: Seat) -> None:
    """The question names what is stopped and shows the command; `No` has the focus."""
    await seat.see("● running")
    await seat.press("j", "s")
    await seat.see("Stop JupyterLab")


@picture(SMALL, on=quiet)
async def the_form(seat: Seat) -> None:
    """What can be set is asked for in one line each, and the command line has what was typed."""
    await seat.press("2")
    await seat.see("Desktop")
    await seat.type("/desktop")
    await seat.press("enter", "enter")
    await seat.see("Start Desktop")
    await seat.type("1280x800")
    await seat.see("--set resolution=1280x800")


@picture(SMALL)
async def running_longer(seat: Seat) -> None:
    """The form says when the session ends, and offers lengths of time; the command line has the one that is chosen."""
    await seat.see("⇄ up")
    await seat.type("/paraview")
    await seat.press("enter", "e")
    await seat.see("Let ParaView run longer")
    await seat.press("down", "right", "right", "right")
    await seat.see("extend", "2h")


@picture(SMALL)
async def an_address(seat: Seat) -> None:
    """The whole address stands there, and the whole line for another machine."""
    await seat.press("3")
    await seat.see("⇄ up")
    await seat.press("G", "enter")
    await seat.see("can be opened in a browser")


@picture(SMALL)
async def leaving_asks(seat: Seat) -> None:
    """What becomes of the tunnels is asked with their addresses; to keep them comes first."""
    await seat.see("⇄ up")
    await seat.press("q")
    await seat.see("What shall become of that?")


@picture(SMALL)
async def a_secret(seat: Seat) -> None:
    """What is typed is not to be read."""
    await seat.see("⇄ up")
    seat.app.push_screen(Secret("Enter passphrase for key /home/ada/.ssh/id_ed25519:"))
    await seat.see("Enter passphrase")
    await seat.type("sesame")
    await seat.see("••••••")


@picture(SMALL)
async def a_log(seat: Seat) -> None:
    """The log has all the room, and the command that shows the same stands below it."""
    await seat.see("⇄ up")
    await seat.press("j", "l")
    await seat.see("Log of JupyterLab", "starting")


@picture(SMALL)
async def what_goes_on(seat: Seat) -> None:
    """A line above the command says what is being done, and how far it is."""
    await seat.see("⇄ up")
    seat.app.main.show_work([opening("MATLAB", 42)])
    await seat.see("pulling 42 % of 1.2 GB", "X give up")


def opening(title: str, share: int) -> Work[None]:
    """Return work that pulls an image."""
    work = Work[None](f"Opening {title}", "lab", lambda *_: None, lambda _: None, yielding=True)
    work.hear(Progress("Pull complete", "layer 1"))
    work.hear(Progress("Downloading", "layer 2", share * 12_000_000, 1_200_000_000))
    return work


@picture(SMALL)
async def all_that_goes_on(seat: Seat) -> None:
    """Each thing that goes on has a line, with how far it is; below stands how to give it up."""
    await seat.see("⇄ up")
    stopping = Work[None]("Stopping ParaView", "lab", lambda *_: None, lambda _: None)
    seat.app.main.show_work([opening("MATLAB", 42), opening("Firefox", 7), stopping])
    await seat.press("X")
    await seat.see("What goes on", "pulling 7 % of 1.2 GB")


@picture(SMALL)
async def what_went_wrong(seat: Seat) -> None:
    """Each error has its time, its hint, and the command line that does the same; long lines are wrapped."""
    await seat.see("⇄ up")
    mishaps = seat.app.state.mishaps
    hint = "It may have been carried out or not: look before you try again"
    mishaps.add(UnreachableError("The connection to the gateway lab was lost", hint), "srctl stop 25ac6c9419d5")
    mishaps.overhear("UserWarning: a library says something that nobody should have to read\n")
    await seat.press("E")
    await seat.see("What went wrong in this run", "UserWarning")


@picture(SMALL)
async def an_error(seat: Seat) -> None:
    """The toast says what went wrong and what to do, and hides no row of the list that matters."""
    await seat.see("⇄ up")
    seat.app.fail(SrctlError("The session limit of 16 is reached", "Stop one of yours first: srctl ps lists them"))
    await seat.hear("The session limit")


# -- finding one's way


@picture(SMALL)
async def a_filter(seat: Seat) -> None:
    """The field is at the bottom of the list, whose title says how many rows of how many are left."""
    await seat.see("⇄ up")
    await seat.type("/running")
    await seat.see("Sessions 3 of 5 · /running")


@picture(SMALL)
async def a_jump(seat: Seat) -> None:
    """After a colon one types; at the right stands what can be meant."""
    await seat.see("⇄ up", "4 U")
    await seat.type(":use")
    await seat.press("tab")
    await seat.see("users")


@picture(SMALL, LARGE)
async def the_palette(seat: Seat) -> None:
    """All that can be done stands in a list, with its key; letters that were typed are marked."""
    await seat.see("⇄ up", "4 U")
    await seat.press("ctrl+p")
    await seat.type("stop")
    await seat.see("Stop the session")


@picture(SMALL, LARGE)
async def the_help(seat: Seat) -> None:
    """First come the keys of the pane, then those that are the same everywhere, each with what it does."""
    await seat.see("⇄ up")
    await seat.press("question_mark")
    await seat.see("Everywhere")


@picture(SMALL)
async def sorted_rows(seat: Seat) -> None:
    """An arrow in the title of a column says by what the rows are sorted, and in which direction."""
    await seat.see("⇄ up")
    await seat.press("o", "O")
    await seat.see("APPLICATION ▼")


# -- colours


@picture(SMALL, LARGE)
async def high_contrast(seat: Seat) -> None:
    """White and bright colours on black; the row under the cursor stands out."""
    await seat.see("⇄ up")
    await seat.app.run_action("wear('high-contrast')")


@picture(SMALL)
async def on_light(seat: Seat) -> None:
    """On a light ground all texts can be read."""
    await seat.see("⇄ up")
    await seat.app.run_action("wear('textual-light')")


@picture(SMALL, TERM="xterm", COLORTERM="")
async def few_colours(seat: Seat) -> None:
    """Where there are few colours they are the terminal's own, and so is the ground."""
    await seat.see("⇄ up")


@picture(SMALL, NO_COLOR="1")
async def no_colour(seat: Seat) -> None:
    """Without any colour the row under the cursor, the pane that is shown and all states are told."""
    await seat.see("⇄ up")


@picture(SMALL, NO_COLOR="1")
async def no_colour_asks(seat: Seat) -> None:
    """Without any colour it is seen which answer has the focus."""
    await seat.see("⇄ up")
    await seat.press("s")
    await seat.see("Stop")


@picture(SMALL, NO_COLOR="1")
async def no_colour_says(seat: Seat) -> None:
    """Without any colour a toast has a frame."""
    await seat.see("⇄ up")
    seat.app.say("Stopped JupyterLab")
    await seat.hear("Stopped")
