"""Keys from files and agents, and certificates of users, at a real server."""

import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from srctl.errors import UnreachableError
from srctl.tunnel.connection import SSHConnection
from srctl.tunnel.errors import LoginNeededError
from tests.integration.ssh_parts import Person, keygen, only
from tools.clean_home import Home
from tools.sshd import Options, Sshd

MakeSshd = Callable[[str, Options], Sshd]


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


@pytest.mark.parametrize(("kind", "form"), [("rsa", "PEM"), ("ecdsa", "PEM"), ("rsa", "RFC4716"), ("ecdsa", "RFC4716")])
def test_keys_of_other_types_and_older_formats_work(box: Sshd, home: Home, kind: str, form: str) -> None:
    key = home.path / f"{kind}-{form}"
    command = ["ssh-keygen", "-q", "-t", kind, "-m", form, "-N", "", "-f", str(key)]
    subprocess.run(command, check=True)
    with (box.folder / "authorized_keys").open("a") as file:
        file.write(key.with_name(key.name + ".pub").read_text())
    only(box, home, IdentityFile=str(key))
    SSHConnection.connect("ssh://box").close()


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
    def string(value: bytes) -> bytes:
        return len(value).to_bytes(4, "big") + value

    hardware = string(string(b"sk-ssh-ed25519@openssh.com") + string(b"x" * 32) + string(b"ssh:"))
    future = string(string(b"ssh-quantum") + b"\xff\xff\xff\xff")
    listing = bytes([12]) + (2).to_bytes(4, "big") + hardware + string(b"\xff\xfe") + future + string(b"")
    path = home.path / "fake-agent"

    def answer() -> None:
        with listener.accept()[0] as connection:
            while head := connection.recv(4):
                request = connection.recv(int.from_bytes(head, "big"))
                connection.sendall(string(listing if request[0] == 11 else bytes([5])))

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        threading.Thread(target=answer, daemon=True).start()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        (home.path / ".ssh" / "id_ed25519").write_bytes(box.identity.read_bytes())
        (home.path / ".ssh" / "id_ed25519").chmod(0o600)
        config = box.client_config("box", {"IdentitiesOnly": "no"})
        kept = [line for line in config.splitlines() if "IdentityFile" not in line]
        (home.path / ".ssh" / "config").write_text("\n".join(kept))
        SSHConnection.connect("ssh://box").close()


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
