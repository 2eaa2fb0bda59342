"""The line at the top, as wide as terminals are."""

from __future__ import annotations

import pytest

from srctl.context import Context
from srctl.errors import UnreachableError
from srctl.tui.host import HostThread
from srctl.tui.state import HostView, State
from srctl.tui.tabs import laid_out, standing

NAMES = ["Sessions", "Applications", "Tunnels", "Users", "Grants", "Images", "Hosts", "Everyone", "Overview", "Audit"]
SAID = ["ada on lab ● up", "lab ● up", "● up"]
WIDE = (
    "1 Sessions [2 Applications] 3 Tunnels  4 Users  5 Grants  6 Images  7 Hosts  8 Everyone  9 Overview  0 Audit",
    "ada on lab ● up",
)


@pytest.mark.parametrize(
    ("width", "panes", "said"),
    [
        (200, *WIDE),
        (130, *WIDE),
        (120, WIDE[0].replace(" [", "[").replace("] ", "]").replace("  ", " "), "ada on lab ● up"),
        (100, "1 Sess[2 Applications]3 Tunn 4 User 5 Gran 6 Imag 7 Host 8 Ever 9 Over 0 Audi", "ada on lab ● up"),
        (90, "1 Ses[2 Applications]3 Tun 4 Use 5 Gra 6 Ima 7 Hos 8 Eve 9 Ove 0 Aud", "ada on lab ● up"),
        (80, "1 Ses[2 App]3 Tun 4 Use 5 Gra 6 Ima 7 Hos 8 Eve 9 Ove 0 Aud", "ada on lab ● up"),
        (70, "1 Ses[2 App]3 Tun 4 Use 5 Gra 6 Ima 7 Hos 8 Eve 9 Ove 0 Aud", "● up"),
        (60, "1[2 App]3 4 5 6 7 8 9 0", "ada on lab ● up"),
        (40, "1[2 App]3 4 5 6 7 8 9 0", "lab ● up"),
        (26, "1[2 App]3 4 5 6 7 8 9 0", ""),
        (20, "[2 App]", ""),
    ],
)
def test_ten_panes_fit_with_who_one_is_and_how_the_host_is(width: int, panes: str, said: str) -> None:
    parts, text = laid_out(NAMES, 1, SAID, width)
    assert ("".join(parts).strip(), text.strip()) == (panes, said)
    assert len("".join(parts)) + len(text) <= width
    assert len(parts) == len(NAMES)


def test_three_panes_have_their_names_in_half_a_screen() -> None:
    assert laid_out(NAMES[:3], 0, SAID, 60) == (["[1 Sessions]", " 2 Applications ", " 3 Tunnels "], "ada on lab ● up ")


def test_of_hosts_the_one_that_is_away_is_named_where_no_more_can_be_said() -> None:
    thread = HostThread("lab", lambda _: Context({}), lambda _: None)
    views = {name: HostView(thread, user="ada", sessions=()) for name in ("lab", "gpu-1", "gpu-2")}
    views["gpu-2"].error = UnreachableError("gone")
    said = standing(State(Context({}), hosts=views))
    assert said == [
        "ada  2 of 3 hosts up  gpu-2 ✗ away",
        "2 of 3 hosts up  gpu-2 ✗ away",
        "gpu-2 ✗ away",
        "2 of 3 hosts up",
        "2/3 up",
    ]
    thread.close()
