"""Sharing from the screen: with the use cases that a gateway has, on an engine in memory; and without a gateway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from srctl import places
from srctl.context import Context
from srctl.db.store import SqlStore
from srctl.direct import DirectParts
from srctl.launch import Launcher
from srctl.models import Host, StartRequest
from srctl.publishing import OwnSlots
from srctl.sharing import SharedSessions
from tests.fakes import WEB, only
from tests.tui.stage import Seat, Stage


class Behind(DirectParts):
    """The use cases as a gateway has them for one person."""

    def __init__(self, context: Context, user: str) -> None:
        super().__init__(
            lambda: context.host, lambda: context.store, lambda: None, context.config, lambda: context.local
        )
        store = context.store
        assert isinstance(store, SqlStore)
        self.__dict__["sessions"] = SharedSessions(
            context.host, lambda: store, store.book, lambda _: None, user=user, realm=self.realm
        )

    @property
    def sharing(self) -> SharedSessions:
        sessions = self.sessions
        assert isinstance(sessions, SharedSessions)
        return sessions

    def launcher(self, tell: Any, clock: Any = None) -> Launcher:  # noqa: ARG002
        return Launcher(self.sessions, tell, publisher=OwnSlots(8, lambda *_: None))


def seen_by(user: str) -> Callable[..., Context]:
    """Return what makes the context of a host behind a gateway."""

    def at(context: Context, host: Host, asks: Any) -> Context:
        made = places.at(context, host, asks)
        made.__dict__["parts"] = Behind(made, user)
        return made

    return at


@pytest.fixture
def shareable(stage: Stage) -> Stage:
    """A session of ann's runs behind a gateway, and its grant allows others to open it."""
    stage.lab.ok("grant", "remove", stage.lab.json("grant", "list", "--user", "ann")[0]["id"])
    stage.lab.ok("grant", "add", WEB, "ann", "--allow-view")
    with stage.context() as context:
        Behind(context, "ann").launcher(lambda _: None).start(StartRequest(WEB))
    return stage


def test_a_session_is_shared_for_a_while_and_taken_back(shareable: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("H")
        await seat.hear("shared with nobody")
        await seat.press("h")
        await seat.see("Share Test page", "can't stop it", "session share")
        await seat.type("bob")
        await seat.press("down")
        await seat.type("2h")
        await seat.see("bob --for 2h")
        await seat.press("enter")
        await seat.hear("bob can open Test page until 20")
        await seat.see("shared    with bob")
        await seat.press("H")
        await seat.see("Take back Test page", "Open to bob", "session unshare")
        await seat.press("down", "right")
        await seat.see("[bob]")
        await seat.press("enter")
        await seat.hear("not open to them any more: bob")
        await seat.miss("with bob")

    shareable.play(story, at=seen_by("ann"))


def test_what_may_not_be_is_told_by_the_use_case(shareable: Stage) -> None:
    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("h")
        await seat.see("Share Test page")
        await seat.type("ann")
        await seat.press("enter")
        await seat.see("✗ The session is yours already")
        await seat.press("ctrl+u")
        await seat.type("nobody")
        await seat.press("enter")
        await seat.see("✗ There is no user nobody")
        await seat.press("ctrl+u")
        await seat.type("bob")
        await seat.press("down")
        await seat.type("soon")
        await seat.press("enter")
        await seat.see("✗ Not a length of time: 'soon'", "bob --for soon")
        await seat.press("escape")
        await seat.miss("Share Test page")

    shareable.play(story, at=seen_by("ann"))


def test_a_session_of_somebody_else_is_opened_and_not_stopped(shareable: Stage) -> None:
    with shareable.context() as context:
        parts = Behind(context, "ann")
        parts.sharing.share(parts.sharing.find()[0].id, "bob")

    async def story(seat: Seat) -> None:
        await seat.see("Test page of ann on fake", "● running")
        await seat.press("s", "y")
        await seat.hear("belongs to 'ann'; you may open it only")
        await seat.press("h")
        await seat.see("Share Test page")
        await seat.type("bob")
        await seat.press("enter")
        await seat.see("✗ Session", "belongs to 'ann'; you may")
        assert only(shareable.engine).state == "running"

    shareable.play(story, at=seen_by("bob"))


def test_without_a_gateway_nothing_is_asked_and_it_is_told_why(stage: Stage) -> None:
    stage.start()

    async def story(seat: Seat) -> None:
        await seat.see("● running")
        await seat.press("h")
        await seat.hear("Sessions are shared through a gateway only")
        assert "Share Test page" not in seat.screen

    stage.play(story)
