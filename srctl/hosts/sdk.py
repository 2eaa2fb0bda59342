"""The one place that imports the Docker SDK.

The SDK imports paramiko for an SSH transport of its own that we never use; that is half of its import time, so that
transport is kept out. (Hiding paramiko itself instead would break a connection that imports it in another thread.)
"""

import sys

sys.modules.setdefault("docker.transport.sshconn", None)  # type: ignore[arg-type]

import docker  # noqa: E402 - after the line above
import requests  # noqa: E402
import urllib3  # noqa: E402

__all__ = ["docker", "requests", "urllib3"]
