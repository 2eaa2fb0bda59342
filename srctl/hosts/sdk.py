"""The one place that imports the Docker SDK.

The SDK imports paramiko for an SSH transport of its own, and requests a guesser of text encodings; neither is ever
used, since SSH is ours and engines speak UTF-8. They are more than half of its import time, so they are kept out.
(Hiding paramiko itself would break a login that imports it in another thread at the same moment.)
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_GUESSERS = ("chardet", "charset_normalizer")

sys.modules.setdefault("docker.transport.sshconn", None)  # type: ignore[arg-type]


@contextmanager
def _without_guessers() -> Iterator[None]:
    hidden = [name for name in _GUESSERS if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Unable to find acceptable character detection")
            yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _without_guessers():
    import docker
    import requests
    import urllib3

__all__ = ["docker", "requests", "urllib3"]
