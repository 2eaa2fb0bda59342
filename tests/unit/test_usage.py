"""Counting what was used: parts of sessions, months, and CPU time that somebody knows or nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srctl.models import Record
from srctl.usage import BY, tallies

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def record(
    began: float,
    hours: float | None,
    cpu: float | None = None,
    *,
    user: str = "ann",
    image: str = "web:1",
    host: str = "here",
) -> Record:
    """Describe what ran, in hours since the beginning of March."""
    started = MARCH + began * HOUR
    ended = None if hours is None else started + hours * HOUR
    made = Record("a" * 32, "b" * 64, user, 1, None, "c" * 32, image, host, "srctl", started, ended, "stopped")
    return replace(made, cpu_seconds=None if cpu is None else cpu * 3600)


def counted(
    records: list[Record], by: str = "user", since: float | None = None, until: float = 10_000
) -> list[tuple[str, int, float, float | None]]:
    found = tallies(records, by, None if since is None else MARCH + since * HOUR, MARCH + until * HOUR)
    return [
        (each.name, each.sessions, each.seconds / 3600, None if each.cpu_seconds is None else each.cpu_seconds / 3600)
        for each in found
    ]


def test_what_is_counted_goes_by_what_was_asked_for() -> None:
    records = [record(0, 2, 1.0), record(1, 3, user="bob"), record(2, 1, 0.5, image="cad:2", host="there")]
    assert counted(records) == [("ann", 2, 3.0, 1.5), ("bob", 1, 3.0, None)]
    assert counted(records, "app") == [("cad:2", 1, 1.0, 0.5), ("web:1", 2, 5.0, 1.0)]
    assert counted(records, "host") == [("here", 2, 5.0, 1.0), ("there", 1, 1.0, 0.5)]


def test_only_the_part_within_the_time_counts_and_as_much_of_the_cpu() -> None:
    records = [record(0, 4, 2.0), record(5, None, 3.0), record(20, 1)]
    assert counted(records, since=2, until=8) == [("ann", 2, 2.0 + 3.0, 1.0 + 3.0)]


def test_a_session_counts_in_each_month_that_it_lies_in() -> None:
    records = [record(-24, 48 + 31 * 24, 100.0), record(10, 1)]
    found = counted(records, "month")
    assert [(name, count, hours) for name, count, hours, _ in found] == [
        ("2026-02", 1, 24.0),
        ("2026-03", 2, 31 * 24 + 1.0),
        ("2026-04", 1, 24.0),
    ]
    assert sum(cpu or 0 for *_, cpu in found) == pytest.approx(100.0)


def test_a_session_that_ends_with_its_month_does_not_count_in_the_next_one() -> None:
    records = [record(-24, 24, 3.0), record(-2, None, 5.0)]
    assert counted(records, "month", since=-100, until=0) == [("2026-02", 2, 26.0, 8.0)]
    assert counted([record(0, 0)], "month") == [("2026-03", 1, 0.0, None)]


@given(
    st.lists(
        st.tuples(st.floats(0, 2000), st.floats(0, 2000), st.sampled_from(["ann", "bob"]), st.sampled_from(["x", "y"])),
        max_size=20,
    ),
    st.floats(0, 2000),
    st.floats(0, 2000),
)
def test_all_ways_to_count_come_to_the_same(
    rows: list[tuple[float, float, str, str]], since: float, length: float
) -> None:
    records = [record(began, hours, 1.0, user=user, image=image) for began, hours, user, image in rows]
    window = MARCH + since * HOUR, MARCH + (since + length) * HOUR
    sums = [tallies(records, by, *window) for by in BY]
    for one in sums:
        assert sum(each.seconds for each in one) == pytest.approx(sum(each.seconds for each in sums[0]), abs=1)
        assert sum(each.cpu_seconds or 0 for each in one) == pytest.approx(
            sum(each.cpu_seconds or 0 for each in sums[0]), abs=0.01
        )
        assert all(0 <= each.seconds <= length * 3600 * len(rows) + 1 for each in one)
