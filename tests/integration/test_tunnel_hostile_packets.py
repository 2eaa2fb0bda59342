"""Packets that no server may send end the connection, at once and with a cause; nothing hangs and nothing escapes."""

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from srctl.tunnel.forward import Forward
from tests.integration import hostile_server as ssh
from tests.integration.hostile_server import HostileServer, Wire, body, packed
from tests.integration.hostile_stage import Stage, exactly, stage, surroundings, until_its_end
from tools.processes import wait_until
from tools.sshd import Sshd

EXAMPLES = 120
"""How many sequences of mutated messages are tried."""

IGNORED = packed(ssh.IGNORE, b"nothing")


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory, sshd: Sshd) -> Iterator[tuple[HostileServer, Forward]]:
    with surroundings(tmp_path_factory.mktemp("hostile"), sshd) as both:
        yield both


@pytest.fixture
def play(around: tuple[HostileServer, Forward]) -> Iterator[Stage]:
    with stage(*around) as ready:
        yield ready


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
TEXTS = st.one_of(st.binary(max_size=40), st.sampled_from([b"session", b"direct-tcpip", b"exit-status", b"x" * 40_000]))
FIELDS = st.lists(st.one_of(NUMBERS, TEXTS, st.booleans(), st.just("ours"), st.just("control")), max_size=6)
KINDS = st.one_of(st.integers(80, 100), st.sampled_from([ssh.DATA, ssh.ADJUST, ssh.CLOSE, ssh.EOF, ssh.REQUEST]))
CHANGES = st.one_of(
    st.none(),
    st.tuples(st.just("cut"), st.integers(0, 60)),
    st.tuples(st.just("flip"), st.integers(0, 60)),
    st.tuples(st.just("add"), st.integers(0, 60)),
)
MESSAGES = st.lists(st.tuples(KINDS, FIELDS, CHANGES), min_size=1, max_size=8)


def test_no_sequence_of_mutated_messages_does_more_than_end_the_connection(play: Stage) -> None:
    lost = 0

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(MESSAGES)
    def attempt(drawn: list[tuple[int, list[ssh.Field], tuple[str, int] | None]]) -> None:
        nonlocal lost
        play.fresh()
        line = play.line()
        numbers: dict[object, ssh.Field] = {"ours": line.channel, "control": line.channel}
        for kind, fields, change in drawn:
            message = packed(kind, *[numbers.get(each, each) if isinstance(each, str) else each for each in fields])
            play.peer.try_to_send(changed(message, change))
        if play.settle():
            line.local.close()
            play.peer.send(packed(ssh.CLOSE, line.channel))
        else:
            lost += 1
            until_its_end(line.local)
        play.peer.said.clear()

    attempt()
    wait_until(lambda: play.forward.stats.connections <= 1, "the end of all lines but the control")
    assert lost < EXAMPLES


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
