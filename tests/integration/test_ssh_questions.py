"""Passwords and the server's own questions, against a small server: sshd would need real accounts and PAM."""

import base64
import contextlib
import socket
import threading
from collections.abc import Iterator

import paramiko
import pytest
from paramiko.server import InteractiveQuery

from srctl.errors import UnreachableError
from srctl.tunnel.connection import SSHConnection
from tests.integration.ssh_parts import Person
from tools.clean_home import Home


class Door(paramiko.ServerInterface):
    """Lets in whoever knows the password, by the methods given."""

    def __init__(self, methods: str) -> None:
        self.methods = methods
        self.attempts: list[str] = []

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002 - paramiko's interface
        return self.methods

    def check_auth_password(self, username: str, password: str) -> int:  # noqa: ARG002 - paramiko's interface
        self.attempts.append("password")
        return paramiko.common.AUTH_SUCCESSFUL if password == "sesame" else paramiko.common.AUTH_FAILED

    def check_auth_none(self, username: str) -> int:  # noqa: ARG002 - paramiko's interface
        self.attempts.append("none")
        return paramiko.common.AUTH_FAILED

    def check_auth_interactive(
        self,
        username: str,  # noqa: ARG002 - paramiko's interface
        submethods: str,  # noqa: ARG002 - paramiko's interface
    ) -> int | InteractiveQuery:
        if self.methods != "keyboard-interactive":
            return paramiko.common.AUTH_FAILED
        self.attempts.append("interactive")
        return InteractiveQuery("Gate\x1b[31m", "Two things", ("Password:", False), ("Code:", False))

    def check_auth_interactive_response(self, responses: list[str]) -> int | InteractiveQuery:
        return paramiko.common.AUTH_SUCCESSFUL if responses == ["sesame", "42"] else paramiko.common.AUTH_FAILED


@contextlib.contextmanager
def served(door: Door, home: Home) -> Iterator[str]:
    key = paramiko.ECDSAKey.generate()
    listener = socket.create_server(("127.0.0.1", 0))
    transports: list[paramiko.Transport] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                transport = paramiko.Transport(listener.accept()[0])
                transport.add_server_key(key)
                transport.start_server(threading.Event(), door)
                transports.append(transport)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    port = listener.getsockname()[1]
    (home.path / ".ssh").mkdir()
    encoded = base64.b64encode(key.asbytes()).decode()
    (home.path / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{port} {key.get_name()} {encoded}\n")
    try:
        yield f"ssh://me@127.0.0.1:{port}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
        for transport in transports:
            transport.close()


def test_a_password_is_asked_for_until_it_is_right(home: Home) -> None:
    door, person = Door("password"), Person(["wrong", "sesame"])
    with served(door, home) as url:
        SSHConnection.connect(url, prompter=person).close()
    assert len(person.asked) == 2
    assert "me@127.0.0.1" in person.asked[0]


def test_the_questions_of_the_server_are_put_to_the_person_as_plain_text(home: Home) -> None:
    door, person = Door("keyboard-interactive"), Person(["sesame", "42"])
    with served(door, home) as url:
        SSHConnection.connect(url, prompter=person).close()
    assert [text.split(") ")[-1].strip() for text in person.asked] == ["Password:", "Code:"]
    assert "\x1b" not in "".join(person.asked)


def test_without_a_person_nothing_is_asked_and_the_error_tells_what_the_server_accepts(home: Home) -> None:
    door = Door("password")
    with served(door, home) as url, pytest.raises(UnreachableError) as caught:
        SSHConnection.connect(url)
    assert not door.attempts
    assert "terminal" in caught.value.hint


def test_a_person_who_gives_up_ends_the_login(home: Home) -> None:
    door, person = Door("password"), Person([None])
    with served(door, home) as url, pytest.raises(UnreachableError):
        SSHConnection.connect(url, prompter=person)
    assert not door.attempts
    assert len(person.asked) == 1
