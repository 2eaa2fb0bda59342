"""The packet codec against paramiko's own packet layer, which is the oracle, and against arbitrary bytes."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from paramiko.message import Message
from paramiko.packet import Packetizer
from paramiko.ssh_exception import SSHException

from srctl.tunnel.pump import codec
from srctl.tunnel.pump.codec import LENGTH_SIZE, LONGEST, TAG, Sealer, Unsealer, packet_size

KEYS = st.binary(min_size=16, max_size=16)
IVS = st.binary(min_size=12, max_size=12).filter(
    lambda iv: iv[4:] < b"\xff" * 7
)  # paramiko's counter may not turn over
PAYLOADS = st.lists(
    st.one_of(st.binary(min_size=1, max_size=60), st.builds(bytes, st.integers(1, 40_000))), min_size=1, max_size=5
)


def cipher(key: bytes) -> Any:
    """Return AES-GCM; `Any`, since it takes less than the codec would give it."""
    return AESGCM(key)


@contextlib.contextmanager
def paramiko_ends() -> Iterator[tuple[Any, socket.socket]]:
    """Give paramiko's packet layer on one end of a pair of sockets, and the other end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for each in (ours, theirs):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            each.settimeout(30)
        yield Packetizer(ours), theirs


def opened(unsealer: Unsealer, packet: bytes) -> bytes:
    """Return the payload of one packet."""
    return bytes(unsealer.unseal(memoryview(packet), memoryview(bytearray(LONGEST))))


@given(KEYS, IVS, PAYLOADS)
def test_paramiko_reads_what_we_seal(key: bytes, iv: bytes, payloads: list[bytes]) -> None:
    with paramiko_ends() as (oracle, wire):
        oracle.set_inbound_cipher(cipher(key), 16, None, 16, None, aead=True, iv_in=iv)
        sealer = Sealer(cipher(key), iv)
        for payload in payloads:
            wire.sendall(sealer.seal(payload))
            kind, message = oracle.read_message()
            assert bytes([kind]) + message.asbytes() == payload


@given(KEYS, IVS, PAYLOADS)
def test_we_open_what_paramiko_seals(key: bytes, iv: bytes, payloads: list[bytes]) -> None:
    with paramiko_ends() as (oracle, wire):
        oracle.set_outbound_cipher(cipher(key), 16, None, 16, None, aead=True, iv_out=iv)
        unsealer = Unsealer(cipher(key), iv)
        for payload in payloads:
            oracle.send_message(Message(payload))
            head = wire.recv(LENGTH_SIZE, socket.MSG_WAITALL)
            size = packet_size(bytearray(head), 0)
            assert opened(unsealer, head + wire.recv(size - LENGTH_SIZE, socket.MSG_WAITALL)) == payload


@given(KEYS, st.binary(min_size=12, max_size=12), PAYLOADS, st.binary(max_size=100))
def test_a_head_and_a_body_are_one_payload_and_no_nonce_is_used_twice(
    key: bytes, iv: bytes, payloads: list[bytes], body: bytes
) -> None:
    sealer, unsealer = Sealer(cipher(key), iv), Unsealer(cipher(key), iv)
    packets = [bytes(sealer.seal(payload, memoryview(body))) for payload in payloads * 2]
    assert [opened(unsealer, packet) for packet in packets] == [payload + body for payload in payloads * 2]
    assert len(set(packets)) == len(packets)
    for packet in packets:
        assert len(packet) == packet_size(bytearray(packet), 0)
        assert (len(packet) - LENGTH_SIZE - TAG) % 16 == 0


def test_the_counter_of_the_nonce_turns_over_and_leaves_the_fixed_part_alone() -> None:
    """RFC 5647, section 7.1: four fixed bytes, and a counter of eight."""
    engine = cipher(bytes(16))
    sealer = Sealer(engine, b"fix!" + b"\xff" * 8)
    first, second = sealer.seal(b"\2one"), sealer.seal(b"\2two")
    for nonce, packet, payload in ((b"\xff" * 8, first, b"\2one"), (bytes(8), second, b"\2two")):
        plain = engine.decrypt(b"fix!" + nonce, bytes(packet[4:]), bytes(packet[:4]))
        assert plain[1 : len(plain) - plain[0]] == payload


@given(st.integers(0, 2**32 - 1))
def test_only_lengths_that_packets_have_are_accepted(length: int) -> None:
    head = bytearray(length.to_bytes(4, "big"))
    if 16 <= length <= LONGEST and length % 16 == 0:
        assert packet_size(head, 0) == length + LENGTH_SIZE + TAG
    else:
        with pytest.raises(SSHException):
            packet_size(head, 0)


@given(KEYS, st.binary(min_size=16, max_size=64).map(lambda plain: plain[: len(plain) // 16 * 16]))
def test_whatever_a_packet_holds_it_is_opened_or_refused(key: bytes, plain: bytes) -> None:
    """All of it comes from somebody who has the key: a server."""
    iv, head = bytes(12), len(plain).to_bytes(4, "big")
    packet = head + cipher(key).encrypt(iv, plain, head)
    if 4 <= plain[0] <= len(plain) - 2:
        assert opened(Unsealer(cipher(key), iv), packet) == plain[1 : len(plain) - plain[0]]
    else:
        with pytest.raises(SSHException):
            opened(Unsealer(cipher(key), iv), packet)


@given(KEYS, PAYLOADS, st.data())
def test_one_changed_bit_is_noticed(key: bytes, payloads: list[bytes], data: st.DataObject) -> None:
    packet = bytearray(Sealer(cipher(key), bytes(12)).seal(payloads[0]))
    where = data.draw(st.integers(0, 8 * len(packet) - 1))
    packet[where // 8] ^= 1 << where % 8
    with pytest.raises(SSHException, match="damaged"):
        opened(Unsealer(cipher(key), bytes(12)), bytes(packet))


@given(st.binary(min_size=36, max_size=300))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    data = data[: (len(data) - LENGTH_SIZE - TAG) // 16 * 16 + LENGTH_SIZE + TAG]
    with pytest.raises(SSHException):
        opened(codec.Unsealer(cipher(bytes(16)), bytes(12)), data)
