"""Which confinement an application gets, and as whom it runs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from srctl import images, planning
from srctl.labels import EXTRA
from srctl.models import Application, ContainerSpec, Grant, Image, Policy, StartRequest, User
from srctl.planning import Order

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def order(image: Image, profile: str | None = None) -> Order:
    grant = Grant("a" * 32, "ann", Application("img:1", 1, profile=profile), Policy(), NOW)
    return Order(User(7, "ann", NOW), grant, image, StartRequest("img"), "test", "b" * 32)


def planned(declared: str = "", profile: str | None = None, user: str = "") -> ContainerSpec:
    return planning.plan(order(Image("sha256:1", labels={images.PROFILE_LABEL: declared}, user=user), profile))


@pytest.mark.parametrize(("declared", "profile"), [("strict", "strict"), ("", "standard"), ("lax", "standard")])
def test_an_image_may_ask_for_the_strict_profile(declared: str, profile: str) -> None:
    made = planned(declared)
    assert made.labels[EXTRA + "profile"] == profile
    assert made.hardening.read_only is (profile == "strict")


@pytest.mark.parametrize(("declared", "chosen"), [("strict", "standard"), ("", "strict")])
def test_the_application_s_profile_goes_before_the_image_s(declared: str, chosen: str) -> None:
    made = planned(declared, chosen)
    assert made.labels[EXTRA + "profile"] == chosen
    assert made.hardening.read_only is (chosen == "strict")


@pytest.mark.parametrize("user", ["", "root", "0", "0:0", "00", "root:root"])
def test_strict_never_means_root(user: str) -> None:
    assert planned(profile="strict", user=user).hardening.user == "1000:1000"


@pytest.mark.parametrize("user", ["app", "1000", "app:0"])
def test_a_user_of_the_image_s_own_is_kept(user: str) -> None:
    assert planned(profile="strict", user=user).hardening.user is None
