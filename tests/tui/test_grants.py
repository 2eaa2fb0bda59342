"""The pane of grants, by its keys."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from textual.events import MouseScrollRight

from srctl import policy
from srctl.accounting import Accounting
from srctl.calls import BY_METHOD
from srctl.groups import Groups
from srctl.models import Application, Grant, Policy
from srctl.tui import ledger
from srctl.tui.cells import cell, short_names
from srctl.tui.matrix import split
from tests.fakes import WEB
from tests.tui.granting import EVERYTHING, begin, change, grants, here, in_group
from tests.tui.stage import Seat, Stage


@pytest.fixture
def many(stage: Stage) -> Stage:
    """There are 45 users and 40 applications, of which ann may run some."""

    def fill(accounting: Accounting) -> None:
        accounting.add_users([f"user{number:02}" for number in range(43)]).check()
        for number in range(37):
            image = f"registry.example/app{number:02}:1"
            accounting.add_application(Application(image, title=f"Tool {number:02}"), verify=False)
        accounting.add_grant("registry.example/app03:1", "user07", Policy(allow_home=True))

    change(stage, fill)
    return stage


def test_cells_tell_what_is_granted_and_to_whom_it_counts_for_nothing(stage: Stage) -> None:
    def fill(accounting: Accounting) -> None:
        accounting.add_grant("desktop", "bob", EVERYTHING)
        accounting.add_grant(WEB, "bob")
        accounting.add_grant(WEB, "bob", Policy(allow_home=True))
        accounting.disable("bob")

    change(stage, fill)

    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.see(
            "Grants · 2 users · 3 applications",
            "✓ own  @ group  & both  h home  v view  s start-up  l licence  r/w volumes",
        )
        await seat.see("▸ ann   [·]        ✓         ·", " ✗bob    ✓hvslw    2h        ·")
        await seat.see("$ srctl grant add desktop:latest ann ")
        await seat.press("j")
        await seat.see("home, view, start-up data, licence", "/srv/data:/data:ro", "disabled: nothing that is granted")
        [grant] = [each for each in grants(stage, "bob") if each.application.image == "desktop:latest"]
        await seat.see(f"{grant.id[:12]}, since {datetime.now(UTC).astimezone():%Y-%m-%d}")
        await seat.see(f"$ srctl grant edit {grant.id[:12]} --default --allow-home --allow-view")
        assert "27000@licences" not in seat.screen
        await seat.press("l")
        await seat.see(f"$ srctl grant list --user bob --app {WEB}")

    stage.play(story)


def test_the_cursor_walks_by_keys_and_pages_and_scrolls_sideways(many: Stage) -> None:
    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.see("Grants · 45 users · 40 applications · ← 1-8 of 40 →")
        assert here(seat) == ("ann", "desktop:latest")
        for keys, place in (
            (["l", "right", "right"], ("ann", "registry.example/app01:1")),
            (["j", "down", "j"], ("user01", "registry.example/app01:1")),
            (["h", "left", "k", "up"], ("bob", WEB)),
            (["ctrl+f"], ("user07", WEB)),
            (["pageup"], ("bob", WEB)),
            (["L", "shift+right"], ("bob", "registry.example/app15:1")),
            (["H"], ("bob", "registry.example/app07:1")),
            (["end", "G"], ("user42", "registry.example/web:2")),
            (["circumflex_accent", "ctrl+home"], ("ann", "desktop:latest")),
            (["dollar_sign"], ("ann", "registry.example/web:2")),
        ):
            await seat.press(*keys)
            assert here(seat) == place, keys
        await seat.see("← 33-40 of 40 →", "web:2", "▸ ann")

    many.play(story)


def test_the_mouse_goes_to_a_cell_and_two_clicks_are_enter(many: Stage) -> None:
    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.pilot.click("Matrix", offset=(30, 5))
        await seat.until(lambda: here(seat) == ("user00", "registry.example/app00:1"))
        await seat.pilot.click("Matrix", offset=(22, 1))
        await seat.until(lambda: here(seat) == ("user00", WEB))
        await seat.pilot.click("Matrix", offset=(14, 4), times=2)
        await seat.see("Grant of desktop:latest to bob")
        await seat.press("escape")
        await seat.pilot._post_mouse_events([MouseScrollRight], "Matrix", offset=(14, 3))
        await seat.see("← 2-9 of 40 →")

    many.play(story)


def test_users_and_applications_are_filtered_each_by_a_key_and_esc_ends_both(many: Stage) -> None:
    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.press("slash")
        await seat.type("user0")
        await seat.press("enter", "backslash")
        await seat.type("TOOL 0")
        await seat.see("10 of 45 users /user0 · 10 of 40 applications \\tool 0")
        await seat.press("enter", "j", "l", "l", "l")
        assert here(seat) == ("user01", "registry.example/app03:1")
        await seat.press("escape")
        await seat.see("45 users · 40 applications")
        assert here(seat) == ("user01", "registry.example/app03:1")

    many.play(story)


def test_the_cursor_stays_on_its_cell_whatever_comes_and_goes(many: Stage) -> None:
    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.press("ctrl+f", "j", *"lllll")
        assert here(seat) == ("user07", "registry.example/app03:1")
        await seat.see("home")

        def shift(accounting: Accounting) -> None:
            accounting.add_users(["aaron", "abel"]).check()
            accounting.add_application(Application("a"), verify=False)
            accounting.remove_applications(["registry.example/app00:1"]).check()

        change(many, shift)
        await seat.see("47 users", "[✓h]")
        assert here(seat) == ("user07", "registry.example/app03:1")
        change(many, lambda accounting: accounting.remove_users(["user07"]).check())
        await seat.see("46 users")
        assert here(seat) == ("user08", "registry.example/app03:1")

    many.play(story)


def test_space_gives_with_the_default_policy_and_undo_asks_and_takes_it_back(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.press("j", "l", "space")
        await seat.see("[✓]")
        [grant] = grants(stage, "bob")
        assert (grant.application.image, grant.policy) == (WEB, Policy())
        await seat.press("u")
        await seat.see("Take Test page (default) away from bob?", f"$ srctl grant remove {grant.id[:12]} [--stop]")
        await seat.press("y")
        await seat.see("[·]")
        assert grants(stage, "bob") == []
        await seat.press("u")
        await seat.hear("There is nothing to undo")

    stage.play(story)


def test_space_on_what_is_granted_asks_and_takes_it_and_undo_gives_it_back(stage: Stage) -> None:
    [before] = grants(stage)
    stage.start()

    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.press("l", "space")
        await seat.see("Take Test page (default) away from ann?", "run on, but can't be opened any more")
        await seat.press("n")
        assert grants(stage) == [before]
        await seat.press("space", "y")
        await seat.hear("Took Test page away from ann")
        await seat.see("[·]")
        assert (grants(stage), len(stage.engine.stored)) == ([], 1)
        await seat.press("u")
        await seat.see("[✓]")
        [back] = grants(stage)
        assert (back.policy, back.id == before.id) == (before.policy, False)

    stage.play(story)


def test_what_is_taken_can_stop_the_sessions_that_run_under_it(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.press("l", "X", "s")
        await seat.hear("Took Test page away from ann")
        assert (grants(stage), stage.engine.stored) == ([], {})
        await seat.press("x")
        assert "Take Test" not in seat.screen

    stage.play(story)


def test_of_several_grants_the_one_that_is_meant_is_changed_or_taken(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.press("l", "a")
        await seat.see("Another grant of Test page to ann")
        await seat.press("down", "space", "enter")
        await seat.see("[2v]")
        first, second = sorted(grants(stage), key=lambda grant: grant.created)
        await seat.press("enter")
        await seat.see("Which of the grants shall be changed?", "1  default", f"2  view  ({second.id[:12]})")
        await seat.press("2", "space", "enter")
        await seat.see("[2hv]")
        await seat.press("space", "1")
        await seat.see("Take Test page (default) away from ann?", f"remove {first.id[:12]} ")
        await seat.press("n", "space", "a")
        await seat.see("Take all 2 grants of Test page away from ann?", f"remove {first.id[:12]} {second.id[:12]} ")
        await seat.press("y")
        await seat.see("[·]")
        await seat.press("u")
        await seat.see("[2hv]")
        assert {policy.in_words(each.policy) for each in grants(stage)} == {"default", "home, view"}

    stage.play(story)


def test_what_others_did_meanwhile_is_told_and_shown(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("srctl.tui.watch.LOOK", 1000.0)  # only what goes wrong has it read again
    [grant] = grants(stage)

    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.press("l", "space")
        await seat.see("Take Test page")
        change(stage, lambda accounting: accounting.remove_grants([grant.id]).check())
        await seat.press("y")
        await seat.hear("There is no grant")
        await seat.see("[·]")

    stage.play(story)


def test_only_looking_gives_and_takes_nothing(stage: Stage) -> None:
    before = grants(stage)

    async def story(seat: Seat) -> None:
        await begin(seat)
        await seat.see("\\ app", "/ filter")
        assert "give/take" not in seat.screen
        await seat.press("space", "enter", "a", "l", "space", "x", "X", "y", "u")
        await seat.pilot.pause(0.1)
        await seat.press("question_mark")
        await seat.see("What the signs say", "it is granted; a digit tells")
        assert "Take away" not in seat.screen

    stage.play(story, readonly=True, size=(100, 40))
    assert grants(stage) == before


def test_a_database_that_is_lost_is_told(stage: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.until(lambda: "Grants" in seat.panes)
        with closing(sqlite3.connect(stage.lab.database)) as connection:
            connection.execute("DROP TABLE grants")
        await seat.go("Grants")
        await seat.see("no such table")

    stage.play(story)


def test_no_line_is_wider_than_the_screen_and_no_title_acts_on_the_terminal(many: Stage) -> None:
    evil = "[red]a[/red]\x1b[31m 部屋の図"
    change(many, lambda accounting: accounting._store.add_application(Application("0", title=evil)))

    async def story(seat: Seat) -> None:
        await begin(seat)
        for size in ((200, 60), (120, 40), (40, 12), (20, 5), (80, 24)):
            await seat.pilot.resize_terminal(*size)
            await seat.until(lambda size=size: len(seat.lines) == size[1])  # type: ignore[misc]
            await seat.press("g", "j", "l", "h", "ctrl+f", "g")
            lines = seat.app.screen._compositor.render_strips()
            assert {strip.cell_length for strip in lines} == {size[0]}
            assert "▸ ann" in seat.screen
            assert "\x1b" not in seat.screen
        await seat.see("[red]a[/red]\\u001b[31m 部屋の図 for ann")

    many.play(story)


@pytest.mark.parametrize(
    ("policies", "text"),
    [
        ([], "·"), ([Policy()], "✓"), ([EVERYTHING], "✓hvslw"), ([Policy(volumes=(EVERYTHING.volumes[0],))], "✓r"),
        ([Policy(allow_home=True), Policy(license="x")], "2hl"), ([Policy()] * 9, "9"), ([EVERYTHING] * 10, "+hvslw"),
    ],
)  # fmt: skip
def test_a_cell_has_at_most_six_characters(policies: list[Policy], text: str) -> None:
    made = [Grant("0" * 32, "ann", Application("a:1"), each, datetime.now(UTC)) for each in policies]
    assert cell(made) == text
    assert len(text) <= 6


def test_short_names_are_all_different() -> None:
    known = [("a/web:1", None), ("b/web:1", None), ("c/lab:latest", "Lab"), ("d/lab:2", "Lab"), ("e/x@sha256:0", None)]
    names = short_names([Application(image, title=title) for image, title in known])
    assert list(names.values()) == ["a/web:1", "b/web:1", "lab", "lab:2", "x"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("GIMP", ("", "GIMP")), ("MATLAB R2026a", ("MATLAB", "R2026a")), ("JupyterLab", ("Jupyter", "Lab")),
        ("ParaView", ("Para", "View")),
        ("jupyter-lab", ("jupyter", "-lab")), ("a-very-long-name", ("a-very-", "long-n…")),
        ("部屋の設計図", ("部屋の", "設計図")),
    ],
)  # fmt: skip
def test_a_title_is_split_at_words_where_that_fits(text: str, lines: tuple[str, str]) -> None:
    assert split(text, 7) == lines


class Wired:
    """Accounting as it is seen through a gateway."""

    def __init__(self, accounting: Accounting) -> None:
        self._accounting = accounting

    def __getattr__(self, method: str) -> Any:
        signature = BY_METHOD["accounting", method].signature
        do = getattr(self._accounting, method)
        return lambda *given: signature.load(json.loads(json.dumps(signature.dump(do(*given)))))


@pytest.mark.parametrize("end", [lambda here: here, Wired], ids=["direct", "gateway"])
def test_pages_give_what_accounting_gives(many: Stage, monkeypatch: pytest.MonkeyPatch, end: Any) -> None:
    monkeypatch.setattr("srctl.accounting._PAGE", 2)

    def compare(accounting: Accounting) -> None:
        in_group(accounting, "lab", "bob", "user03")
        for image in ("desktop", WEB, "registry.example/web:2"):
            accounting.add_grant(image, "bob", EVERYTHING)
            accounting.add_grant(image, "@lab")
        people = accounting.users(with_grants=True)
        own = [tuple(grant for grant in each.grants or () if grant.group is None) for each in people]
        expected = [replace(each, grants=grants) for each, grants in zip(people, own, strict=True)]
        groups = Groups(accounting._store)
        assert ledger.users(end(accounting), accounting.applications(), groups.all()) == expected
        assert ledger.by_group(groups.grants()) == {"lab": accounting.grants(user="@lab")}

    change(many, compare)
