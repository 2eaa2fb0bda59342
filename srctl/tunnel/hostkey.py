"""Decides whether the key that a server has shown is the host's: yes, ask the person, or refuse.

A certificate counts when an authority that known_hosts trusts for the host has signed it for this host. Nothing is ever
accepted in silence but what ssh_config allows (`accept-new`). The words of the question are
OpenSSH's, since people know them.
"""

import shlex
import time

from srctl.tunnel.certificates import CERTIFICATE, Certificate, fault, read_certificate
from srctl.tunnel.errors import HostKeyError, plain
from srctl.tunnel.keys import rsa_size
from srctl.tunnel.known_hosts import KnownHost, KnownHosts, Verdict, fingerprint, host_name, key_type, remember
from srctl.tunnel.prompter import Prompter
from srctl.tunnel.settings import Settings

_KINDS = {"ssh-ed25519": "ED25519", "ssh-rsa": "RSA"}
_RSA = ("rsa-sha2-512", "rsa-sha2-256")


class HostKeyCheck:
    """The check of one host against the known_hosts files that its settings name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known = KnownHosts([*settings.known_hosts, *settings.global_known_hosts])
        self.name = host_name(settings.hostname, settings.port, settings.host_key_alias)
        plain_name = settings.hostname.lower()
        self._names = (self.name,) if settings.host_key_alias or self.name == plain_name else (self.name, plain_name)

    def algorithms(self, possible: tuple[str, ...]) -> tuple[str, ...]:
        """Return the host key algorithms to ask for, as OpenSSH orders them.

        Certificates come first where an authority is trusted for the host, then keys of the types that we know.
        """
        permitted = self._settings.algorithms.host_keys
        certificates = tuple(name + CERTIFICATE for name in possible) if self._authorities() else ()
        usable = [name for name in (*certificates, *possible) if permitted is None or name in permitted]
        types = next(filter(None, map(self._known.key_types, self._names)), ())
        first = {*certificates, *(name for kind in types for name in (_RSA if kind == "ssh-rsa" else (kind,)))}
        return tuple(sorted(usable, key=lambda name: name not in first))

    def approve(self, blob: bytes, prompter: Prompter | None) -> None:
        """Return when the key, or certificate, is the host's. Raises `HostKeyError` otherwise."""
        key, doubt = blob, ""
        if key_type(blob).endswith(CERTIFICATE):
            certificate = self._certificate(blob)
            key = certificate.key
            self._refuse_revoked(certificate.authority)
            doubt = self._doubt(certificate)
        size = rsa_size(key)
        if size is not None and size < self._settings.required_rsa_size:
            raise HostKeyError(f"The RSA host key of {self.name} has only {size} bits", "The host needs a new one")
        self._refuse_revoked(key)
        if key == blob or doubt:  # OpenSSH too falls back to the key alone
            self._approve_key(key, doubt, prompter)

    def _certificate(self, blob: bytes) -> Certificate:
        try:
            return read_certificate(blob)
        except ValueError as error:
            raise HostKeyError(f"The host certificate of {self.name} cannot be read: {plain(str(error))}") from error

    def _doubt(self, certificate: Certificate) -> str:
        """Return why a certificate does not prove that the host is the right one; empty when it does."""
        if not any(line.blob == certificate.authority for line in self._authorities()):
            return "its certificate is signed by nobody that known_hosts names as @cert-authority for it"
        settings = self._settings
        host = settings.host_key_alias or settings.hostname
        why = fault(certificate, host, time.time(), settings.algorithms.authorities)
        return f"its certificate does not count: {plain(why)}" if why else ""

    def _authorities(self) -> list[KnownHost]:
        return [line for name in self._names for line in self._known.authorities(name)]

    def _refuse_revoked(self, key: bytes) -> None:
        for name in self._names:
            verdict, line = self._known.check(name, key)
            if verdict is Verdict.REVOKED and line is not None:
                raise HostKeyError(
                    f"A key that {self.name} relies on ({_shown(key)}) is revoked by {line.where}",
                    "The key is known to be in wrong hands: do not connect; ask the host's administrator",
                )

    def _approve_key(self, key: bytes, doubt: str, prompter: Prompter | None) -> None:
        for name in self._names:  # OpenSSH takes the key of the same host on port 22 too
            verdict, line = self._known.check(name, key)
            if verdict is Verdict.KNOWN:
                return
            if verdict is Verdict.CHANGED and line is not None and name == self.name:
                raise self._changed(line, key)
        self._consider_unknown(key, doubt, prompter)

    def _consider_unknown(self, key: bytes, doubt: str, prompter: Prompter | None) -> None:
        settings = self._settings
        if not settings.known_hosts:  # ssh too accepts nothing new that it could not remember
            raise self._unknown(key, doubt)
        if settings.strict == "accept-new":
            self._remember(key)
            return
        if settings.strict == "yes" or prompter is None or settings.batch_mode:
            raise self._unknown(key, doubt)
        note = f"No certificate vouches for it: {doubt}.\n" if doubt else ""
        agreed = prompter.confirm(
            f"The authenticity of host '{self.name}' can't be established.\n"
            f"{_kind(key)} key fingerprint is {fingerprint(key)}.\n{note}"
            "Are you sure you want to continue connecting (yes/no)?"
        )
        if not agreed:
            raise HostKeyError(f"The host key of {self.name} was not accepted", "Compare its fingerprint first")
        self._remember(key)

    def _remember(self, key: bytes) -> None:
        path = self._settings.known_hosts[0]
        try:
            remember(path, self.name, key, hashed=self._settings.hash_known_hosts)
        except OSError as error:
            raise HostKeyError(
                f"The host key of {self.name} cannot be written to {path}: {error.strerror}",
                "Make the file writable, or name another one as UserKnownHostsFile",
            ) from error

    def _unknown(self, key: bytes, doubt: str) -> HostKeyError:
        settings = self._settings
        path = settings.known_hosts[0] if settings.known_hosts else "a UserKnownHostsFile"
        trusted = next((f" ({line.where} trusts an authority for it)" for line in self._authorities()), "")
        also = f"; {doubt}{trusted}" if doubt else f"; it shows no certificate{trusted}" if trusted else ""
        port = f"-p {settings.port} " if settings.port != 22 else ""
        return HostKeyError(
            f"The host key of {self.name} is not known: {_shown(key)}{also}",
            f"Compare the fingerprint with what the host's administrator says, then run "
            f"`ssh {port}{shlex.quote(f'{settings.user}@{settings.alias}')}` once, "
            f"or: ssh-keyscan {port}-t {_kind(key).lower()} {settings.hostname} >> {path}",
        )

    def _changed(self, line: KnownHost, key: bytes) -> HostKeyError:
        return HostKeyError(
            f"WARNING: THE HOST KEY OF {self.name} HAS CHANGED! It now shows {_shown(key)}; {line.where} has another "
            f"{_kind(line.blob)} key. Someone may be listening in, or the host was set up anew",
            f"Ask the host's administrator. If the new key is right: ssh-keygen -f {line.path} -R '{self.name}'",
        )


def _shown(key: bytes) -> str:
    return f"{_kind(key)} {fingerprint(key)}"


def _kind(blob: bytes) -> str:
    kind = key_type(blob)
    return _KINDS.get(kind) or ("ECDSA" if kind.startswith("ecdsa-") else plain(kind, 40))
