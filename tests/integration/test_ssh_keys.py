"""Keys from files and agents, and certificates of users, at a real server."""

import base64
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from srctl.errors import UnreachableError
from srctl.tunnel.connection import SSHConnection
from srctl.tunnel.errors import LoginNeededError
from srctl.tunnel.known_hosts import key_type
from tests.integration.fake_agent import HeldKey, certificate_alone, fake_agent, hardware_key, string
from tests.integration.ssh_parts import Person, keygen, only
from tools.clean_home import Home
from tools.sshd import Options, Sshd

MakeSshd = Callable[[str, Options], Sshd]


def allow(server: Sshd, key: bytes) -> None:
    """Let a public key, as on the wire, log in."""
    with (server.folder / "authorized_keys").open("a") as file:
        file.write(f"{key_type(key)} {base64.b64encode(key).decode()}\n")


def test_an_encrypted_key_asks_once_and_only_a_person(box: Sshd, home: Home, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(box.identity.read_bytes())
    key.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "word", "-f", key], check=True, stdout=subprocess.DEVNULL)
    only(box, home, IdentityFile=str(key))
    with pytest.raises(LoginNeededError) as caught:
        SSHConnection.connect("ssh://box")
    assert "passphrase" in caught.value.message
    person = Person(["word"])
    SSHConnection.connect("ssh://box", prompter=person).close()
    assert person.asked == [f"Enter passphrase for key '{key}':"]


def test_nobody_is_asked_for_the_passphrase_of_a_key_that_the_server_would_not_take(box: Sshd, home: Home) -> None:
    keygen(home.path / "stranger", passphrase="word")
    only(box, home, IdentityFile=str(home.path / "stranger"))
    person = Person(["word"])
    with pytest.raises(LoginNeededError):
        SSHConnection.connect("ssh://box", prompter=person)
    assert not person.asked


@pytest.mark.parametrize("passphrase", ["", "a word"], ids=["open", "locked"])
@pytest.mark.parametrize(
    ("kind", "form"),
    [(kind, form) for kind in ("rsa", "ecdsa", "ed25519") for form in ("RFC4716", "PEM", "PKCS8")],
)
def test_keys_of_every_type_and_format_work(box: Sshd, home: Home, kind: str, form: str, passphrase: str) -> None:
    key = home.path / "key"
    command = ["ssh-keygen", "-q", "-t", kind, "-m", form, "-N", passphrase, "-f", str(key)]
    subprocess.run(command, check=True)
    allow(box, base64.b64decode((home.path / "key.pub").read_text().split()[1]))
    only(box, home, IdentityFile=str(key))
    person = Person([passphrase])
    SSHConnection.connect("ssh://box", prompter=person).close()
    assert len(person.asked) == bool(passphrase)
    (home.path / "key.pub").unlink()
    SSHConnection.connect("ssh://box", prompter=Person([passphrase])).close()


def test_a_key_that_others_can_read_is_not_used(box: Sshd, home: Home, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(box.identity.read_bytes())
    key.chmod(0o644)
    only(box, home, IdentityFile=str(key))
    with pytest.raises(LoginNeededError, match="other users can read it"):
        SSHConnection.connect("ssh://box")


def test_the_agent_is_used(box: Sshd, home: Home, agent: Callable[[Path], None]) -> None:
    agent(box.identity)
    only(box, home)
    SSHConnection.connect("ssh://box").close()


def test_an_agent_with_many_keys_does_not_use_up_the_tries(
    box: Sshd, home: Home, agent: Callable[[Path], None]
) -> None:
    for number in range(10):
        agent(keygen(home.path / f"key{number}"))
    only(box, home, IdentityFile=str(box.identity))
    SSHConnection.connect("ssh://box").close()
    agent(box.identity)
    before = box.log.count("Failed publickey")
    SSHConnection.connect("ssh://box").close()
    assert box.log.count("Failed publickey") == before


def test_too_many_keys_are_reported_with_the_remedy(box: Sshd, home: Home, agent: Callable[[Path], None]) -> None:
    for number in range(8):
        agent(keygen(home.path / f"key{number}"))
    only(box, home)
    with pytest.raises(LoginNeededError) as caught:
        SSHConnection.connect("ssh://box")
    assert "IdentityFile" in caught.value.hint


def test_identities_only_keeps_the_rest_of_the_agent_out(box: Sshd, home: Home, agent: Callable[[Path], None]) -> None:
    agent(box.identity)
    stranger = keygen(home.path / "stranger")
    only(box, home, IdentityFile=str(stranger), IdentitiesOnly="yes")
    with pytest.raises(LoginNeededError):
        SSHConnection.connect("ssh://box")
    public = home.path / "named.pub"
    public.write_bytes((box.folder / "user_key.pub").read_bytes())
    only(box, home, IdentityFile=str(home.path / "named"), IdentitiesOnly="yes")
    SSHConnection.connect("ssh://box").close()


def test_an_agent_with_strange_keys_does_not_break_the_login(
    box: Sshd, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    future = HeldKey(string(b"ssh-quantum") + b"\xff\xff\xff\xff", comment=b"\xff\xfe")
    monkeypatch.setenv("SSH_AUTH_SOCK", str(home.path / "fake"))
    only(box, home, IdentityFile=str(box.identity))
    with fake_agent(home.path / "fake", future, hardware_key(touched=False), HeldKey(b""), HeldKey(b"\0\0\0\x09x")):
        SSHConnection.connect("ssh://box").close()


def test_a_hardware_key_of_the_agent_opens_the_login(box: Sshd, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    key = hardware_key()
    allow(box, key.blob)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(home.path / "fake"))
    only(box, home)
    with fake_agent(home.path / "fake", key) as asked:
        SSHConnection.connect("ssh://box").close()
    assert asked == [key.blob]


def test_a_hardware_key_that_nobody_touches_is_passed_over(
    box: Sshd, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = hardware_key(touched=False)
    allow(box, key.blob)
    locked = keygen(home.path / "locked", passphrase="word")
    allow(box, base64.b64decode((home.path / "locked.pub").read_text().split()[1]))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(home.path / "fake"))
    only(box, home, IdentityFile=str(locked))
    with fake_agent(home.path / "fake", key) as asked:
        SSHConnection.connect("ssh://box", prompter=Person(["word"])).close()
        assert asked == [key.blob]
        with pytest.raises(LoginNeededError, match="refuses to sign"):
            SSHConnection.connect("ssh://box")


def test_a_key_that_needs_nobody_is_taken_before_one_that_wants_a_touch(
    box: Sshd, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = hardware_key()
    allow(box, key.blob)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(home.path / "fake"))
    only(box, home, IdentityFile=str(box.identity))
    with fake_agent(home.path / "fake", key) as asked:
        SSHConnection.connect("ssh://box").close()
    assert asked == []


def test_an_agent_that_holds_a_certificate_alone_opens_the_login(
    home: Home, make_sshd: MakeSshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = keygen(tmp_path / "ca")
    server = make_sshd("ca-alone", Options(extra={"TrustedUserCAKeys": f"{authority}.pub"}))
    key = keygen(tmp_path / "key")
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "me", "-n", server.user, f"{key}.pub"]
    subprocess.run(sign, check=True)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(home.path / "fake"))
    home.add_ssh_config("")
    only(server, home)
    with fake_agent(home.path / "fake", certificate_alone(key)) as asked:
        SSHConnection.connect("ssh://box").close()
    assert len(asked) == 1


@pytest.mark.parametrize("answer", [b"", b"\0\0\0\1\x0c", b"\0\0\0\5\x0c\0\0\0\x09", b"\xff\xff\xff\xff", b"\0\0\0\0"])
def test_an_agent_that_talks_nonsense_counts_as_an_empty_one(
    box: Sshd, home: Home, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    def serve() -> None:
        with listener.accept()[0] as connection:
            connection.recv(100)
            connection.sendall(answer)

    monkeypatch.setenv("SSH_AUTH_SOCK", str(home.path / "fake"))
    only(box, home, IdentityFile=str(box.identity))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home.path / "fake"))
        listener.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        SSHConnection.connect("ssh://box").close()
        thread.join(5)


def test_a_certificate_opens_what_its_key_alone_does_not(home: Home, make_sshd: MakeSshd, tmp_path: Path) -> None:
    authority = keygen(tmp_path / "ca")
    server = make_sshd("with-ca", Options(extra={"TrustedUserCAKeys": f"{authority}.pub"}))
    key = keygen(tmp_path / "key")
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "me", "-n", server.user, f"{key}.pub"]
    home.add_ssh_config(server.client_config("box", {"IdentityFile": str(key)}))
    with pytest.raises(LoginNeededError):
        SSHConnection.connect("ssh://box")
    subprocess.run(sign, check=True)
    SSHConnection.connect("ssh://box").close()


def test_algorithms_of_the_configuration_are_kept_to(box: Sshd, home: Home) -> None:
    only(box, home, IdentityFile=str(box.identity), Ciphers="aes256-ctr", MACs="hmac-sha2-512")
    with SSHConnection.connect("ssh://box") as connection:
        assert connection.transport.local_cipher == "aes256-ctr"
        assert connection.transport.local_mac == "hmac-sha2-512"
    only(box, home, IdentityFile=str(box.identity), Ciphers="chacha20-poly1305@openssh.com")
    with pytest.raises(UnreachableError, match="Ciphers"):
        SSHConnection.connect("ssh://box")
