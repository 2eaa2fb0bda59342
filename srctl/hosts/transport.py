"""Make the Docker SDK's client for a host: local socket, TCP with or without TLS, or our own SSH connection."""

import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from srctl.errors import UnreachableError, UsageError
from srctl.hosts.answers import Client, read
from srctl.hosts.endpoints import scheme
from srctl.hosts.sdk import docker, requests, urllib3
from srctl.hosts.unix_adapter import UnixAdapter
from srctl.models import Host

READ_TIMEOUT = 120
"""Seconds without a byte after which a request is given up. Pulls and starts on slow disks take long."""


class _Adapter(requests.adapters.HTTPAdapter):
    """Gives connecting its own, shorter limit, TLS included.

    That something accepts proves nothing, so an engine without TLS is first asked for a sign of life in that time.
    """

    def __init__(self, host: Host, seconds: float, *, tls: bool) -> None:
        self._host = host
        self._seconds = seconds
        self._tls = tls
        self._alive = False
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Take the certificates that the docker command takes: Python 3.13 asks for extensions that many lack."""
        if self._tls:
            asked = ssl.CERT_REQUIRED if self._host.tls_verify else ssl.CERT_NONE
            context = urllib3.util.ssl_.create_urllib3_context(cert_reqs=asked)
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            options["ssl_context"] = context
        super().init_poolmanager(*args, **options)

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        """Send a request. Raises `UnreachableError` when nothing answers."""
        if not self._alive and request.url.startswith("http://"):
            parts = urlsplit(request.url)
            ping = requests.Request("GET", f"http://{parts.netloc}/_ping").prepare()
            answer = self._send(ping, (), options | {"timeout": (self._seconds, self._seconds)})
            read(answer)  # so that its connection serves the request too
            self._alive = True
        return self._send(request, args, options | {"timeout": (self._seconds, options.get("timeout"))})

    def _send(self, request: Any, args: Any, options: Any) -> Any:
        begun = time.monotonic()
        try:
            return super().send(request, *args, **options)
        except requests.exceptions.Timeout as error:
            connecting = time.monotonic() - begun < READ_TIMEOUT
            raise UnreachableError(
                f"Docker on {self._host.name} ({self._host.url}) did not answer within "
                f"{self._seconds if connecting else READ_TIMEOUT:g} s",
                "Is it up, and does a firewall let you through? For a slow line, set connect_timeout in the config file"
                if connecting
                else f"Look whether it hangs: srctl host check {self._host.name}",
            ) from error


def client(host: Host, link: Any, version: str, timeout: float) -> Any:
    """Return a client; no request is made yet. `link` is the SSH connection of an `ssh://` host.

    Raises `UsageError` for certificates or a config file of Docker's that can't be used.
    """
    try:
        return _client(host, link, version, timeout)
    except (docker.errors.InvalidConfigFile, AttributeError, TypeError, ValueError, RecursionError) as error:
        path = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
        raise UsageError(f"Docker's config file {path} can't be used: {error}", "Mend it or move it away") from error


def _client(host: Host, link: Any, version: str, timeout: float) -> Any:
    kind = scheme(host)
    if kind == "ssh":
        from srctl.hosts import ssh_adapter

        return ssh_adapter.api_client(link, version, timeout=READ_TIMEOUT)
    if kind in ("unix", "npipe"):
        api = Client(base_url=host.url, version=version, timeout=READ_TIMEOUT)
        api.trust_env = False
        if kind == "unix":
            api.mount("http+docker://", UnixAdapter(urlsplit(host.url).path, timeout))
        return api
    tls = _tls(host)
    url = host.url.replace("tcp://", "https://" if tls else "http://", 1)
    api = Client(base_url=url, version=version, timeout=READ_TIMEOUT, tls=tls or False)
    # else REQUESTS_CA_BUNDLE would replace our authority, and a .netrc our (missing) login
    api.trust_env = False
    api.proxies = requests.utils.get_environ_proxies(url)
    for prefix in ("http://", "https://"):
        api.mount(prefix, _Adapter(host, timeout, tls=tls is not None))
    return api


def _tls(host: Host) -> docker.tls.TLSConfig | None:
    """Return the TLS settings from a folder with `ca.pem`, `cert.pem` and `key.pem`, as the docker command reads it."""
    if host.tls_dir is None:
        return docker.tls.TLSConfig(verify=True) if host.url.startswith("https://") else None
    folder = Path(host.tls_dir).expanduser()
    ca, cert, key = folder / "ca.pem", folder / "cert.pem", folder / "key.pem"
    for path in (ca, cert, key):
        if not path.is_file() and (path != ca or host.tls_verify):
            raise UsageError(f"The TLS file {path} of {host.name} is missing", "Check DOCKER_CERT_PATH or the host")
    _check_pem(host, cert, lambda context: context.load_cert_chain(cert, key))
    if host.tls_verify:
        _check_pem(host, ca, lambda context: context.load_verify_locations(ca))
    if not host.tls_verify:  # this was asked for; the library would say so at each request
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return docker.tls.TLSConfig(
        client_cert=(str(cert), str(key)), ca_cert=str(ca) if host.tls_verify else None, verify=host.tls_verify
    )


def _check_pem(host: Host, path: Path, load: Callable[[ssl.SSLContext], None]) -> None:
    try:
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or error.strerror or str(error)
        raise UsageError(
            f"The TLS certificate {path} of {host.name} can't be used: {reason.lower().replace('_', ' ')}",
            "It must be PEM, as the docker command takes it, and key.pem must belong to cert.pem",
        ) from error
