"""What the tests of grants on the screen share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from srctl.accounting import Accounting
from srctl.db.store import open_store
from srctl.groups import Groups
from srctl.models import Grant, Policy, Volume
from srctl.tui.grants import GrantsPane
from tests.tui.stage import Seat, Stage

EVERYTHING = Policy(True, True, True, "27000@licences", (Volume("/srv/data", "/data", "ro"), Volume("/s", "/t", "rw")))


def change(stage: Stage, do: Callable[[Accounting], Any]) -> Any:
    """Change the accounting database as another srctl would."""
    with open_store(str(stage.lab.database)) as store:
        return do(Accounting(store))


def grants(stage: Stage, user: str = "ann") -> list[Grant]:
    found: list[Grant] = change(stage, lambda accounting: accounting.grants(user=user))
    return found


def here(seat: Seat) -> tuple[str | None, str | None]:
    """Return the user and the image under the cursor."""
    table = cast("GrantsPane", seat.app.main.pane).table
    return table.key, table.column


def in_group(accounting: Accounting, name: str, *users: str) -> None:
    """Have a group with these members."""
    groups = Groups(accounting._store)
    groups.add([name]).check()
    groups.join(name, users).check()


async def begin(seat: Seat) -> None:
    await seat.go("Grants")
    await seat.see("Grants · ")
