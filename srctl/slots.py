"""The addresses behind a gateway: each user has a loopback address of his own, with a fixed row of ports, the slots.

What a login may forward to is fixed when it is made and lives as long as it does. So an address must never pass to
somebody else, and a port never lead to another person's session: the address is made of the user's id, which is never
reused, and all slots of a user are permitted at once, whatever runs there.
"""

from srctl.errors import NotAllowedError

SLOTS = range(20001, 20033)
"""The ports at which a user's sessions are published."""

_NETWORK = 83
MOST = 0xFFFE
"""The largest id that has an address."""


def address(user_id: int) -> str:
    """Return the loopback address of a user, `127.83.U.V`. Raises `NotAllowedError` for an id that has none."""
    if not 1 <= user_id <= MOST:
        raise NotAllowedError(
            f"The user with the id {user_id} can have no address of his own", f"A gateway serves ids from 1 to {MOST}"
        )
    return f"127.{_NETWORK}.{user_id >> 8}.{user_id & 0xFF}"
