"""Which keys a login offers, in which order.

The order is OpenSSH's: keys of the agent that the configuration names, the agent's other keys, then what only lies in
files. It matters: a server may do different things for different keys. Two things differ. Keys that need a person, for
a passphrase or a touch, come after those that need nobody. And an sshd hangs up after six keys, so where the agent
holds more than that, the named files come before its last ones.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from srctl.tunnel.keys import Identity, certificate_at, certified_key, public_part, with_certificate
from srctl.tunnel.settings import Settings

MOST_TRIES = 6
"""What sshd allows unless told otherwise (MaxAuthTries)."""

Load = Callable[[Path], Identity | None]


def candidates(settings: Settings, held: Sequence[Identity], load: Load) -> Iterator[Identity]:
    """Yield each key once; `held` are the agent's, `load` reads a file when its turn has come."""
    files = _Files(settings, held, load)
    preferred = [identity for identity in held if identity.blob in files.listed]
    others = [] if settings.identities_only else [one for one in held if one.blob not in files.listed]
    room = max(0, MOST_TRIES - len(preferred) - files.count)
    locked: list[Identity] = []
    for identity in chain(preferred, others[:room], files.identities(), others[room:]):
        if identity.locked:
            locked.append(identity)
        else:
            yield identity
    yield from locked


class _Files:
    """The keys and certificates that the configuration names."""

    def __init__(self, settings: Settings, held: Sequence[Identity], load: Load) -> None:
        self._load = load
        self._loaded: dict[Path, Identity | None] = {}
        self._held = {identity.blob: identity for identity in held}
        self._keys = {path: public_part(path) for path in settings.identity_files}
        self._named = [found for path in settings.certificate_files if (found := certificate_at(path))]
        self._beside = (
            {} if settings.certificate_files else {path: certificate_at(_beside(path)) for path in self._keys}
        )
        self.listed = {blob for blob in (*self._keys.values(), *self._named, *self._beside.values()) if blob}
        """The public keys and certificates that the agent may hold too."""

    @property
    def count(self) -> int:
        """How many keys will come from files, at most."""
        paths = [path for path, blob in self._keys.items() if blob not in self._held and path.exists()]
        certificates = [one for one in (*self._named, *self._beside.values()) if one and one not in self._held]
        return len(paths) + len(certificates)

    def identities(self) -> Iterator[Identity]:
        """Yield what the agent does not hold, in the order of the configuration."""
        for path, blob in self._keys.items():
            if blob not in self._held:
                yield from filter(None, [self._from(path)])
            yield from self._certified(self._beside.get(path))
        for certificate in self._named:
            yield from self._certified(certificate)

    def _certified(self, certificate: bytes | None) -> Iterator[Identity]:
        if certificate and certificate not in self._held:
            key = certified_key(certificate)
            signer = self._held.get(key or b"") or self._signer(key)
            if signer is not None:
                yield with_certificate(signer, certificate)

    def _signer(self, key: bytes | None) -> Identity | None:
        for path, blob in self._keys.items():
            if blob in (key, None):
                found = self._from(path)
                if found is not None and found.blob == key:
                    return found
        return None

    def _from(self, path: Path) -> Identity | None:
        if path not in self._loaded:
            self._loaded[path] = self._load(path)
        return self._loaded[path]


def _beside(path: Path) -> Path:
    return path.with_name(path.name + "-cert.pub")
