"""Addresses of users: one each, told apart from everybody else's, and the same in the program that sshd runs."""

import pytest

from srctl import public_keys, slots
from srctl.db.schema import HEAD
from srctl.errors import NotAllowedError
from srctl.gateway import keys

LAST = 65534


@pytest.mark.parametrize(
    ("user_id", "address"),
    [(1, "127.83.0.1"), (255, "127.83.0.255"), (256, "127.83.1.0"), (65534, "127.83.255.254")],
)
def test_a_user_has_the_address_of_his_id(user_id: int, address: str) -> None:
    assert slots.address(user_id) == address


def test_no_two_users_have_the_same_address() -> None:
    assert len({slots.address(user_id) for user_id in range(1, LAST + 1)}) == LAST


@pytest.mark.parametrize("user_id", [-1, 0, 65535, 65536, 2**40])
def test_an_id_without_an_address_is_refused(user_id: int) -> None:
    with pytest.raises(NotAllowedError, match="no address"):
        slots.address(user_id)


def test_slots_are_not_handed_out_by_systems_at_random() -> None:
    assert range(20001, 20033) == slots.SLOTS
    assert max(slots.SLOTS) < 32768


def test_the_keys_command_means_the_same() -> None:
    ids = range(1, LAST + 1)
    assert keys.SLOTS == slots.SLOTS
    assert keys.MAX_USER == LAST
    assert [keys.address(user_id) for user_id in ids] == [slots.address(user_id) for user_id in ids]


def test_the_keys_command_knows_the_database_and_the_types_of_keys() -> None:
    assert keys.REVISION == HEAD
    assert frozenset(public_keys.TYPES) == keys.TYPES
