"""The panes of administrators through a gateway: what they show and change is the gateway's."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from srctl.entry import AuditEntry
from srctl.models import Application, Grant, Group, Policy, User
from srctl.tunnel.plain import to_plain
from tests.fakes import WEB, FakeEngine, web_image
from tests.remote_parts import HELLO, answering, gateway
from tests.tui.stage import Seat, Stage

NOW = datetime(2030, 1, 1, tzinfo=UTC)
APPLICATION = Application(WEB, 1)


class FarOffice:
    """The accounting database of a gateway, as its calls tell."""

    def __init__(self) -> None:
        self.users = [User(7, "carol", NOW)]
        self.granted: list[Grant] = []
        self.groups: list[Group] = []
        self.shared: list[Grant] = []
        self.asked: list[tuple[str, Any]] = []

    def answer(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Answer a call."""
        call, given = request["call"], request.get("with")
        self.asked.append((call, given))
        if call == "user.remove":
            self.users.clear()
        if call == "grant.add" and request["with"]["user"] == "@lab":
            self.shared = [Grant("b" * 32, None, APPLICATION, Policy(allow_home=True), NOW, "lab")]
        elif call == "grant.add":
            self.granted = [Grant("a" * 32, "carol", APPLICATION, Policy(), NOW)]
        results: dict[str, Any] = {
            "user.list": [{"user": to_plain(asdict(user)), "grants": [], "keys": 2} for user in self.users],
            "user.show": {"user": to_plain(asdict(self.users[0])), "grants": self._plain} if self.users else None,
            "app.list": [to_plain(asdict(APPLICATION))],
            "grant.page": {
                "policies": [to_plain(asdict(Policy()))],
                "lines": [[each.id, 7, 1, 0, to_plain(NOW)] for each in self.granted],
                "more": False,
            },
            "group.list": self._plainly(self.groups),
            "group.show": self._plainly(self.groups)[0] if self.groups else None,
            "group.grants": self._plainly(self.shared),
            "group.leave": {"done": ["carol"], "errors": []},
            "grant.list": self._plainly(self.shared),
            "right.why": {
                "user": "carol",
                "image": WEB,
                "allowed": True,
                "reasons": ["By the group lab."],
                "grants": [],
            },
            "grant.add": next(iter(self._plainly(self.shared) or self._plain), None),
            "image.list": [to_plain(asdict(web_image()))],
            "audit.list": [to_plain(asdict(AuditEntry(NOW, "carol", None, None, "user.add", "{}", "ok")))],
            "user.remove": {"done": ["carol"], "errors": []},
        }
        return [{"result": results.get(call, [])}]

    @property
    def _plain(self) -> list[Any]:
        return self._plainly(self.granted)

    @staticmethod
    def _plainly(found: list[Any]) -> list[Any]:
        return [to_plain(asdict(each)) for each in found]


@pytest.fixture
def far(stage: Stage) -> FarOffice:
    """Whoever sits before the screen is an administrator of a gateway."""
    office = FarOffice()
    stage.engine = cast("FakeEngine", gateway(answering(office.answer, HELLO | {"admin": True, "realm": "far"})))
    return office


def test_an_administrator_of_a_gateway_administers_it_from_afar(stage: Stage, far: FarOffice) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Audit")
        await seat.see("Audit 1", "user.add", "✓ ok")
        await seat.go("Images")
        await seat.see("Images 1", WEB, "✓ registered", "Test page")
        await seat.go("Overview")
        await seat.see("of realm far", "of 1")
        await seat.go("Users")
        await seat.see("carol", "2 keys")
        await seat.press("x")
        await seat.see("Remove carol with no grants and 2 keys?")
        await seat.press("y")
        await seat.hear("Removed carol")
        await seat.see("There is no user yet")
        assert ("user.remove", {"names": ["carol"]}) in far.asked
        assert ("audit.list", {"limit": 5000}) in far.asked

    stage.play(story)


def test_of_a_gateway_only_what_belongs_to_the_user_is_read_again_when_something_is_granted(
    stage: Stage, far: FarOffice
) -> None:
    async def story(seat: Seat) -> None:
        await seat.go("Grants")
        await seat.see("1 user · 1 application", "[·]")
        read = [call for call, _ in far.asked].count("grant.page")
        await seat.press("space")
        await seat.see("[✓]", "aaaaaaaaaaaa, since 2030-01-01", "$ srctl grant edit aaaaaaaaaaaa")
        given = dict(far.asked)["grant.add"]
        assert (given["image"], given["user"], given["permits"]["allow_home"]) == (WEB, "carol", False)
        assert [call for call, _ in far.asked].count("grant.page") == read
        await seat.press("r")
        await seat.until(lambda: [call for call, _ in far.asked].count("grant.page") == read + 1)
        await seat.see("[✓]")

    stage.play(story)


def test_groups_of_a_gateway_are_administered_from_afar(stage: Stage, far: FarOffice) -> None:
    far.groups = [Group(3, "lab", NOW, ("carol",))]

    async def story(seat: Seat) -> None:
        await seat.go("Grants")
        await seat.see("1 group · 1 user · 1 application", "▸ @lab  [·]")
        await seat.press("space")
        await seat.see("▸ @lab  [✓h]", "  carol  @h")
        assert ("grant.list", {"user": "@lab"}) in far.asked
        await seat.press("j", "w")
        await seat.see("✓ carol may start", "By the group lab.", f"$ srctl why carol {WEB}")
        await seat.press("q")
        await seat.go("Users")
        await seat.press("g", "enter")
        await seat.see("Members 1 · @lab", "▸ carol")
        await seat.press("x", "s")
        await seat.hear("Out of @lab now: carol")
        assert ("group.leave", {"name": "lab", "users": ["carol"], "stop": True}) in far.asked

    stage.play(story)


def test_who_does_not_administer_the_gateway_sees_no_pane_for_that(stage: Stage) -> None:
    link = answering(FarOffice().answer, HELLO | {"realm": "far"})
    stage.engine = cast("FakeEngine", gateway(link))

    async def story(seat: Seat) -> None:
        await seat.see("ann on lab ● up")
        assert seat.panes == [kind.name for kind in seat.app.main.kinds if not kind.admin]

    stage.play(story)
