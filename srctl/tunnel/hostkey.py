"""Decides whether the key that a server has shown is the host's: yes, ask the person, or refuse.

Nothing is ever accepted in silence but what ssh_config allows (`accept-new`). The words of the question are
OpenSSH's, since people know them.
"""

import shlex

from srctl.tunnel.errors import HostKeyError, plain
from srctl.tunnel.keys import rsa_size
from srctl.tunnel.known_hosts import KnownHost, KnownHosts, Verdict, fingerprint, host_name, key_type, remember
from srctl.tunnel.prompter import Prompter
from srctl.tunnel.settings import Settings

_SHOWN = {"ssh-ed25519": "ED25519", "ssh-rsa": "RSA"}
_RSA = ("rsa-sha2-512", "rsa-sha2-256")


class HostKeyCheck:
    """The check of one host against the known_hosts files that its settings name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known = KnownHosts([*settings.known_hosts, *settings.global_known_hosts])
        self.name = host_name(settings.hostname, settings.port, settings.host_key_alias)

    def algorithms(self, possible: tuple[str, ...]) -> tuple[str, ...]:
        """Return the host key algorithms to ask for: those whose key we know first, as OpenSSH does."""
        permitted = self._settings.algorithms.host_keys
        usable = [name for name in possible if permitted is None or name in permitted]
        types = self._known.key_types(self.name) or self._known.key_types(self._settings.hostname)
        known = {name for kind in types for name in (_RSA if kind == "ssh-rsa" else (kind,))}
        return tuple(sorted(usable, key=lambda name: name not in known))

    def approve(self, blob: bytes, prompter: Prompter | None) -> None:
        """Return when the key is the host's. Raises `HostKeyError` otherwise."""
        size = rsa_size(blob)
        if size is not None and size < self._settings.required_rsa_size:
            raise HostKeyError(f"The RSA host key of {self.name} has only {size} bits", "The host needs a new one")
        verdict, line = self._known.check(self.name, blob)
        if verdict is Verdict.UNKNOWN and self._known_without_port(blob):
            return
        if verdict is Verdict.UNKNOWN:
            self._consider_unknown(blob, line, prompter)
        elif verdict is not Verdict.KNOWN and line is not None:
            raise self._refusal(verdict, line, blob)

    def _known_without_port(self, blob: bytes) -> bool:
        """Accept the key that the same host shows on port 22, as OpenSSH does."""
        if not self.name.startswith("[") or self._settings.host_key_alias:
            return False
        verdict, line = self._known.check(self._settings.hostname, blob)
        if verdict is Verdict.REVOKED and line is not None:
            raise self._refusal(verdict, line, blob)
        return verdict is Verdict.KNOWN

    def _consider_unknown(self, blob: bytes, other: KnownHost | None, prompter: Prompter | None) -> None:
        settings = self._settings
        if settings.strict == "accept-new" and other is None:
            self._remember(blob)
            return
        if settings.strict == "yes" or prompter is None or settings.batch_mode:
            raise self._unknown(blob, other)
        note = f"{other.where} holds a key of another type for this host.\n" if other else ""
        agreed = prompter.confirm(
            f"The authenticity of host '{self.name}' can't be established.\n"
            f"{_kind(blob)} key fingerprint is {fingerprint(blob)}.\n{note}"
            "Are you sure you want to continue connecting (yes/no)?"
        )
        if not agreed:
            raise HostKeyError(f"The host key of {self.name} was not accepted", "Compare its fingerprint first")
        self._remember(blob)

    def _remember(self, blob: bytes) -> None:
        for path in self._settings.known_hosts[:1]:
            try:
                remember(path, self.name, blob, hashed=self._settings.hash_known_hosts)
            except OSError as error:
                raise HostKeyError(
                    f"The host key of {self.name} cannot be written to {path}: {error.strerror}",
                    "Make the file writable, or name another one as UserKnownHostsFile",
                ) from error

    def _unknown(self, blob: bytes, other: KnownHost | None) -> HostKeyError:
        settings = self._settings
        path = settings.known_hosts[0] if settings.known_hosts else "a UserKnownHostsFile"
        also = f" {other.where} holds a key of another type for it." if other else ""
        port = f"-p {settings.port} " if settings.port != 22 else ""
        return HostKeyError(
            f"The host key of {self.name} is not known: {_kind(blob)} {fingerprint(blob)}.{also}",
            f"Compare the fingerprint with what the host's administrator says, then run "
            f"`ssh {port}{shlex.quote(f'{settings.user}@{settings.alias}')}` once, "
            f"or: ssh-keyscan {port}-t {_kind(blob).lower()} {settings.hostname} >> {path}",
        )

    def _refusal(self, verdict: Verdict, line: KnownHost, blob: bytes) -> HostKeyError:
        shown = f"{_kind(blob)} {fingerprint(blob)}"
        if verdict is Verdict.CHANGED:
            return HostKeyError(
                f"WARNING: THE HOST KEY OF {self.name} HAS CHANGED! It now shows {shown}; {line.where} has another "
                f"{_kind(line.blob)} key. Someone may be listening in, or the host was set up anew",
                f"Ask the host's administrator. If the new key is right: ssh-keygen -f {line.path} -R '{self.name}'",
            )
        if verdict is Verdict.REVOKED:
            return HostKeyError(
                f"The host key of {self.name} ({shown}) is revoked by {line.where}",
                "The key is known to be in wrong hands: do not connect; ask the host's administrator",
            )
        return HostKeyError(
            f"{self.name} is trusted through a certificate authority ({line.where}), which srctl cannot check",
            f"Add the host's own key to known_hosts: {shown}, if its administrator confirms it",
        )


def _kind(blob: bytes) -> str:
    kind = key_type(blob)
    return _SHOWN.get(kind) or ("ECDSA" if kind.startswith("ecdsa-") else plain(kind, 40))
