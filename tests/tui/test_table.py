"""The table by itself: widths, order, and a cursor that stays where it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from srctl.tui.columns import Column, Row, fit, natural, placed, width_of
from srctl.tui.listing import Listing
from srctl.tui.table import Table

COLUMNS = (Column("NAME", flexible=True), Column("STATE", toned=True), Column("AGE", drop=1, right=True))


def row(number: int, state: str = "up", age: int = 0) -> Row:
    return Row(str(number), (f"row {number:04}", state, f"{age}s"), (f"row {number:04}", state, age))


class Alone(App[None]):
    """A table and nothing else."""

    def compose(self) -> ComposeResult:
        yield Table(COLUMNS)


def with_table(story: Callable[[Table, Pilot[None]], Awaitable[None]], size: tuple[int, int] = (40, 12)) -> None:
    async def run() -> None:
        app = Alone()
        async with app.run_test(size=size) as pilot:
            await story(app.query_one(Table), pilot)

    asyncio.run(run())


def shown(table: Table) -> list[str]:
    return [table.render_line(y).text.rstrip() for y in range(table.size.height)]


@pytest.mark.parametrize(
    ("text", "width", "result"),
    [
        ("abc", 5, "abc  "),
        ("abcdef", 4, "abc…"),
        ("部屋", 5, "部屋 "),
        ("部屋の図", 6, "部屋 …"),
        ("a", 1, "a"),
        ("ab", 1, "…"),
    ],
)
def test_a_text_takes_exactly_its_cells(text: str, width: int, result: str) -> None:
    assert placed(text, width) == result
    assert width_of(placed(text, width)) == width


def test_where_the_room_is_short_columns_shrink_and_then_go() -> None:
    widths = natural(COLUMNS, [Row("", ("a long name of something", "running", "12m"))])
    assert [index for index, _ in fit(COLUMNS, widths, 60)] == [0, 1, 2]
    assert fit(COLUMNS, widths, 30)[0] == (0, 30 - widths[1] - widths[2] - 4)
    assert [index for index, _ in fit(COLUMNS, widths, 22)] == [0, 1]
    assert all(width >= 1 for _, width in fit(COLUMNS, widths, 3))


def test_rows_are_filtered_in_any_case_and_sorted_by_value_with_nothing_last() -> None:
    listing = Listing()
    listing.fill([row(1, "UP", 5), row(2, "down", 10), Row("3", ("row 0003", "up", "-"), ("row 0003", "up", None))])
    listing.seek("uP")
    assert [each.key for each in listing.view] == ["1", "3"]
    listing.seek("")
    for backwards, keys in ((False, ["1", "2", "3"]), (True, ["2", "1", "3"])):
        listing.sort(2, backwards)
        assert [each.key for each in listing.view] == keys


def test_the_cursor_stays_on_its_row_whatever_comes_and_goes() -> None:
    async def story(table: Table, pilot: Pilot[None]) -> None:
        table.fill(map(row, range(100)))
        table.select("50")
        await pilot.pause()
        table.fill(map(row, (3, 49, 50, 51, 99)))
        assert table.key == "50"
        table.fill(map(row, range(40, 100)))
        assert table.key == "50"
        await pilot.pause()
        assert "▸ row 0050" in "\n".join(shown(table))
        table.fill(map(row, range(45)))
        assert table.key is not None
        table.fill(())
        assert table.key is None

    with_table(story)


def test_one_row_can_change_alone() -> None:
    async def story(table: Table, pilot: Pilot[None]) -> None:
        table.fill(map(row, range(5)))
        table.change([row(3, "reconnecting")])
        await pilot.pause()
        assert shown(table)[4].split() == ["row", "0003", "reconnecting", "0s"]
        table.seek("reconnecting")
        table.change([row(3, "up")])
        assert table.rows == []

    with_table(story)


def test_of_thousands_of_rows_only_those_in_view_are_drawn() -> None:
    async def story(table: Table, pilot: Pilot[None]) -> None:
        table.fill(map(row, range(5000)))
        await pilot.press("G")
        await pilot.pause()
        assert "▸ row 4999" in "\n".join(shown(table))
        assert len(table._strips) < 100

    with_table(story)
