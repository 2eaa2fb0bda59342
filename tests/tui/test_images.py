"""The pane of images, by its keys: what is registered as an application, and what could be."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from srctl.errors import UnreachableError
from srctl.images import PREFIX
from srctl.models import Host, Image
from tests.fakes import WEB, FakeEngine
from tests.tui.stage import Seat, Stage, among

CAD = "registry.example/cad:3"
LABELS = {
    f"{PREFIX}ui_name": "CAD [b]3[/b]",
    f"{PREFIX}type": "vncapp",
    f"{PREFIX}description": "Draws\x1b[31m things",
    f"{PREFIX}env.startupdata": "",
    "io.srctl.profile": "strict",
}


@pytest.fixture
def shelf(stage: Stage) -> Stage:
    """An engine with the test page, a desktop that is not registered, and an image that knows nothing of sessions."""
    stage.engine.present[CAD] = Image("sha256:" + "2" * 64, (CAD, "cad@sha256:" + "0" * 64), LABELS, size=2_500_000_000)
    stage.engine.present["db:1"] = Image("sha256:" + "3" * 64, ("db:1",), size=1)
    return stage


def test_images_are_shown_with_whether_they_are_registered_and_applications_that_no_host_has(shelf: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Images")
        await seat.see("Images 5", "- not registered", "✓ registered", "↓ on no host", "CAD [b]3[/b]", "2.5 GB")
        rows = {row.cells[0]: row.cells for row in seat.app.main.pane.table.rows}
        assert rows[WEB][1:4] == ("✓ registered", "Test page", "1")
        assert rows["registry.example/web:2"][1:4] == ("↓ on no host", "-", "0")
        assert rows["db:1"][1:5] == ("- not registered", "-", "-", "-")
        seat.app.main.pane.table.select(f"fake\0{CAD}")
        await seat.see("vncapp, profile strict", r"Draws\u001b[31m things", "startup-data", f"$ srctl app add {CAD}")

    shelf.play(story, size=(100, 30))


def test_an_image_is_registered_with_what_it_says_of_itself_filled_in(shelf: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Images")
        await seat.see("Images 5")
        seat.app.main.pane.table.select(f"fake\0{CAD}")
        await seat.press("enter")
        await seat.see("Register an application", CAD, "CAD [b]3[/b]", "◂ the image's: strict ▸", "8888")
        await seat.press("down")
        await seat.paste("CAD")
        await seat.press("down", *"x", "down", "down", "down", "space", "space", "down")
        await seat.paste("2g")
        await seat.press("enter")
        await seat.see("✗ 'x' is not a port")
        await seat.see("--title CAD --port x --profile ", "standard --shm-size 2g")
        await seat.press("down", "down", *"80", "enter")
        await seat.hear(f"Registered {CAD}")
        await seat.see("CAD, port 80, profile standard, shared memory 2.1 GB")
        found = shelf.lab.json("app", "show", CAD)
        assert (found["title"], found["port"], found["scheme"], found["path"]) == ("CAD", 80, None, None)
        assert (found["profile"], found["shm_size"], found["gpus"]) == ("standard", 2 * 1024**3, None)

    shelf.play(story)


def test_an_image_that_is_still_to_come_is_registered_unseen_only_if_that_is_wanted(shelf: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Images")
        await seat.see("Images 5")
        seat.app.main.pane.table.select("\0desktop:latest")
        await seat.press("n")
        await seat.see("Register an application", "as for docker")
        await seat.paste("later:1")
        await seat.press("enter")
        await seat.see("✗ There is no image later:1 on fake", "Register it unseen")
        await seat.press("up", "up", "up", "space")
        await seat.see("$ srctl app add later:1 --no-verify")
        await seat.press("enter")
        await seat.hear("Registered later:1")
        await seat.see("Images 6")

    shelf.play(story)


def test_unregistering_says_how_many_grants_go(shelf: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Images")
        await seat.see("Images 5")
        seat.app.main.pane.table.select(f"fake\0{WEB}")
        await seat.press("x")
        await seat.see(f"Unregister {WEB} with 1 grant?", f"$ srctl app remove {WEB}")
        await seat.press("y")
        await seat.hear(f"Unregistered {WEB}")
        await seat.see("- not registered  Test page")
        assert WEB not in [each["image"] for each in shelf.lab.json("app", "list")]

    shelf.play(story)


def test_labels_are_shown_and_what_registers_is_gone_where_one_may_only_look(shelf: Stage) -> None:
    shelf.engine.present[CAD] = replace(
        shelf.engine.present[CAD], labels={**LABELS, f"{PREFIX}icon_128": "A" * 99_999, "x\x1b]0;": "y\x07z"}
    )

    async def story(seat: Seat) -> None:
        await seat.go("Images")
        await seat.see("Images 5")
        seat.app.main.pane.table.select(f"fake\0{CAD}")
        await seat.press("enter", "n", "i")
        await seat.see(f"Labels of {CAD}", f"{PREFIX}type = vncapp", r"x\u001b]0; = y\u0007z", "icon_128 = AAA")
        await seat.press("q", "x")
        seat.app.main.pane.table.select("\0desktop:latest")
        await seat.press("i")
        await seat.see("No host has the image, so nobody knows its labels.")
        await seat.press("q")
        await seat.see("Images 5")

    shelf.play(story, readonly=True)


def test_a_host_that_hangs_delays_no_other_and_what_it_may_have_is_not_said_to_be_missing(shelf: Stage) -> None:
    answer = threading.Event()
    other = FakeEngine(name="other", present={"desktop:latest": Image("sha256:" + "4" * 64, ("desktop:latest",))})
    other.before["images"] = lambda: None if answer.is_set() else answer.wait()

    async def story(seat: Seat) -> None:
        await seat.go("Images")
        await seat.see("CAD [b]3[/b]", "? not seen yet")
        assert "↓ on no host" not in seat.screen
        answer.set()
        await seat.see("↓ on no host", "Images 5")
        seat.app.main.pane.table.select("other\0desktop:latest")
        await seat.see("$ srctl app show desktop:latest", "desktop:latest on other")

    hosts = [Host("fake", "", "config"), Host("other", "", "config")]
    shelf.play(story, size=(110, 30), hosts=hosts, at=among(shelf.engine, other))


def test_an_image_is_looked_for_on_the_host_that_has_it(shelf: Stage) -> None:
    other = FakeEngine(name="other", present={"tool:1": Image("sha256:" + "5" * 64, ("tool:1",))})

    async def story(seat: Seat) -> None:
        await seat.go("Images")
        await seat.see("tool:1")
        seat.app.main.pane.table.select("other\0tool:1")
        await seat.press("enter")
        await seat.see("$ srctl app add tool:1 --host other")
        await seat.press("enter")
        await seat.hear("Registered tool:1")
        assert shelf.lab.json("app", "show", "tool:1")["image"] == "tool:1"

    hosts = [Host("fake", "", "config"), Host("other", "", "config")]
    shelf.play(story, size=(110, 30), hosts=hosts, at=among(shelf.engine, other))


def test_images_are_asked_for_again_by_a_key_and_an_error_is_told(shelf: Stage) -> None:
    shelf.engine.faults["images"] = [UnreachableError("the list is too long", "Prune it")] * 99

    async def story(seat: Seat) -> None:
        await seat.go("Images")
        await seat.see("? not seen yet; the list is too long. Prune it", "▸ desktop:latest")
        del shelf.engine.faults["images"]
        await seat.press("r")
        await seat.see("Images 5", "✓ registered")

    shelf.play(story)


def test_while_the_host_is_away_an_image_can_be_registered_unseen(shelf: Stage) -> None:
    shelf.engine.faults["containers"] = [UnreachableError("gone")] * 99

    async def story(seat: Seat) -> None:
        await seat.go("Images")
        await seat.see("✗ away", "? not seen yet")
        await seat.press("n")
        await seat.paste("later:1")
        await seat.press("enter")
        await seat.see("✗ gone")
        await seat.press("up", "up", "up", "space", "enter")
        await seat.hear("Registered later:1")

    shelf.play(story)
