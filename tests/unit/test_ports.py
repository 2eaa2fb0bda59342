import socket

import pytest

from srctl.errors import ConflictError, UsageError
from srctl.tunnel.ports import bind_local


def test_a_busy_explicit_port_is_a_conflict_that_names_it() -> None:
    with bind_local() as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ConflictError, match=str(port)):
            bind_local(port)
        with socket.socket() as wide:
            wide.bind(("", 0))
            wide.listen()
            with pytest.raises(ConflictError):
                bind_local(wide.getsockname()[1])


def test_a_preferred_port_is_taken_when_free_and_passed_over_when_not() -> None:
    with bind_local() as probe:
        port = probe.getsockname()[1]
    with bind_local(preferred=port) as first, bind_local(preferred=port) as second:
        assert first.getsockname() == ("127.0.0.1", port)
        assert second.getsockname()[1] != port


def test_a_port_is_free_again_right_after_its_connections() -> None:
    with bind_local() as listener, socket.create_connection(listener.getsockname()) as local:
        port = listener.getsockname()[1]
        far, _ = listener.accept()
        far.close()
        assert local.recv(1) == b""
    bind_local(port).close()


def test_numbers_that_are_no_ports_are_refused() -> None:
    for port in (0, -1, 65536):
        with pytest.raises(UsageError):
            bind_local(port)


def test_a_local_port_listens_on_loopback_only() -> None:
    with bind_local() as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
