"""What the screen looks like: pictures to which it is held. `tests/tui/pictures.py` tells how to add one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.front_door import FrontDoor
from tests.tui import gallery, office_shots, shots  # noqa: F401 - they have the pictures taken
from tests.tui.pictures import DOCS, HERE, SHOTS, Shot, compared, says, taken
from tests.tui.steady import frozen


@pytest.fixture(scope="session")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The accounting database of the pictures, to be copied."""
    path = tmp_path_factory.mktemp("pictures") / "srctl.db"
    with pytest.MonkeyPatch.context() as patch, frozen(patch):
        gallery.database(path)
    return path


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
def test_the_screen_looks_as_in_the_picture(
    shot: Shot, bare: FrontDoor, books: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    update = pytestconfig.getoption("update_pictures")
    with frozen(monkeypatch):
        pictures = taken(shot, bare.with_database(books))
    told = [compared(path, now, update=update) for path, now in pictures.items()]
    assert not any(told), "\n".join(filter(None, told)) + "\nIf that is meant: --update-pictures, and look at them"


def test_every_picture_says_what_the_eye_should_see_and_none_is_left_over() -> None:
    assert all(len(says(shot.story)) > 20 for shot in SHOTS)
    kept = {path for folder, pattern in ((HERE, "*.svg"), (DOCS, "tui-*.svg")) for path in folder.glob(pattern)}
    assert kept == {shot.path(size) for shot in SHOTS for size in shot.sizes}
