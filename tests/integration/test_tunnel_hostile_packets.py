"""Packets that no server may send end the connection, at once and with a cause; nothing hangs and nothing escapes."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from srctl.tunnel.forward import Forward
from tests.integration import hostile_server as ssh
from tests.integration.hostile_server import HostileServer, Wire, body, packed
from tests.integration.hostile_stage import Stage, exactly, stage, until_its_end

EXAMPLES = 100
"""How many sequences of mutated messages are tried."""

IGNORED = packed(ssh.IGNORE, b"nothing")


Packet = Callable[[Wire], bytes]
FAULTS: dict[str, Packet] = {
    "length 0": lambda wire: wire.sealed(b""),
    "length 1": lambda wire: wire.sealed(b"\0"),
    "length 8, too short for its padding": lambda wire: wire.sealed(body(b"\2ab", 4)),
    "length 12, no whole block": lambda wire: wire.sealed(body(b"\2" * 7, 4)),
    "length 17, no whole block": lambda wire: wire.sealed(body(b"\2" * 12, 4)),
    "no payload": lambda wire: wire.sealed(body(b"", 15)),
    "padding 0": lambda wire: wire.sealed(body(IGNORED + b"abc", 0)),
    "padding 3": lambda wire: wire.sealed(body(b"\2" * 12, 3)),
    "padding as long as the packet": lambda wire: wire.sealed(b"\x10" + bytes(15)),
    "padding longer than the packet": lambda wire: wire.sealed(b"\xff" + bytes(15)),
    "a longer length than was sealed": lambda wire: wire.sealed(body(IGNORED), 64) + bytes(100),
    "a spoiled tag": lambda wire: wire.sealed(body(IGNORED), spoil=True),
    "a spoiled tag on data": lambda wire: wire.sealed(body(packed(ssh.DATA, 0, b"x" * 30_000)), spoil=True),
    "length 262145": lambda _: (262_145).to_bytes(4, "big") + bytes(1000),
    "length 262160": lambda _: (262_160).to_bytes(4, "big") + bytes(1000),
    "length 2**31": lambda _: (1 << 31).to_bytes(4, "big") + bytes(1000),
    "length 2**32-1": lambda _: b"\xff" * 1000,
    "plain text": lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n" + b" " * 1000,
    "zeros": lambda _: bytes(1000),
    "a packet twice": lambda wire: wire.sealed(body(IGNORED)) * 2,
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_packet_with_a_fault_ends_the_connection_at_once_and_with_a_cause(play: Stage, name: str) -> None:
    line = play.line()
    play.peer.wire.raw(FAULTS[name](play.peer.wire))
    assert until_its_end(line.local) == b""
    play.lost()


@pytest.mark.parametrize(
    "raw", [bytes(1000), b"\xff" * 1000, (16).to_bytes(4, "big") * 250, b"HTTP/1.1 400\r\n\r\n" * 50]
)
def test_raw_bytes_end_a_connection_under_another_cipher_too(around: tuple[HostileServer, Forward], raw: bytes) -> None:
    with stage(*around, "hostile-ctr") as play:
        line = play.line()
        play.peer.wire.raw(raw)
        assert until_its_end(line.local) == b""
        play.lost()


@pytest.mark.parametrize("size", [1, 100, 32_752, 32_759, 32_768])
def test_packets_of_any_permitted_size_arrive(play: Stage, size: int) -> None:
    line = play.line()
    data = os.urandom(size)
    line.say(data)
    line.hears(data)
    assert play.settle()


@pytest.mark.parametrize("padding", [4, 15, 20, 100, 244])
def test_any_permitted_padding_is_taken_off(play: Stage, padding: int) -> None:
    line = play.line()
    data = b"x" * (500 - (10 + 500 + padding) % 16)
    play.peer.wire.raw(play.peer.wire.sealed(body(packed(ssh.DATA, line.channel, data), padding)))
    line.hears(data)
    assert play.settle()


def test_many_small_packets_that_arrive_at_once_lose_nothing(play: Stage) -> None:
    line = play.line()
    text = os.urandom(6000)
    play.peer.send(*[packed(ssh.DATA, line.channel, text[each : each + 1]) for each in range(len(text))])
    line.hears(text)
    assert play.settle()


def test_packets_that_arrive_byte_by_byte_are_put_together(play: Stage) -> None:
    line = play.line()
    packets = b"".join(
        play.peer.wire.sealed(body(packed(ssh.DATA, line.channel, bytes([n]) * n))) for n in range(1, 20)
    )
    for each in packets:
        play.peer.wire.raw(bytes([each]))
    line.hears(b"".join(bytes([n]) * n for n in range(1, 20)))
    assert play.settle()


@pytest.mark.parametrize("part", [1, 3, 4, 5, 20, 1000])
@pytest.mark.parametrize("politely", [True, False])
def test_a_server_that_leaves_in_the_middle_of_a_packet_is_noticed(play: Stage, part: int, politely: bool) -> None:
    line = play.line()
    play.peer.wire.raw(play.peer.wire.sealed(body(packed(ssh.DATA, line.channel, b"x" * 2000)))[:part])
    play.peer.close() if politely else play.peer.reset()
    assert until_its_end(line.local) == b""
    play.lost(by_us=False)


def test_what_a_server_says_when_it_hangs_up_is_short_and_inert(play: Stage) -> None:
    play.peer.send(packed(ssh.DISCONNECT, 11, "\x1b]0;owned\x07 too busy \r\n\x9b31m\u202e" + "x" * 100_000, "en"))
    assert "too busy" in play.lost(by_us=False)


@pytest.mark.parametrize("length", range(0, 13, 2))
def test_a_cut_goodbye_is_a_goodbye(play: Stage, length: int) -> None:
    play.peer.send(packed(ssh.DISCONNECT, 11, "bye", "en")[: length + 1])
    play.lost(by_us=False)


def test_remarks_between_the_data_change_nothing(play: Stage) -> None:
    line = play.line()
    for each in range(500):
        play.peer.send(IGNORED, packed(ssh.DEBUG, True, "\x1b[31mhello", "en"), packed(ssh.UNIMPLEMENTED, each))
        line.say(b"%03d" % each)
    assert exactly(line.local, 1500) == b"".join(b"%03d" % each for each in range(500))
    assert play.settle()


@pytest.mark.parametrize(
    "kind", [0, 5, 6, 7, 8, 19, 21, 29, 30, 31, 34, 49, 50, 51, 52, 53, 60, 61, 79, 83, 89, 101, 255]
)
def test_messages_of_other_layers_do_no_harm(play: Stage, kind: int) -> None:
    for rest in (b"", b"\0" * 40, b"\xff" * 40, packed(kind, "publickey", True)[1:]):
        play.fresh()
        play.peer.send(bytes([kind]) + rest)
        play.settle()


def test_keys_that_are_exchanged_unasked_disturb_nothing(play: Stage) -> None:
    line = play.line()
    for each in range(5):
        play.peer.transport.renegotiate_keys()
        line.say(b"%d" % each)
        line.hears(b"%d" % each)
        line.answers(b"and back")
    assert play.settle()


def test_a_key_exchange_that_the_server_never_finishes_lets_the_forward_close(play: Stage) -> None:
    line = play.line()
    play.peer.deaf.set()
    play.peer.transport._send_kex_init()  # type: ignore[attr-defined]
    line.local.sendall(b"x" * 100_000)
    play.forward.close()
    assert until_its_end(line.local) == b""


# -- anything at all


NUMBERS = st.one_of(
    st.sampled_from([0, 1, 2, 3, 0x3FFFFFFF, 0x40000000, 0x40000001, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]),
    st.integers(0, 0xFFFFFFFF),
)
TEXTS = st.one_of(st.binary(max_size=40), st.sampled_from([b"session", b"direct-tcpip", b"exit-status", b"x" * 30_000]))
OURS = st.just("ours")
"""Stands for the number of the channel that the messages are about."""

SENSIBLE = st.one_of(
    st.tuples(st.just(ssh.DATA), OURS, TEXTS),
    st.tuples(st.just(ssh.ADJUST), OURS, st.integers(0, 1 << 20)),
    st.tuples(st.just(ssh.REQUEST), OURS, TEXTS, st.booleans()),
    st.tuples(st.just(ssh.GLOBAL_REQUEST), TEXTS, st.booleans()),
    st.tuples(st.just(ssh.OPEN), TEXTS, NUMBERS, NUMBERS, NUMBERS),
    st.tuples(st.sampled_from([ssh.EOF, ssh.CLOSE]), OURS),
    st.tuples(st.sampled_from([ssh.IGNORE, ssh.DEBUG, ssh.UNIMPLEMENTED]), TEXTS, TEXTS),
)
SENSELESS = st.one_of(
    st.tuples(st.integers(0, 255).filter(lambda kind: kind != ssh.DISCONNECT), st.one_of(OURS, NUMBERS), TEXTS),
    st.tuples(st.integers(80, 100), st.one_of(OURS, NUMBERS), NUMBERS, NUMBERS, NUMBERS),
    st.tuples(st.integers(80, 100), st.one_of(OURS, NUMBERS)),
)
CHANGES = st.one_of(st.none(), st.tuples(st.sampled_from(["cut", "flip", "add"]), st.integers(0, 60)))
STEPS = st.tuples(
    st.lists(SENSIBLE, max_size=12), st.lists(st.tuples(st.one_of(SENSIBLE, SENSELESS), CHANGES), max_size=3)
)


@pytest.mark.parametrize("alias", ["hostile", "hostile-ctr"])
def test_no_sequence_of_mutated_messages_does_more_than_end_the_connection(
    around: tuple[HostileServer, Forward], alias: str
) -> None:
    with stage(*around, alias) as play:
        assert 0 < lost_by(play) < EXAMPLES


def lost_by(play: Stage) -> int:
    """Try sequences; return how many connections they have cost."""
    lost = 0

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(STEPS)
    def attempt(drawn: tuple[list[Any], list[tuple[Any, tuple[str, int] | None]]]) -> None:
        nonlocal lost
        play.fresh()
        line = play.line()
        ending = [((ssh.CLOSE, "ours"), None)]
        for (kind, *fields), change in [*((each, None) for each in drawn[0]), *drawn[1], *ending]:
            message = packed(kind, *[line.channel if each == "ours" else each for each in fields])
            play.peer.try_to_send(changed(message, change))
        until_its_end(line.local)
        line.local.close()
        lost += not play.settle()
        play.peer.said.clear()

    attempt()
    return lost


def changed(message: bytes, change: tuple[str, int] | None) -> bytes:
    """Cut a message short, change a byte of it, or add to it."""
    if change is None:
        return message
    how, where = change
    if how == "cut":
        return message[: 1 + where % len(message)]
    if how == "add":
        return message + bytes(where)
    flipped = bytearray(message)
    flipped[where % len(message)] ^= 0x81
    return bytes(flipped)


def test_data_arrives_whole_wherever_its_packets_are_cut_on_the_way(play: Stage) -> None:
    lines = [play.line() for _ in range(3)]
    sizes = st.sampled_from([0, 1, 5, 6, 7, 100, 4000, 32_768])

    @settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.integers(0, 2), sizes), min_size=1, max_size=24), st.lists(st.integers(1, 70_000)))
    def attempt(drawn: list[tuple[int, int]], cuts: list[int]) -> None:
        expected, wire = [b"", b"", b""], b""
        for which, size in drawn:
            data = os.urandom(size)
            expected[which] += data
            wire += play.peer.wire.sealed(body(packed(ssh.DATA, lines[which].channel, data)))
        for cut in cuts:
            play.peer.wire.raw(wire[:cut])
            wire = wire[cut:]
        play.peer.wire.raw(wire)
        for line, data in zip(lines, expected, strict=True):
            line.hears(data)

    attempt()
    assert play.settle()
