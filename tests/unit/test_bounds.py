"""Limits as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from srctl import bounds, limits
from srctl.models import Limits

MIDNIGHT = datetime(2030, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (Limits(), {}),
        (Limits(cpus=1.5, memory=4 << 30, gpus="0"), {"cpus": "1.5", "memory": "4g", "gpus": "0"}),
        (Limits(cpus=4095.125, shm_size=1000), {"cpus": "4095.125", "shm_size": "1000b"}),
        (Limits(read_only=False, network="none"), {"network": "none", "read_only": "no"}),
        (Limits(max_lifetime=43200, idle_timeout=90), {"max_lifetime": "12h", "idle_timeout": "90s"}),
        (Limits(expires=MIDNIGHT), {"expires": "2030-01-31"}),
        (Limits(expires=MIDNIGHT.replace(hour=12)), {"expires": "2030-01-31T12:00Z"}),
        (Limits(expires=MIDNIGHT.replace(second=7)), {"expires": "2030-01-31T00:00:07Z"}),
    ],
)
def test_limits_are_read_as_they_are_written(values: Limits, texts: dict[str, str]) -> None:
    assert bounds.written(values) == texts
    assert bounds.read(texts) == values


def test_every_limit_has_its_words_and_the_first_that_is_wrong_is_named() -> None:
    assert tuple(bounds.BOUNDS) == limits.NAMES
    assert bounds.wrong({"cpus": "2", "memory": "1", "pids": "x"}) == "memory"
    assert bounds.wrong({"cpus": "2", "expires": "2030-01-31"}) is None
