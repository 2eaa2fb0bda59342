"""The one place that imports the Docker SDK.

The SDK imports paramiko for an SSH transport of its own that we never use; that is half of its import time, so it
is kept from finding it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _without_paramiko() -> Iterator[None]:
    if "paramiko" in sys.modules:
        yield
        return
    sys.modules["paramiko"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["paramiko"]


with _without_paramiko():
    import docker
    import requests
    import urllib3

__all__ = ["docker", "requests", "urllib3"]
