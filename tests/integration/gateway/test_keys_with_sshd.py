"""What the keys command prints, as a real sshd reads it."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from srctl import slots
from srctl.gateway import keys
from tests.integration.gateway.gateway_parts import Gateway, Stream, Streams, echo, gateway
from tools.lab import Lab


@pytest.fixture(scope="module")
def place(lab: Lab) -> Iterator[Gateway]:
    """A gateway with sessions of alice and bob."""
    with gateway(lab, "permits", "alice", "bob") as made, ExitStack() as sessions:
        for user_id in made.ids.values():
            sessions.enter_context(echo(slots.address(user_id)))
        yield made


@pytest.fixture
def streams(place: Gateway, tmp_path: Path) -> Iterator[Streams]:
    """Streams of this test."""
    with ExitStack() as undo:
        yield Streams(place, tmp_path, undo)


def test_a_user_reaches_his_own_session(streams: Streams) -> None:
    assert isinstance(streams.open("alice"), Stream)


def test_another_users_session_is_out_of_reach_until_it_is_shared(place: Gateway, streams: Streams) -> None:
    with pytest.raises(AssertionError):
        streams.open("bob", owner="alice")
    assert "but the request was denied" in place.host.sshd.log
    place.place.add_share(place.ids["alice"], place.ids["bob"], slots.SLOTS[0])
    assert streams.open("bob", owner="alice").is_alive()


def test_a_user_whose_slots_are_all_closed_can_log_in_and_forward_nothing(place: Gateway, streams: Streams) -> None:
    for slot in slots.SLOTS:
        place.place.close(place.ids["alice"], slot)
    with pytest.raises(AssertionError):
        streams.open("alice")
    login = subprocess.run(place.ssh("alice"), input=b"hello", capture_output=True, check=False, timeout=20)
    assert login.stdout == b"hello"
    place.place.run("DELETE FROM closed_slots")
    assert streams.open("alice").is_alive()


def test_sshd_reads_as_many_shares_as_there_can_be(place: Gateway, streams: Streams) -> None:
    with place.place.changing() as connection:
        for number in range(1, keys.MAX_SHARES + 1):
            values = (number, f"u{number}", f"u{number}")
            connection.execute("INSERT OR IGNORE INTO users VALUES (?, ?, ?, 0, 0, '2026-01-01')", values)
            connection.execute(
                "INSERT INTO shares (session_id, grant_id, owner_id, guest_id, slot, created)"
                " VALUES (?, '', ?, ?, 20001, '2026-01-01')",
                (str(number), number, place.ids["alice"]),
            )
    assert streams.open("alice").is_alive()
    (record,) = [each for each in place.records() if f" {place.ids['alice']} " in each and "1:20001" in each]
    assert record.count(":20001") == keys.MAX_SHARES
