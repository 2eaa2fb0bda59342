"""paramiko's packet layer, with a note of when the peer was last heard and the rekey limit out of the way.

The transport's own loop runs through here, so this is also where forwarding inside that loop would hook in.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from paramiko.message import Message
from paramiko.packet import Packetizer

if TYPE_CHECKING:

    class _Packetizer(Packetizer):
        """What we use of paramiko's internals; its type stubs leave this out."""

        def _check_keepalive(self) -> None: ...
else:
    _Packetizer = Packetizer


class WatchfulPacketizer(_Packetizer):
    """Notes when the peer was last heard, and leaves rekeying to the server, which knows its own limits."""

    # RFC 4344 wants new keys after 2**32 packets; AES-GCM as in RFC 5647 has no lower limit
    REKEY_BYTES = 2**36
    REKEY_PACKETS = 2**31
    on_silence: Callable[[], None] | None = None
    heard = 0.0

    def read_message(self) -> tuple[int, Message]:
        """Return the next message."""
        message = super().read_message()
        self.heard = time.monotonic()
        return message

    def _check_keepalive(self) -> None:
        if self.on_silence is not None:
            self.on_silence()
