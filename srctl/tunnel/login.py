"""Tries what a person has until the server lets them in, and has the words for it when nothing works.

Keys come first, then the server's questions, then a password; only the last two, and locked keys, need a person. The
key that worked comes back, so that a later login needs neither search nor person.
"""

import contextlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from srctl.errors import UnreachableError
from srctl.tunnel.agent import Agent
from srctl.tunnel.authentication import Answer, UserAuthentication
from srctl.tunnel.candidates import candidates
from srctl.tunnel.errors import KeyLockedError, LoginNeededError
from srctl.tunnel.keys import Identity, KeyUnusableError, file_identity
from srctl.tunnel.prompter import Prompter
from srctl.tunnel.settings import Settings
from srctl.tunnel.transport import Transport

_TOO_MANY = "authentication failures"
"""What sshd's last words say after too many keys."""


def log_in(
    transport: Transport, settings: Settings, prompter: Prompter | None, proven: Identity | None, patience: float
) -> Identity | None:
    """Authenticate; return the key that worked, if it was a key. `patience` is for each answer, in seconds.

    Raises `LoginNeededError` telling what was tried, or `UnreachableError` when the connection broke meanwhile.
    """
    login = _Login(UserAuthentication(transport, settings.user, patience), settings)
    with contextlib.closing(Agent(settings.identity_agent)) as agent:
        for identity in _offered(settings, agent, prompter, proven, login):
            if not login.may("publickey"):
                break
            login.key(identity)
            if login.done:
                return identity
    if prompter is not None:
        _ask_person(login, settings, prompter)
    if not login.done:
        raise login.failure()
    return None


def _ask_person(login: "_Login", settings: Settings, prompter: Prompter) -> None:
    for method in ("keyboard-interactive", "password"):
        for _ in range(settings.password_prompts):
            if not login.may(method):
                break
            if method == "password":
                login.password(prompter)
            else:
                login.interactive(prompter)


def _offered(
    settings: Settings, agent: Agent, prompter: Prompter | None, proven: Identity | None, login: "_Login"
) -> Iterator[Identity]:
    """Yield the key that worked before, then the others; nothing is read before it is needed."""
    if proven is not None:
        yield proven
    if login.may("publickey"):
        load = partial(_from_file, prompter=prompter, login=login, explicit=not settings.default_identities)
        for identity in candidates(settings, agent.identities(), load):
            if proven is None or identity.blob != proven.blob:
                yield identity


def _from_file(path: Path, prompter: Prompter | None, login: "_Login", *, explicit: bool) -> Identity | None:
    try:
        return file_identity(path, prompter)
    except FileNotFoundError:
        if explicit:
            login.skip(str(path), "there is no such file")
    except KeyUnusableError as error:
        login.skip(str(path), str(error))
        login.locked = True
    return None


class _Login:
    """Tries what a person has, in order, and remembers what was tried for the error message."""

    def __init__(self, auth: UserAuthentication, settings: Settings) -> None:
        self._auth = auth
        self._settings = settings
        self._server_methods: tuple[str, ...] | None = None
        self.tried: list[str] = []
        self.done = False
        self.lost = False
        self.given_up = False
        self.locked = False

    def may(self, method: str) -> bool:
        """Tell whether a method is worth a try: permitted here, and not refused by the server so far."""
        if self.done or self.lost or self.given_up or method not in self._settings.methods:
            return False
        return self._server_methods is None or method in self._server_methods

    def key(self, identity: Identity) -> bool:
        """Try one key; whether it did its part of the login."""
        algorithm = next((a for a in identity.algorithms if self._permits(a)), None)
        if algorithm is None:
            self.tried.append(f"{identity.label} (PubkeyAcceptedAlgorithms excludes its type)")
            return False
        try:
            if identity.locked:
                probed = self._auth.offer(identity, algorithm, probe=True)
                if probed.kind != "proceed":
                    return self._note(identity.label, probed)
            answer = self._auth.offer(identity, algorithm, probe=False)
        except KeyUnusableError as error:
            self.tried.append(f"{identity.label} ({error})")
            self.locked = True
            return False
        return self._note(identity.label, answer)

    def interactive(self, prompter: Prompter) -> bool:
        """Let the server ask."""
        return self._note("keyboard-interactive", self._auth.interactive(prompter))

    def password(self, prompter: Prompter) -> bool:
        """Ask for a password and offer it."""
        secret = prompter.secret(f"{self._settings}'s password:")
        return self._note("password", Answer("given up") if secret is None else self._auth.offer_password(secret))

    def skip(self, label: str, why: str) -> None:
        """Note something that was not tried."""
        self.tried.append(f"{label} ({why})")

    def failure(self) -> UnreachableError:
        """Return the error that tells what was tried."""
        place, tried = self._settings, ", ".join(self.tried) or "nothing, as there was no key to try"
        if self.lost:
            kind = LoginNeededError if _TOO_MANY in self._auth.cause.lower() else UnreachableError
            return kind(
                f"{place} hung up during the login: {self._auth.cause}. Tried: {tried}",
                f"After too many keys a server does that: name the right one with IdentityFile for {place.alias}",
            )
        wanted = ", ".join(self._server_methods or ()) or "nothing that was said"
        kind = KeyLockedError if self.locked else LoginNeededError
        return kind(
            f"{place} does not let you in. Tried: {tried}. The server accepts: {wanted}",
            f"Does `ssh {place.alias}` work? srctl asks for passwords and passphrases only on a terminal",
        )

    def _permits(self, algorithm: str) -> bool:
        accepted = self._settings.algorithms.public_keys
        return accepted is None or algorithm in accepted

    def _note(self, label: str, answer: Answer) -> bool:
        self.done = answer.kind == "success"
        self.lost = answer.kind == "lost"
        self.given_up = answer.kind == "given up"
        if answer.kind == "failure":
            self._server_methods = answer.methods or self._server_methods
        if not self.done:
            self.tried.append(label + (" (accepted, but more is wanted)" if answer.partial else ""))
        return self.done or answer.partial
