"""Sources of other kinds keep to the contract that is shipped, and the contract notices those that do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from srctl.contents import NOTHING, Source
from srctl.contract import SourceContract, WritableContract
from srctl.db.csv_source import CsvSource
from srctl.errors import ConflictError
from srctl.sources import Changes, Contents, UserEntry, applied
from tests.fakes import WEB
from tests.integration.db.old_files import csv_text
from tests.memory_source import SOME, MemorySource


class TestMemory(WritableContract):
    @pytest.fixture
    def open_source(self) -> Callable[[], Source]:
        kept = [SOME]
        return lambda: MemorySource(kept)


class TestCsv(SourceContract):
    @pytest.fixture
    def open_source(self, tmp_path: Path) -> Callable[[], Source]:
        path = tmp_path / "people.csv"
        path.write_text(csv_text(("ann", WEB, "1"), ("bob", "jupyter", "", "1")))
        return lambda: CsvSource(path)


class _Careless(MemorySource):
    """Does half of what does not fit, and knows nothing of being the same."""

    def contents(self) -> Contents:
        return replace(super().contents())

    def carry_out(self, changes: Changes) -> None:
        if changes.added and changes.removed:
            super().carry_out(Changes(added=changes.added))
        super().carry_out(changes)


@pytest.mark.parametrize(
    ("kept", "test"),
    [
        (Contents(), SourceContract.test_there_is_something_to_test_it_with),
        (Contents((UserEntry("a b"),)), SourceContract.test_its_contents_keep_the_rules),
        (Contents(as_of=datetime(2030, 1, 1)), SourceContract.test_the_time_of_its_contents_has_a_zone),
        (SOME, SourceContract.test_what_has_not_changed_is_the_same_object),
        (SOME, WritableContract.test_what_does_not_fit_is_a_conflict_and_does_nothing_at_all),
    ],
)
def test_the_contract_notices_what_is_wrong(kept: Contents, test: Callable[..., None]) -> None:
    several = [kept]
    with pytest.raises(AssertionError):
        test(WritableContract(), lambda: _Careless(several))


def test_changes_that_do_not_fit_are_conflicts() -> None:
    for changes in (
        Changes(added=Contents(SOME.users[:1])),
        Changes(changed=Contents((UserEntry("eve"),))),
        Changes(removed=Contents(grants=(SOME.grants[0]._replace(id="b" * 32),))),
    ):
        with pytest.raises(ConflictError):
            applied(SOME, changes)
    assert applied(NOTHING, Changes(added=SOME)) == SOME
    assert applied(SOME, Changes(removed=SOME)) == NOTHING
