"""The table of the tunnel's benchmark says who is better, by how much, and whether that is enough."""

from __future__ import annotations

import pytest

from bench.tunnel import report
from bench.tunnel.contenders import GCM
from bench.tunnel.measures import MEASURES, MICROSECONDS, PER_SECOND, Row
from bench.tunnel.report import Round


def rounds(*pairs: tuple[float, float], gcm: float = 1) -> list[Round]:
    """Return rounds in which we and ssh had these figures."""
    return [{"srctl": {"x": ours}, "ssh": {"x": ssh}, "ssh-gcm": {"x": gcm}} for ours, ssh in pairs]


def cells(row: Row, taken: list[Round]) -> list[str]:
    return [cell.strip() for cell in report.line(row, taken).strip("|").split("|")]


def test_twice_the_rate_is_a_ratio_of_two() -> None:
    assert report.ratio(Row("r", "x", PER_SECOND), rounds((10, 5))[0]) == 2


def test_half_the_time_is_a_ratio_of_two() -> None:
    assert report.ratio(Row("r", "x", MICROSECONDS), rounds((5, 10))[0]) == 2


def test_a_row_may_have_the_other_cipher_for_its_rival() -> None:
    assert report.ratio(Row("r", "x", PER_SECOND, rival=GCM), rounds((10, 5), gcm=20)[0]) == 0.5


@pytest.mark.parametrize(
    ("reached", "said"), [(1.09, "no"), (1.1, "yes"), (1.39, "yes"), (1.4, "yes, stretch too"), (9, "yes, stretch too")]
)
def test_the_median_is_held_to_target_and_stretch(reached: float, said: str) -> None:
    taken = rounds((0.1, 1), (reached, 1), (99, 1))
    assert cells(Row("r", "x", PER_SECOND, 1.1, 1.4), taken)[-1] == said


def test_a_line_shows_ratio_quartiles_and_each_contenders_median() -> None:
    taken = rounds((100, 100), (200, 100), (300, 100), (400, 100), (500, 100), gcm=250)
    assert cells(Row("r", "x", PER_SECOND, 1.5), taken) == [
        *("r", "1.5", "", "3.00 (2.00-4.00)", "300 /s", "100 /s", "250 /s", "yes")
    ]


def test_a_limit_is_held_by_our_own_figure() -> None:
    row = Row("r", "x", MICROSECONDS, most=6)
    assert cells(row, rounds((6, 1)))[-1] == "yes"
    assert cells(row, rounds((7, 100)))[-1] == "no"


def test_every_row_of_a_measure_has_a_title_of_its_own_or_follows_one() -> None:
    titles = [measure.rows[0].title for measure in MEASURES.values()]
    assert len(set(titles)) == len(titles) == 14
