"""Which host keys are accepted, asked about and refused, by a real server."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from srctl.tunnel.connection import SSHConnection
from srctl.tunnel.errors import HostKeyError
from srctl.tunnel.known_hosts import fingerprint, remember
from tests.integration.ssh_parts import Person, host_key, keygen, says
from tools.clean_home import Home
from tools.sshd import Options, Sshd

MakeSshd = Callable[[str, Options], Sshd]


def write_known(server: Sshd, home: Home, text: str) -> Path:
    path = home.path / "known"
    path.write_text(text)
    (home.path / ".ssh" / "config").write_text(server.client_config("box", {"UserKnownHostsFile": str(path)}))
    return path


def test_an_unknown_host_key_is_refused_with_its_fingerprint_and_what_to_do(box: Sshd, home: Home) -> None:
    path = write_known(box, home, "")
    with pytest.raises(HostKeyError) as caught:
        SSHConnection.connect("ssh://box")
    error = caught.value
    assert error.exit_code == 6
    assert f"[127.0.0.1]:{box.port}" in error.message
    assert "ED25519" in error.message
    assert fingerprint(host_key(box)) in error.message
    assert re.search(rf"`ssh -p {box.port} \S+@box`", error.hint)
    assert str(path) in error.hint
    assert path.read_text() == ""


def test_a_person_who_agrees_makes_the_key_known(box: Sshd, home: Home) -> None:
    path = write_known(box, home, "")
    with (home.path / ".ssh" / "config").open("a") as config:
        config.write("  HashKnownHosts no\n")
    person = Person()
    SSHConnection.connect("ssh://box", prompter=person).close()
    assert "authenticity" in person.asked[0]
    assert fingerprint(host_key(box)) in person.asked[0]
    assert "127.0.0.1" in path.read_text()
    SSHConnection.connect("ssh://box").close()


def test_a_person_who_declines_keeps_it_unknown(box: Sshd, home: Home) -> None:
    path = write_known(box, home, "")
    with pytest.raises(HostKeyError):
        SSHConnection.connect("ssh://box", prompter=Person(agrees=False))
    assert path.read_text() == ""


def test_strict_checking_asks_nobody_and_accept_new_accepts_once(box: Sshd, home: Home) -> None:
    path = write_known(box, home, "")
    config = home.path / ".ssh" / "config"
    plain = config.read_text()
    config.write_text(plain + "  StrictHostKeyChecking yes\n")
    person = Person()
    with pytest.raises(HostKeyError):
        SSHConnection.connect("ssh://box", prompter=person)
    assert not person.asked
    config.write_text(plain + "  StrictHostKeyChecking accept-new\n  HashKnownHosts yes\n")
    SSHConnection.connect("ssh://box").close()
    assert path.read_text().startswith("|1|")
    SSHConnection.connect("ssh://box").close()
    assert len(path.read_text().splitlines()) == 1


def test_a_changed_host_key_is_refused_loudly_with_file_and_line(box: Sshd, home: Home) -> None:
    keygen(home.path / "other")
    other = (home.path / "other.pub").read_text()
    path = write_known(box, home, f"# first line\n[127.0.0.1]:{box.port} {other}")
    person = Person()
    with pytest.raises(HostKeyError) as caught:
        SSHConnection.connect("ssh://box", prompter=person)
    assert "HAS CHANGED" in caught.value.message
    assert f"{path}:2" in caught.value.message
    assert not person.asked


def test_a_revoked_host_key_is_refused(box: Sshd, home: Home) -> None:
    key = (box.folder / "host_key.pub").read_text()
    write_known(box, home, f"[127.0.0.1]:{box.port} {key}@revoked * {key}")
    with pytest.raises(HostKeyError, match="revoked"):
        SSHConnection.connect("ssh://box")


def test_a_host_that_only_an_authority_is_trusted_for_needs_a_certificate(box: Sshd, home: Home) -> None:
    key = (box.folder / "host_key.pub").read_text()
    path = write_known(box, home, f"@cert-authority * {key}")
    with pytest.raises(HostKeyError, match=f"no certificate .{path}:1 trusts an authority for it"):
        SSHConnection.connect("ssh://box")


@pytest.mark.parametrize("hashed", [False, True])
def test_hashed_and_port_qualified_entries_are_found(box: Sshd, home: Home, *, hashed: bool) -> None:
    path = write_known(box, home, "")
    remember(path, f"[127.0.0.1]:{box.port}", host_key(box), hashed=hashed)
    SSHConnection.connect("ssh://box").close()


def test_the_key_of_the_host_without_port_counts_too(box: Sshd, home: Home) -> None:
    write_known(box, home, f"127.0.0.1 {(box.folder / 'host_key.pub').read_text()}")
    SSHConnection.connect("ssh://box").close()


def test_a_host_key_alias_is_looked_up_instead_of_the_name(box: Sshd, home: Home) -> None:
    write_known(box, home, f"the-box {(box.folder / 'host_key.pub').read_text()}")
    with pytest.raises(HostKeyError):
        SSHConnection.connect("ssh://box")
    with (home.path / ".ssh" / "config").open("a") as config:
        config.write("  HostKeyAlias the-box\n")
    SSHConnection.connect("ssh://box").close()


def test_the_type_of_key_that_is_known_is_asked_for(home: Home, make_sshd: MakeSshd, tmp_path: Path) -> None:
    keygen(tmp_path / "rsa", kind="rsa")
    keygen(tmp_path / "ed")
    server = make_sshd(
        "two-keys", Options(extra={"HostKey ": str(tmp_path / "ed"), "HostKey  ": str(tmp_path / "rsa")})
    )
    home.add_ssh_config(server.client_config("box"))
    write_known(server, home, f"[127.0.0.1]:{server.port} {(tmp_path / 'rsa.pub').read_text()}")
    with SSHConnection.connect("ssh://box") as connection:
        assert connection.transport.host_key_type == "rsa-sha2-512"


def certified(make_sshd: MakeSshd, folder: Path, kind: str, *names: str) -> Sshd:
    """Start a server whose host key of this kind is certified for the names; the authority lies in the folder."""
    authority, key = keygen(folder / "ca"), keygen(folder / "host", kind=kind)
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "host", "-h", "-n", ",".join(names), f"{key}.pub"]
    subprocess.run(sign, check=True)
    plan = {"HostKey": str(key), "HostCertificate": f"{key}-cert.pub"}
    return make_sshd(f"certified-{folder.name}", Options(extra=plan))


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_certified_keys_of_every_type_are_accepted_without_a_question_or_a_note(
    home: Home, make_sshd: MakeSshd, tmp_path: Path, kind: str
) -> None:
    server = certified(make_sshd, tmp_path, kind, "127.0.0.1")
    home.add_ssh_config("")
    path = write_known(server, home, f"@cert-authority 127.0.0.* {(tmp_path / 'ca.pub').read_text()}")
    before = path.read_text()
    person = Person()
    with SSHConnection.connect("ssh://box", prompter=person) as connection:
        assert "-cert-v01@openssh.com" in str(connection.transport.host_key_type)
        connection.transport.renegotiate_keys()
        assert says("echo on", connection) == b"on\n"
    assert not person.asked
    assert path.read_text() == before


def test_a_certificate_that_does_not_count_is_told_with_the_reason(
    home: Home, make_sshd: MakeSshd, tmp_path: Path
) -> None:
    server = certified(make_sshd, tmp_path, "ed25519", "elsewhere")
    home.add_ssh_config("")
    path = write_known(server, home, f"@cert-authority * {(tmp_path / 'ca.pub').read_text()}")
    with pytest.raises(HostKeyError, match=r"it is for elsewhere, not for 127\.0\.0\.1"):
        SSHConnection.connect("ssh://box")
    person = Person(agrees=False)
    with pytest.raises(HostKeyError):
        SSHConnection.connect("ssh://box", prompter=person)
    assert "No certificate vouches for it: its certificate does not count: it is for elsewhere" in person.asked[0]
    assert len(path.read_text().splitlines()) == 1


def test_a_revoked_authority_is_refused_by_its_line(home: Home, make_sshd: MakeSshd, tmp_path: Path) -> None:
    server = certified(make_sshd, tmp_path, "ed25519", "127.0.0.1")
    home.add_ssh_config("")
    authority = (tmp_path / "ca.pub").read_text()
    path = write_known(server, home, f"@cert-authority * {authority}@revoked * {authority}")
    with pytest.raises(HostKeyError, match=f"revoked by {path}:2"):
        SSHConnection.connect("ssh://box")
