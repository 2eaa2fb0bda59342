"""Reading public keys: what ssh-keygen says is what we say, and what should not come in does not."""

import base64
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srctl.errors import UsageError
from srctl.public_keys import parse_keys


def keygen(folder: Path, *options: str) -> Path:
    path = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-C", "a comment", "-f", path, *options], check=True)
    return path.with_suffix(".pub")


def line(kind: str, *fields: bytes) -> str:
    body = b"".join(struct.pack(">I", len(field)) + field for field in (kind.encode(), *fields))
    return f"{kind} {base64.b64encode(body).decode()} c"


ED25519 = line("ssh-ed25519", bytes(32))


@pytest.mark.parametrize(
    "options",
    [["-t", "ed25519"], ["-t", "rsa", "-b", "2048"], ["-t", "ecdsa", "-b", "256"], ["-t", "ecdsa", "-b", "521"]],
    ids=" ".join,
)
def test_a_key_is_read_as_ssh_keygen_reads_it(tmp_path: Path, options: list[str]) -> None:
    path = keygen(tmp_path, *options)
    said = subprocess.run(["ssh-keygen", "-l", "-f", path], capture_output=True, text=True, check=True).stdout.split()
    (key,) = parse_keys(path.read_text())
    assert key.fingerprint == said[1]
    assert [key.type, key.blob, key.comment] == path.read_text().strip().split(" ", 2)


@pytest.mark.parametrize(
    "text",
    [
        line("sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:"),
        line("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", b"\x04" + bytes(64), b"ssh:"),
        line("ecdsa-sha2-nistp384", b"nistp384", b"\x04" + bytes(96)),
        ED25519.removesuffix(" c"),
    ],
)
def test_keys_of_these_types_are_taken(text: str) -> None:
    (key,) = parse_keys(text)
    assert text.startswith(f"{key.type} {key.blob}")


def test_comments_and_empty_lines_are_skipped() -> None:
    second = line("ssh-ed25519", b"\1" * 32)
    assert len(parse_keys(f"# mine\n\n  {ED25519}\r\n\t# other\n{second}")) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no public key"),
        ("# nothing\n", "no public key"),
        ("hello", "Line 1 is not a public key"),
        (f"{ED25519}\nhello", "Line 2 is not"),
        ("ssh-ed25519", "not a whole"),
        ("ssh-ed25519 !!!", "not a whole"),
        (ED25519[:40], "not a whole"),
        (ED25519.replace("ssh-ed25519", "ssh-rsa", 1), "not a whole"),
        (line("ssh-ed25519", bytes(31)), "not a whole"),
        (line("ssh-ed25519", bytes(32), b"more"), "not a whole"),
        (line("ecdsa-sha2-nistp256", b"nistp384", b"\x04" + bytes(64)), "not a whole"),
        (line("ssh-rsa", b"\1\0\1", b"\x7f" + bytes(127)), "1023 bits"),
        (line("ssh-rsa", b"\1\0\1", b"\0\x80" + bytes(4096)), "more than"),
        (line("ssh-dss", b"p", b"q", b"g", b"y"), "DSA"),
        (line("ssh-ed25519-cert-v01@openssh.com", b"x"), "certificate"),
        (f'command="rm -rf /" {ED25519}', "options"),
        (f"no-pty {ED25519}", "options"),
        (f"{ED25519} \x1b[31m", "do not print"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----", "private key"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", "private key"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n", "OpenSSH's format"),
    ],
)
def test_what_is_no_proper_public_key_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_keys(text)


def test_messages_do_not_repeat_what_was_given() -> None:
    with pytest.raises(UsageError) as caught:
        parse_keys("hunter2 secret")
    assert "hunter2" not in caught.value.message + caught.value.hint


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(UsageError):
        assert parse_keys(text)


@given(st.sampled_from(["ssh-rsa", "ssh-ed25519", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com"]), st.binary())
def test_any_body_is_read_or_refused(kind: str, body: bytes) -> None:
    text = struct.pack(">I", len(kind)) + kind.encode() + body
    with suppress(UsageError):
        assert parse_keys(f"{kind} {base64.b64encode(text).decode()}")
