"""What a server may say to paramiko, checked before paramiko acts on it.

paramiko takes short fields for zeros, ends without a word at a channel that it does not know, and stumbles over
messages that nobody has defined. Here each of these ends the connection with its reason, or is answered as RFC 4253,
section 11.4, wants it.
"""

from collections.abc import Callable

from paramiko.common import MSG_NAMES, MSG_NEWKEYS
from paramiko.ssh_exception import SSHException

from srctl.tunnel.pump import messages

_EXCHANGE = range(30, 50)
_CHANNEL = range(91, 101)
_KNOWN = frozenset(MSG_NAMES) | frozenset(_EXCHANGE)
_SHAPES: dict[int, Callable[[memoryview], object]] = {
    messages.DATA: messages.data,
    messages.WINDOW_ADJUST: messages.adjustment,
    messages.OPEN_CONFIRMATION: messages.confirmation,
    messages.OPEN_FAILURE: messages.failure,
    messages.REQUEST: messages.wants_reply,
    messages.EXTENDED_DATA: messages.extended_data,
}
"""What takes a message apart, and raises `SSHException` where its fields are longer than itself."""


def vet(message: memoryview, *, exchanging: bool, has_channel: Callable[[int], bool]) -> bool:
    """Tell whether paramiko knows this type of message; if not, it must be answered with UNIMPLEMENTED.

    Raises `SSHException` for a message that no honest server sends now.
    """
    kind = message[0]
    if kind not in _KNOWN:
        return False
    if not exchanging and (kind == MSG_NEWKEYS or kind in _EXCHANGE):
        raise SSHException("a message of a key exchange came outside of one")
    if kind in _CHANNEL:
        if len(message) < messages.SHORTEST or not has_channel(messages.channel(message)):
            raise SSHException("a message came for a channel that there is not")
        take_apart = _SHAPES.get(kind)
        if take_apart is not None:
            take_apart(message)
    return True
