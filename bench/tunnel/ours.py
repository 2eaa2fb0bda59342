"""Our side of the comparison, a process as `ssh -N -L` is one: `ours [--warm] HOST LOCAL:REMOTE ...`.

It forwards each local port to a port of the host's loopback until its stdin closes. With `--warm` it imports
everything first, says so, and waits for a line: so a running program would open one more connection.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack

from srctl.tunnel.connection import SSHConnection
from srctl.tunnel.ports import bind_local
from srctl.tunnel.roles import SWITCH_INTERVAL


def main(words: list[str]) -> int:
    """Listen, connect, forward; print a line when the ports listen."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    if words[0] == "--warm":
        words = words[1:]
        import paramiko  # noqa: F401

        import srctl.tunnel.handshake  # noqa: F401

        print("warm", flush=True)
        sys.stdin.readline()
    host, pairs = words[0], [tuple(map(int, word.split(":"))) for word in words[1:]]
    with ExitStack() as undo:
        listeners = [(undo.enter_context(bind_local(local)), remote) for local, remote in pairs]
        print("listening on", *(local for local, _ in pairs), flush=True)
        connection = undo.enter_context(SSHConnection.connect(f"ssh://{host}", forwards=True))
        from srctl.tunnel.forward import Forward  # brings paramiko along, which is imported while TCP connects

        for listener, remote in listeners:
            undo.enter_context(Forward(listener, connection, "127.0.0.1", remote))
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
