"""The requests of a login: public keys, passwords and the server's questions (RFC 4252, RFC 4256).

Replaces paramiko's handler, which repeats the service request for each key, can miss a fast reply, and cannot probe.
The first request travels together with the service request and what is asked for ahead, and `none` is never tried: at
50 ms each round trip counts. What to try, and in which order, is not decided here (login.py).
"""

import queue
from dataclasses import dataclass
from typing import TYPE_CHECKING

import paramiko
from paramiko.auth_handler import AuthOnlyHandler
from paramiko.common import cMSG_SERVICE_REQUEST, cMSG_USERAUTH_INFO_RESPONSE, cMSG_USERAUTH_REQUEST
from paramiko.message import Message

from srctl.tunnel.errors import ConnectionLostError, plain
from srctl.tunnel.keys import Identity
from srctl.tunnel.prompter import Prompter
from srctl.tunnel.transport import Transport

_SERVICE = "ssh-connection"

if TYPE_CHECKING:

    class _Handler(AuthOnlyHandler):
        """What we use of paramiko's internals; its type stubs leave these out."""

        def _parse_userauth_success(self, m: Message) -> None: ...
else:
    _Handler = AuthOnlyHandler


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server replied: `success`, `failure`, `proceed` (the key would do), `questions` or `lost`.

    `given up` comes from the person.
    """

    kind: str
    methods: tuple[str, ...] = ()
    partial: bool = False
    message: Message | None = None


class UserAuthentication(_Handler):
    """The requests of one login. paramiko's transport thread hands the replies in; `answers` carries them over."""

    def __init__(self, transport: Transport, user: str, patience: float) -> None:
        super().__init__(transport)
        self.username = user
        self._link = transport
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._patience = patience
        self._introduced = False
        transport.auth_handler = self
        self.auth_event = None

    @property
    def cause(self) -> str:
        """Why the connection ended, in words."""
        return self._link.cause

    def offer(self, identity: Identity, algorithm: str, *, probe: bool) -> Answer:
        """Offer a key; a probe only asks whether the key would do, without a signature."""
        message = self._begin("publickey")
        message.add_boolean(not probe)
        message.add_string(algorithm)
        message.add_string(identity.blob)
        if not probe:
            signed = Message()
            signed.add_string(self._link.session_id or b"")
            signed.add_bytes(message.asbytes())
            message.add_string(identity.sign(signed.asbytes(), algorithm))
        answer = self._send(message, ahead=not probe)
        if answer.kind != "success":
            self._link.ahead.forget()
        return answer

    def offer_password(self, password: str) -> Answer:
        """Offer a password."""
        message = self._begin("password")
        message.add_boolean(False)
        message.add_string(password)
        return self._send(message)

    def interactive(self, prompter: Prompter) -> Answer:
        """Let the server ask its questions."""
        message = self._begin("keyboard-interactive")
        message.add_string("")
        message.add_string("")
        answer = self._send(message)
        while answer.kind == "questions" and answer.message is not None:
            replies = _ask(answer.message, prompter, self.username or "")
            if replies is None:
                return Answer("given up")
            message = Message()
            message.add_byte(cMSG_USERAUTH_INFO_RESPONSE)
            message.add_int(len(replies))
            for reply in replies:
                message.add_string(reply)
            answer = self._send(message)
        return answer

    def _begin(self, method: str) -> Message:
        self.auth_method = method
        message = Message()
        message.add_byte(cMSG_USERAUTH_REQUEST)
        message.add_string(self.username or "")
        message.add_string(_SERVICE)
        message.add_string(method)
        return message

    def _send(self, message: Message, *, ahead: bool = False) -> Answer:
        try:
            if not self._introduced:
                self._introduced = True
                request = Message()
                request.add_byte(cMSG_SERVICE_REQUEST)
                request.add_string("ssh-userauth")
                self._link._send_message(request)
            self._link._send_message(message)
            if ahead:
                self._link.ahead.ask(self._link.remote_version)
        except (EOFError, OSError, paramiko.SSHException, ConnectionLostError):
            return Answer("lost")
        return self._wait()

    def _wait(self) -> Answer:
        waited = 0.0
        while waited < self._patience:
            try:
                return self._answers.get(timeout=0.5)
            except queue.Empty:
                waited += 0.5
                if not self._link.is_active():
                    return Answer("lost")
        raise ConnectionLostError(f"The SSH server did not answer the login within {self._patience:g} s")

    # -- called on the transport thread

    def _parse_userauth_success(self, m: Message) -> None:
        super()._parse_userauth_success(m)
        self._answers.put(Answer("success"))

    def _parse_userauth_failure(self, m: Message) -> None:
        methods = tuple(m.get_list())
        self._answers.put(Answer("failure", methods, m.get_boolean()))

    def _parse_userauth_info_request(self, m: Message) -> None:
        """Message 60 means PK_OK after a probe, and questions after keyboard-interactive."""
        kind = "proceed" if self.auth_method == "publickey" else "questions"
        self._answers.put(Answer(kind, message=m))

    def abort(self) -> None:
        """Wake the waiting thread when the connection ends."""
        self._answers.put(Answer("lost"))


def _ask(message: Message, prompter: Prompter, user: str) -> list[str] | None:
    title, instruction, _ = (plain(message.get_string()) for _ in range(3))
    replies = []
    for number in range(min(message.get_int(), 32)):
        prompt, _echo = plain(message.get_string()), message.get_boolean()
        heading = " ".join(part for part in (title, instruction) if part) if number == 0 else ""
        reply = prompter.secret(f"{heading}\n" * bool(heading) + f"({user}) {prompt}")
        if reply is None:
            return None
        replies.append(reply)
    return replies
