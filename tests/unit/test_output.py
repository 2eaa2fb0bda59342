"""What is printed is inert, whatever it is made of."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srctl.config import without_password
from srctl.errors import SrctlError
from srctl.inert import inert
from srctl.output import Output, ReaderGoneError, plain

texts = st.text(max_size=20)
values = st.one_of(texts, st.none(), st.booleans(), st.integers(), st.lists(texts, max_size=2))
rows = st.lists(st.fixed_dictionaries({"id": texts, "value": values}), max_size=4)


def printed(form: str, items: list[dict[str, Any]]) -> str:
    stream = io.StringIO()
    Output(form, stream, io.StringIO()).rows(items, ids="id", columns=("id", "value"), keys=("id", "value"))
    return stream.getvalue()


@given(texts)
def test_inert_text_shows_everything_and_does_nothing(text: str) -> None:
    assert inert(text).isprintable()
    if text.isprintable():
        assert inert(text) == text


@pytest.mark.parametrize(
    ("char", "shown"),
    [("\x1b", "\\u001b"), ("\u202e", "\\u202e"), ("\U000e0001", "\\U000e0001"), ("\ud800", "\\ud800")],
)
def test_a_character_that_acts_is_shown_by_its_code(char: str, shown: str) -> None:
    assert inert(char) == shown


@given(rows, st.sampled_from(["table", "csv", "ids", "json"]))
def test_every_format_prints_a_line_a_row_and_nothing_that_acts(items: list[dict[str, Any]], form: str) -> None:
    text = printed(form, items)
    assert all(line.isprintable() for line in text.split("\n"))
    if form in ("table", "ids"):
        assert text.count("\n") == len(items) + (form == "table")


@given(rows)
def test_json_gives_back_what_it_was_given(items: list[dict[str, Any]]) -> None:
    assert json.loads(printed("json", items)) == items


@given(rows)
def test_no_cell_of_csv_is_a_formula(items: list[dict[str, Any]]) -> None:
    for cells in list(csv.reader(io.StringIO(printed("csv", items))))[1:]:
        assert len(cells) == 2
        assert not any(map(is_formula, cells))


evil = st.text(st.sampled_from("=+-@;\"', \t\r\n\uff1d\uff20|A1"), max_size=12)


@given(st.lists(st.fixed_dictionaries({"id": st.just("x"), "value": evil | st.lists(evil, max_size=2)}), max_size=3))
def test_no_cell_is_a_formula_where_semicolons_separate(items: list[dict[str, Any]]) -> None:
    text = printed("csv", items)
    for separator in (",", ";"):
        for cells in csv.reader(io.StringIO(text), delimiter=separator):
            assert not any(map(is_formula, cells))


def is_formula(cell: str) -> bool:
    return cell.lstrip(' "').startswith(("=", "+", "-", "@", "\uff1d", "\uff20")) and not cell.lstrip("-").isdigit()


def test_times_are_rfc_3339_in_utc() -> None:
    moment = datetime(2030, 1, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert plain({"at": (moment, moment.astimezone(UTC))}) == {"at": ["2030-01-01T00:03:04Z"] * 2}


@pytest.mark.parametrize(("number", "kind"), [(32, ReaderGoneError), (28, SrctlError)])
def test_a_reader_who_is_gone_is_told_from_a_full_disk(number: int, kind: type[Exception]) -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(number, "no")

    with pytest.raises(kind):
        Output("table", Closed(), io.StringIO()).line("x")
    Output("table", io.StringIO(), Closed()).note("nobody hears it")


@given(texts, texts)
def test_no_password_of_a_url_is_shown(user: str, password: str) -> None:
    user, password = ("".join(char for char in text if char not in ":/@?&#[]") for text in (user, password))
    shown = without_password(f"postgresql://{user}:<{password}>@server/db")
    assert shown == f"postgresql://{user}:***@server/db"
