"""Messages composed and taken apart: paramiko is the oracle, and nothing but our error comes of arbitrary bytes."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paramiko.message import Message
from paramiko.ssh_exception import SSHException

from srctl.tunnel.pump import messages
from srctl.tunnel.pump.messages import Confirmation
from srctl.tunnel.vetting import vet

U32 = st.integers(0, 2**32 - 1)
READERS: list[Callable[[memoryview], object]] = [
    messages.confirmation,
    messages.failure,
    messages.adjustment,
    messages.data,
    messages.extended_data,
    messages.wants_reply,
]


def fields(composed: bytes) -> Message:
    """Return what follows the type, for paramiko to read."""
    return Message(composed[1:])


@given(U32, U32, U32, st.text(max_size=80), st.integers(0, 65535))
def test_a_request_for_a_tcp_channel_is_what_the_protocol_wants(
    number: int, window: int, packet: int, address: str, port: int
) -> None:
    composed = messages.open_tcp(number, window, packet, address, port)
    seen = fields(composed)
    assert composed[0] == 90
    assert seen.get_text() == "direct-tcpip"
    assert [seen.get_int() for _ in range(3)] == [number, window, packet]
    assert (seen.get_text(), seen.get_int()) == (address, port)
    assert (seen.get_text(), seen.get_int()) == ("127.0.0.1", 0)
    assert seen.get_remainder() == b""


@given(U32, U32)
def test_short_messages_are_what_the_protocol_wants(channel: int, count: int) -> None:
    for composed, kind, numbers in (
        (messages.data_head(channel, count), 94, [channel, count]),
        (messages.window_adjust(channel, count), 93, [channel, count]),
        (messages.eof(channel), 96, [channel]),
        (messages.close(channel), 97, [channel]),
        (messages.request_failure(channel), 100, [channel]),
    ):
        seen = fields(composed)
        assert composed[0] == kind
        assert [seen.get_int() for _ in numbers] == numbers
        assert seen.get_remainder() == b""
        assert messages.channel(memoryview(composed)) == channel


def written(kind: int, *values: int | bytes | bool) -> memoryview:
    """Return a message as paramiko writes it."""
    message = Message()
    message.add_byte(bytes([kind]))
    for value in values:
        if isinstance(value, bool):
            message.add_boolean(value)
        elif isinstance(value, int):
            message.add_int(value)
        else:
            message.add_string(value)
    return memoryview(message.asbytes())


@given(U32, U32, U32, U32, st.binary(max_size=300), st.binary(max_size=60), st.booleans())
def test_what_a_server_writes_is_read(
    channel: int, first: int, second: int, third: int, data: bytes, name: bytes, reply: bool
) -> None:
    assert messages.confirmation(written(91, channel, first, second, third)) == Confirmation(first, second, third)
    assert messages.failure(written(92, channel, first, name, b"en")) == (first, name.decode("utf-8", "replace"))
    assert messages.adjustment(written(93, channel, first)) == first
    assert messages.data(written(94, channel, data)) == data
    assert messages.extended_data(written(95, channel, first, data)) == data
    assert messages.wants_reply(written(98, channel, name, reply, 7)) == reply


@given(st.binary(min_size=1, max_size=64))
@example(b"\x5e" + b"\xff" * 8)
@example(b"\x62" + b"\0" * 4 + b"\xff" * 5)
def test_nothing_but_our_error_comes_of_arbitrary_bytes(data: bytes) -> None:
    for read in READERS:
        with contextlib.suppress(SSHException):
            read(memoryview(data))


@given(st.sampled_from([91, 92, 93, 94, 95, 98]), U32, U32, st.binary(max_size=30), st.integers(0, 60), st.booleans())
def test_a_cut_message_is_refused_and_never_read_beyond_its_end(
    kind: int, channel: int, number: int, text: bytes, cut: int, reply: bool
) -> None:
    whole = {
        91: written(91, channel, number, number, number),
        92: written(92, channel, number, text),
        93: written(93, channel, number),
        94: written(94, channel, text),
        95: written(95, channel, 1, text),
        98: written(98, channel, text, reply),
    }[kind]
    reader = dict(zip([91, 92, 93, 94, 95, 98], READERS, strict=True))[kind]
    reader(whole)
    if cut < len(whole):
        with pytest.raises(SSHException, match="wrong length"):
            reader(whole[: max(1, cut)])


@given(st.binary(min_size=1, max_size=64), st.booleans(), st.booleans())
@example(b"\0", False, True)
@example(b"\x5e", False, True)
def test_what_is_let_through_to_paramiko_is_whole(data: bytes, exchanging: bool, known: bool) -> None:
    message = memoryview(data)
    passed = False
    with contextlib.suppress(SSHException):
        passed = vet(message, exchanging=exchanging, has_channel=lambda _: known)
    if passed and 91 <= data[0] <= 100:
        assert known
        assert len(data) >= messages.SHORTEST
        readers = dict(zip([91, 92, 93, 94, 95, 98], READERS, strict=True))
        if data[0] in readers:
            readers[data[0]](message)
