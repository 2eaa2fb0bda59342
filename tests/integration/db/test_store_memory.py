"""What every store must do, on a source of another kind: the same tests, without those on times, ids and statements."""

from __future__ import annotations

from typing import cast

import pytest

from srctl.contents import Contents
from srctl.db.source_store import SourceStore
from srctl.db.store import SqlStore
from srctl.models import Policy
from tests.integration.db import test_store_contract as contract
from tests.integration.db import test_store_groups as groups_contract
from tests.memory_source import MemorySource

filled = contract.filled
test_what_is_not_there_is_not_found = contract.test_what_is_not_there_is_not_found


@pytest.fixture
def store() -> SqlStore:
    return cast("SqlStore", SourceStore(MemorySource([Contents()]), "memory"))


class TestUsers(contract.TestUsers):
    test_times_are_aware_and_in_utc = test_an_id_is_never_given_again = None  # type: ignore[assignment]


class TestKeys(contract.TestKeys):
    pass


class TestApplications(contract.TestApplications):
    test_an_id_is_never_given_again = None  # type: ignore[assignment]


class TestGrants(contract.TestGrants):
    test_grants_of_a_user_take_one_query = None  # type: ignore[assignment]

    @pytest.mark.parametrize("keep", [True, False])
    def test_a_grant_is_replaced_in_one_step(self, filled: SqlStore, keep: bool) -> None:
        before = filled.add_grant("paraview:5", "alice", Policy())
        after = filled.replace_grant(before, contract.POLICY, keep=keep)
        assert filled.grants() == [after]
        assert (after.policy.license, after.id == before.id) == ("secret", keep)


team = groups_contract.team
test_the_defaults_of_an_application_come_back = groups_contract.test_the_defaults_of_an_application_come_back


class TestGroups(groups_contract.TestGroups):
    pass
