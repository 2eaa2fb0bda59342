"""The packet layer at the end of a connection: nothing is said any more, and everything is let go of."""

import os
import socket

from srctl.tunnel.packetizer import PumpingPacketizer


def test_what_still_wants_to_be_said_at_the_end_keeps_nothing_open() -> None:
    """A forward that is closed while its connection ends tells the server so, who is not there."""
    ran: list[bool] = []
    ours, theirs = socket.socketpair()
    with ours, theirs:
        before = len(os.listdir("/proc/self/fd"))
        packetizer = PumpingPacketizer(ours)

        def say() -> None:
            packetizer.send(b"a" + bytes(4))
            ran.append(True)

        assert packetizer.call(say)
        packetizer.end("over")
        assert ran == [True]
        assert not packetizer.call(say)
        assert len(os.listdir("/proc/self/fd")) <= before
