"""A server that says what no server may say about channels can end its connection, and not more."""

import contextlib
from collections.abc import Callable

import pytest

from tests.integration import hostile_server as ssh
from tests.integration.hostile_server import packed
from tests.integration.hostile_stage import Line, Stage, exactly, until_its_end
from tools.processes import wait_until


def messages(channel: int) -> list[bytes]:
    """Return every message about an open channel, well-formed."""
    return [
        packed(ssh.CONFIRMATION, channel, 77, 1 << 20, 32768),
        packed(ssh.OPEN_FAILURE, channel, 2, "refused", "en"),
        packed(ssh.ADJUST, channel, 1000),
        packed(ssh.DATA, channel, b"surprise"),
        packed(ssh.EXTENDED, channel, 1, b"surprise"),
        packed(ssh.EOF, channel),
        packed(ssh.CLOSE, channel),
        packed(ssh.REQUEST, channel, "exit-status", False, 1),
        packed(ssh.REQUEST, channel, "keepalive@openssh.com", True),
        packed(ssh.SUCCESS, channel),
        packed(ssh.FAILURE, channel),
    ]


KINDS = range(len(messages(0)))
OTHERS = [
    packed(ssh.GLOBAL_REQUEST, "hostkeys-00@openssh.com", False, b"key"),
    packed(ssh.GLOBAL_REQUEST, "tcpip-forward", True, "", 22),
    packed(ssh.REQUEST_SUCCESS, 1234),
    packed(ssh.REQUEST_FAILURE),
    packed(ssh.OPEN, "session", 5, 1 << 20, 32768),
    packed(ssh.OPEN, "forwarded-tcpip", 0xFFFFFFFF, 0, 0, "127.0.0.1", 80, "127.0.0.1", 1),
]


@pytest.mark.parametrize("index", KINDS)
def test_a_message_for_a_channel_that_does_not_exist_does_no_harm(play: Stage, index: int) -> None:
    for channel in (999, 0x40000000 + 999, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
        play.fresh()
        play.peer.send(messages(channel)[index])
        play.settle()


@pytest.mark.parametrize("index", KINDS)
def test_a_message_that_is_cut_short_does_no_harm(play: Stage, index: int) -> None:
    size = len(messages(0)[index])
    for length in sorted({1, 2, 4, 5, 6, 8, 9, 12, size - 1} & set(range(size))):
        play.fresh()
        line = play.line()
        play.peer.send(messages(line.channel)[index][:length])
        if play.settle():
            line.local.close()
        else:
            assert until_its_end(line.local) in {b"", b"surprise"[: max(0, length - 9)]}


@pytest.mark.parametrize("message", OTHERS, ids=lambda message: str(message[0]))
def test_requests_and_replies_that_are_cut_short_do_no_harm(play: Stage, message: bytes) -> None:
    for length in range(1, len(message), 3):
        play.fresh()
        play.peer.send(message[:length])
        play.settle()


@pytest.mark.parametrize("index", KINDS)
def test_a_message_for_a_channel_that_is_over_reaches_nobody_else(play: Stage, index: int) -> None:
    old = play.line()
    old.local.close()
    play.peer.take(ssh.EOF)
    play.peer.send(packed(ssh.EOF, old.channel), packed(ssh.CLOSE, old.channel))
    assert ssh.number(play.peer.take(ssh.CLOSE)) == old.number
    new = play.line()
    assert new.channel != old.channel
    play.peer.send(messages(old.channel)[index])
    if play.settle():
        new.say(b"for the new one")
        new.hears(b"for the new one")
        new.answers(b"from the new one")


@pytest.mark.parametrize("claimed", [5, 100, 65_536, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("kind", [ssh.DATA, ssh.EXTENDED])
def test_data_that_claims_to_be_longer_than_its_packet_shows_nothing_of_other_packets(
    play: Stage, kind: int, claimed: int
) -> None:
    line = play.line()
    head = bytes([kind]) + line.channel.to_bytes(4, "big") + (b"\0\0\0\1" if kind == ssh.EXTENDED else b"")
    secret = b"for the control only"
    play.allowed = secret * 1001
    play.peer.send(
        packed(ssh.DATA, play.control.channel, secret * 1000),
        head + claimed.to_bytes(4, "big") + b"four",
        packed(ssh.DATA, play.control.channel, secret),
        packed(ssh.CLOSE, line.channel),
    )
    assert until_its_end(line.local) in {b"", b"four"}
    if play.connection.alive:
        play.control.hears(secret * 1001)
    play.settle()


Act = Callable[[Stage, Line], None]


def after_its_end(*kinds: int) -> Act:
    """Return an act that ends the channel by EOF or CLOSE and then goes on about it."""

    def act(play: Stage, line: Line) -> None:
        for kind in kinds:
            play.peer.try_to_send(packed(kind, line.channel), *messages(line.channel)[2:], packed(kind, line.channel))

    return act


def confirmed_again(play: Stage, line: Line) -> None:
    play.peer.try_to_send(packed(ssh.CONFIRMATION, line.channel, play.control.number, 1 << 30, 1 << 30))
    play.peer.try_to_send(packed(ssh.OPEN_FAILURE, line.channel, 1, "after all", ""))


def filled_beyond_its_window(play: Stage, line: Line) -> None:
    play.peer.try_to_send(*[packed(ssh.ADJUST, line.channel, 0xFFFFFFFF)] * 3)
    with contextlib.suppress(OSError):
        line.local.sendall(b"x" * 1000)


def credited_by_nothing(play: Stage, line: Line) -> None:
    play.peer.try_to_send(*[packed(ssh.ADJUST, line.channel, 0)] * 20_000)


def told_nothing_at_length(play: Stage, line: Line) -> None:
    play.peer.try_to_send(*[packed(ssh.DATA, line.channel, b"")] * 20_000)


def failed_often(play: Stage, line: Line) -> None:
    failures = [packed(ssh.OPEN_FAILURE, line.channel + each, 2, "no " * 100, "") for each in range(2, 5_000)]
    play.peer.try_to_send(*failures)


def spoken_of_as_another(play: Stage, line: Line) -> None:
    play.peer.try_to_send(packed(ssh.DATA, line.number, b"mixed up"), packed(ssh.CLOSE, line.number))


ACTS = {
    "after EOF": after_its_end(ssh.EOF),
    "after CLOSE": after_its_end(ssh.CLOSE),
    "after EOF and CLOSE, twice": after_its_end(ssh.EOF, ssh.CLOSE, ssh.EOF, ssh.CLOSE),
    "confirmed again": confirmed_again,
    "window over 2**32": filled_beyond_its_window,
    "credit of nothing": credited_by_nothing,
    "data of nothing": told_nothing_at_length,
    "a flood of failures": failed_often,
    "the server's own number": spoken_of_as_another,
}


@pytest.mark.parametrize("name", ACTS)
def test_messages_out_of_order_end_the_connection_at_most(play: Stage, name: str) -> None:
    ACTS[name](play, play.line())
    play.settle()


@pytest.mark.parametrize("index", [each for each in KINDS if each not in {0, 1}])
def test_a_message_before_the_channel_is_confirmed_does_no_harm(play: Stage, index: int) -> None:
    local, channel = play.asked()
    play.peer.send(messages(channel)[index])
    if play.settle():
        play.peer.send(packed(ssh.CONFIRMATION, channel, 4711, 1 << 20, 32768))
        play.settle()
    if not play.connection.alive:
        assert until_its_end(local) in {b"", b"surprise"}


@pytest.mark.parametrize("window", [0, 1, 0xFFFFFFFF])
@pytest.mark.parametrize("packet", [0, 1, 0xFFFFFFFF])
def test_the_client_keeps_to_odd_windows_and_packet_sizes(play: Stage, window: int, packet: int) -> None:
    line = play.line(window, packet)
    with contextlib.suppress(OSError):  # a client that cannot be served is reset
        line.local.sendall(b"x" * 20_000)
    if play.settle() and packet and window > 1:
        if packet == 1:
            wait_until(lambda: len(play.peer.heard(line.number)) > 1000, "data, byte by byte")
        else:
            wait_until(lambda: len(play.peer.heard(line.number)) == 20_000, "all data")
    sizes = [len(each) - 9 for each in list(play.peer.said) if each[0] == ssh.DATA and ssh.number(each) == line.number]
    assert sum(sizes) <= window
    assert max(sizes, default=0) <= min(packet, 1 << 18)


def test_credit_of_one_byte_at_a_time_is_used_exactly(play: Stage) -> None:
    line = play.line(window=0)
    text = bytes(range(256)) * 2
    line.local.sendall(text)
    for count in range(1, len(text) + 1):
        play.peer.send(packed(ssh.ADJUST, line.channel, 1))
        if count % 64 == 0:
            wait_for_bytes(play, line, count)
    assert play.peer.heard(line.number) == text
    assert play.settle()


def wait_for_bytes(play: Stage, line: Line, count: int) -> None:
    wait_until(lambda: len(play.peer.heard(line.number)) == count, "a byte for each byte of credit")


def test_error_output_on_a_forward_is_no_data(play: Stage) -> None:
    line = play.line()
    play.peer.send(packed(ssh.EXTENDED, line.channel, 1, b"no data"), packed(ssh.DATA, line.channel, b"data"))
    if play.settle():
        assert exactly(line.local, 4) == b"data"
    else:
        assert until_its_end(line.local) in {b"", b"data"}


def test_requests_are_answered_so_that_the_server_goes_on(play: Stage) -> None:
    line = play.line()
    play.peer.send(packed(ssh.REQUEST, line.channel, "keepalive@openssh.com", True))
    assert play.peer.take(ssh.FAILURE) == packed(ssh.FAILURE, line.number)
    play.peer.send(packed(ssh.GLOBAL_REQUEST, "keepalive@openssh.com", True))
    assert play.peer.take(ssh.REQUEST_FAILURE) == packed(ssh.REQUEST_FAILURE)
    play.peer.send(
        packed(ssh.REQUEST, line.channel, "quiet@test", False), packed(ssh.GLOBAL_REQUEST, "quiet@test", False)
    )
    assert play.settle()
    assert not [each for each in play.peer.said if each[0] in {ssh.FAILURE, ssh.REQUEST_FAILURE}]


@pytest.mark.parametrize("kind", ["session", "direct-tcpip", "forwarded-tcpip", "x11", "auth-agent@openssh.com", ""])
def test_channels_that_the_server_wants_to_open_are_refused(play: Stage, kind: str) -> None:
    play.peer.send(packed(ssh.OPEN, kind, 31_337, 1 << 20, 32768, "127.0.0.1", 22, "127.0.0.1", 1))
    answer = play.peer.take(ssh.OPEN_FAILURE)
    assert ssh.number(answer) == 31_337
    assert play.settle()


def test_a_refusal_is_told_without_what_a_terminal_would_obey(play: Stage) -> None:
    local, channel = play.asked()
    play.peer.send(packed(ssh.OPEN_FAILURE, channel, 2, "\x1b[2Jgone\x07\u202e" + "x" * 100_000, "en"))
    assert until_its_end(local) == b""
    wait_until(lambda: play.forward.stats.last_error, "the refusal")
    text = str(play.forward.stats.last_error)
    assert "gone" in text
    assert len(text) < 1000
    assert text.isprintable()
    assert play.settle()
