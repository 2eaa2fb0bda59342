"""Certificates of hosts, as ssh-keygen makes them."""

import base64
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from srctl.tunnel.certificates import AUTHORITY_ALGORITHMS, fault, read_certificate

Make = Callable[..., bytes]
NOW = time.time()


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a certificate; return its bytes on the wire."""

    def run(*command: str | Path) -> None:
        subprocess.run(["ssh-keygen", "-q", *command], check=True, stdin=subprocess.DEVNULL)

    def certificate(
        *options: str, authority: str = "ed25519", key: str = "ed25519", names: str = "box,10.0.0.1"
    ) -> bytes:
        for name, kind in (("ca", authority), ("key", key)):
            if not (tmp_path / f"{name}-{kind}").exists():
                run("-t", kind, "-N", "", "-f", tmp_path / f"{name}-{kind}")
        principals = ["-n", names] if names else []
        run("-s", tmp_path / f"ca-{authority}", "-I", "id", "-h", *principals, *options, tmp_path / f"key-{key}.pub")
        return base64.b64decode((tmp_path / f"key-{key}-cert.pub").read_text().split()[1])

    return certificate


def judged(blob: bytes, host: str = "box", now: float = NOW, permitted: tuple[str, ...] | None = None) -> str | None:
    return fault(read_certificate(blob), host, now, permitted)


@pytest.mark.parametrize("authority", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("key", ["ed25519", "ecdsa", "rsa"])
def test_every_type_of_key_is_read_and_every_type_of_authority_checked(
    make: Make, tmp_path: Path, authority: str, key: str
) -> None:
    blob = make(authority=authority, key=key)
    assert judged(blob) is None
    assert judged(blob, "10.0.0.1") is None
    plain = base64.b64decode((tmp_path / f"key-{key}.pub").read_text().split()[1])
    assert read_certificate(blob).key == plain


@pytest.mark.parametrize("bits", ["384", "521"])
def test_larger_curves_are_checked_with_their_own_digests(make: Make, tmp_path: Path, bits: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-b", bits, "-N", "", "-f", tmp_path / "ca-ecdsa"], check=True)
    assert judged(make(authority="ecdsa")) is None


@pytest.mark.parametrize(
    ("options", "host", "why"),
    [
        ({}, "other", "it is for box, 10.0.0.1, not for other"),
        ({"names": ""}, "box", "no host"),
        ({"names": "*"}, "box", "not for box"),
    ],
)
def test_a_certificate_is_for_the_hosts_that_it_names(make: Make, options: dict[str, str], host: str, why: str) -> None:
    assert why in str(judged(make(**options), host))


def test_a_certificate_counts_in_its_time_only(make: Make) -> None:
    blob = make("-V", "20250101000000Z:20250201000000Z")
    assert judged(blob, now=1736899200) is None
    assert judged(blob, now=1735689599) == "it is not valid yet"
    assert judged(blob, now=1738368000) == "it has expired"


def test_a_certificate_for_a_user_is_none_for_a_host(make: Make) -> None:
    assert judged(make("-h")) is None
    blob = replace(read_certificate(make()), kind=1)
    assert fault(blob, "box", NOW, None) == "it is not for a host"


def test_critical_options_are_refused(make: Make) -> None:
    assert "critical" in str(judged(make("-O", "critical:odd@example.org=1")))


def test_an_authority_signs_with_permitted_algorithms_only(make: Make) -> None:
    rsa = make("-t", "rsa-sha2-256", authority="rsa")
    assert judged(rsa) is None
    assert "rsa-sha2-256" in str(judged(rsa, permitted=("rsa-sha2-512",)))
    old = make("-t", "ssh-rsa", authority="rsa")
    assert "ssh-rsa" in str(judged(old))
    assert judged(old, permitted=(*AUTHORITY_ALGORITHMS, "ssh-rsa")) == "its signature is wrong"


def test_a_certificate_with_any_byte_changed_vouches_for_nobody(make: Make) -> None:
    blob = make()
    accepted = 0
    for position in range(len(blob)):
        changed = blob[:position] + bytes([blob[position] ^ 1]) + blob[position + 1 :]
        try:
            accepted += (
                judged(changed) is None and read_certificate(changed).authority == read_certificate(blob).authority
            )
        except ValueError:
            continue
    assert accepted == 0


@pytest.mark.parametrize(
    "change", [lambda blob: blob[:-1], lambda blob: blob + b"\0", lambda _: b"", lambda _: b"\0" * 8]
)
def test_malformed_certificates_are_errors(make: Make, change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ValueError, match=r"it|support"):
        read_certificate(change(make()))
