"""From a byte stream to an authenticated SSH transport: algorithms, key exchange, host key, login.

Importing this module loads paramiko and its cryptography, which takes longer than a TCP connection: connection.py
imports it while the stream is being opened.
"""

import re
import socket
import time
from typing import Any

import paramiko

from srctl.errors import UnreachableError
from srctl.tunnel.ahead import Opening
from srctl.tunnel.dial import GREETING
from srctl.tunnel.errors import HostKeyError, HungUpError, plain
from srctl.tunnel.hostkey import HostKeyCheck
from srctl.tunnel.keys import Identity
from srctl.tunnel.known_hosts import key_type
from srctl.tunnel.login import log_in
from srctl.tunnel.prompter import Prompter
from srctl.tunnel.settings import Settings
from srctl.tunnel.transport import Transport

_SHORTEST_LOGIN = 20.0
"""Seconds to allow a server for an answer during login: PAM and name look-ups there are slow at times."""

_CIPHERS_FIRST = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
_SAME = {"curve25519-sha256": "curve25519-sha256@libssh.org"}
_FULL = ("Exceeded MaxStartups", "Not allowed at this time")
"""What sshd says to those whom it drops because too many are logging in; from 9.8 on the latter, and also to an address
that is kept out for a while (PerSourcePenalties)."""

_WEAK = {"3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc", "hmac-md5", "hmac-md5-96", "hmac-sha1-96"}


def shake_hands(
    stream: Any,
    settings: Settings,
    deadline: float,
    prompter: Prompter | None,
    proven: Identity | None,
    wanted: tuple[Opening, ...] = (),
) -> tuple[Transport, Identity | None]:
    """Return the transport and the key that opened it; channels that are `wanted` soon may be asked for ahead.

    `GREETING` has been said on the stream.
    Raises `UnreachableError` and closes the stream.
    """
    transport = Transport(stream)
    transport.local_version = GREETING.decode().rstrip()
    transport.packetizer.said = GREETING
    transport.ahead.wanted = wanted
    try:
        check = HostKeyCheck(settings)
        _restrict(transport, settings, check)
        _exchange_keys(transport, settings, deadline)
        check.approve(_host_key(transport, settings), prompter)
        patience = max(_SHORTEST_LOGIN, deadline - time.monotonic())
        proven = log_in(transport, settings, None if settings.batch_mode else prompter, proven, patience)
    except BaseException:
        transport.close()
        if transport.ident is None:  # its thread lets go of everything, but was not started
            transport.packetizer.end("it was not begun")
        stream.close()
        raise
    return transport, proven


def _host_key(transport: Transport, settings: Settings) -> bytes:
    """Return the key or certificate with which the server has signed the exchange, of the type that was agreed on."""
    key: Any = transport.get_remote_server_key()
    shown: bytes = key.asbytes() if key.public_blob is None else key.public_blob.key_blob
    agreed = re.sub(r"^rsa-sha2-(256|512)", "ssh-rsa", transport.host_key_type or "")
    if key_type(shown) != agreed:
        raise HostKeyError(f"{settings} shows a host key of another type than it has announced")
    return shown


def _restrict(transport: Transport, settings: Settings, check: HostKeyCheck) -> None:
    """Offer what both the configuration and paramiko allow, the fastest cipher first."""
    permitted = settings.algorithms
    ciphers = sorted(transport.preferred_ciphers, key=lambda name: name not in _CIPHERS_FIRST)
    options = transport.get_security_options()
    options.ciphers = _common(ciphers, permitted.ciphers, "Ciphers", settings)
    options.digests = _common(transport.preferred_macs, permitted.macs, "MACs", settings)
    options.kex = _common(transport.preferred_kex, permitted.kex, "KexAlgorithms", settings)
    usable = transport.host_key_types
    transport.host_key_algorithms = check.algorithms(usable)
    if not transport.host_key_algorithms:
        raise _nothing_common("HostKeyAlgorithms", settings)


def _common(possible: Any, permitted: tuple[str, ...] | None, option: str, settings: Settings) -> tuple[str, ...]:
    if permitted is None:
        return tuple(name for name in possible if name not in _WEAK)
    allowed = {*permitted, *(_SAME[name] for name in permitted if name in _SAME)}
    found = tuple(name for name in possible if name in allowed)
    if not found:
        raise _nothing_common(option, settings)
    return found


def _nothing_common(option: str, settings: Settings) -> UnreachableError:
    return UnreachableError(
        f"{option} in the ssh configuration for {settings.alias} permits nothing that srctl can do",
        f"Permit more, or take {option} out for this host",
    )


def _exchange_keys(transport: Transport, settings: Settings, deadline: float) -> None:
    left = max(0.5, deadline - time.monotonic())
    transport.banner_timeout = transport.handshake_timeout = left
    try:
        transport.start_client(timeout=left)
        if not transport.initial_kex_done:  # paramiko returns as if all were well when the time is up
            raise TimeoutError
    except (paramiko.SSHException, OSError, EOFError) as error:
        late = time.monotonic() >= deadline - 0.2
        raise _failed(settings, error, transport.packetizer.heard_first, late=late) from error


def _failed(settings: Settings, error: Exception, heard: str, *, late: bool) -> UnreachableError:
    place = f"{settings.hostname}, port {settings.port}"
    if late or isinstance(error, socket.timeout | TimeoutError):
        return UnreachableError(
            f"{place}, accepts connections but does not answer as an SSH server in time",
            "Is it an SSH server, and not overloaded? A longer ConnectTimeout gives it more time",
        )
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return UnreachableError(f"{place}: no algorithm in common ({plain(str(error))})", "Is the server very old?")
    said = "" if heard.startswith("SSH-") else plain(heard, 100)
    reason = plain(str(error)) or "it hung up"
    kind = HungUpError if _hung_up(error) and (not said or said.startswith(_FULL)) else UnreachableError
    return kind(
        f"The SSH handshake with {place}, failed: {reason}{said and f'. It said: {said}'}",
        "A server that hangs up at once may be full (MaxStartups) or may keep this address out",
    )


def _hung_up(error: Exception) -> bool:
    """Tell whether the stream ended; paramiko wraps that where it waits for the server's first line."""
    return any(isinstance(each, EOFError | ConnectionError) for each in (error, error.__context__))
