import base64
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from srctl.errors import UnreachableError, UsageError
from srctl.tunnel.connection import ChannelRefusedError, ConnectionLostError, SSHConnection
from srctl.tunnel.known_hosts import fingerprint, remember
from tests.integration.ssh_parts import Person, keygen, kill_logins, logins_of, tcp_server
from tools import processes
from tools.clean_home import Home
from tools.remote_hosts import RemoteHost
from tools.sshd import Options, Sshd

MakeSshd = Callable[[str, Options], Sshd]


@pytest.fixture
def box(home: Home, sshd: Sshd) -> Sshd:
    """The server, reachable as `box` from a clean home."""
    home.add_ssh_config(sshd.client_config("box"))
    return sshd


@pytest.fixture
def agent(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """A running ssh-agent; call it to add a key."""
    path = home.path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL) as process:
        processes.wait_until(path.exists, "ssh-agent", process)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))

        def add(key: Path) -> None:
            subprocess.run(["ssh-add", "-q", key], check=True, stderr=subprocess.DEVNULL)

        yield add
        process.terminate()


def host_key(server: Sshd) -> bytes:
    return base64.b64decode((server.folder / "host_key.pub").read_text().split()[1])


def says(command: str, connection: SSHConnection) -> bytes:
    channel = connection.exec(command)
    data = b""
    while more := channel.recv(4096):
        data += more
    channel.close()
    return data


# -- the connection itself


def test_a_connection_runs_commands_and_reaches_ports_and_sockets(box: Sshd, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as unix, SSHConnection.connect("ssh://box") as connection:
        unix.bind(str(path))
        unix.listen()
        assert says("echo hello", connection) == b"hello\n"
        channel = connection.open_streamlocal(str(path))
        far, _ = unix.accept()
        far.sendall(b"through")
        far.close()
        assert channel.recv(100) == b"through"
        channel.close()
        with tcp_server(lambda far: far.sendall(far.recv(10).upper())) as port:
            channel = connection.open_tcp("127.0.0.1", port)
            channel.sendall(b"shout")
            assert channel.recv(100) == b"SHOUT"
            channel.close()
        assert connection.logins == 1


def test_the_cipher_is_the_fast_one(box: Sshd) -> None:
    with SSHConnection.connect("ssh://box") as connection:
        assert connection.transport.local_cipher == "aes128-gcm@openssh.com"


def test_a_refused_channel_says_so_and_leaves_the_connection_usable(box: Sshd) -> None:
    with SSHConnection.connect("ssh://box") as connection:
        with pytest.raises(ChannelRefusedError) as caught:
            connection.open_tcp("127.0.0.1", 1)
        assert caught.value.reason == "failed"
        assert "refused" in caught.value.message
        assert says("echo on", connection) == b"on\n"


def test_forbidden_forwarding_is_told_from_a_failed_one(home: Home, make_sshd: MakeSshd) -> None:
    server = make_sshd("no-forwarding", Options(extra={"AllowTcpForwarding": "no"}))
    home.add_ssh_config(server.client_config("closed"))
    with SSHConnection.connect("ssh://closed") as connection, pytest.raises(ChannelRefusedError) as caught:
        connection.open_tcp("127.0.0.1", 1)
    assert caught.value.reason == "prohibited"


def test_a_lost_connection_is_noticed_told_and_reopened_without_questions(home: Home, make_sshd: MakeSshd) -> None:
    server = make_sshd("dropping", Options())
    key = keygen(home.path / "locked", passphrase="word")
    with (server.folder / "authorized_keys").open("a") as file:
        file.write((home.path / "locked.pub").read_text())
    home.add_ssh_config(server.client_config("box", {"IdentityFile": str(key)}))
    person = Person(["word"])
    with SSHConnection.connect("ssh://box", prompter=person) as connection:
        lost = threading.Event()
        connection.when_lost(lost.set)
        kill_logins(server)
        assert lost.wait(10)
        assert not connection.alive
        assert connection.cause
        with pytest.raises(ConnectionLostError):
            connection.open_tcp("127.0.0.1", 1)
        connection.reconnect()
        assert connection.alive
        assert connection.logins == 2
        assert says("echo back", connection) == b"back\n"
    assert len(person.asked) == 1
    with pytest.raises(ConnectionLostError):
        connection.reconnect()


def test_connections_can_be_opened_from_several_threads_at_once(box: Sshd) -> None:
    outcomes: list[bytes] = []

    def use() -> None:
        with SSHConnection.connect("ssh://box") as connection:
            outcomes.append(says("echo hi", connection))

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outcomes == [b"hi\n"] * 6


def test_a_silent_server_times_out_with_its_name(home: Home) -> None:
    def listen(far: socket.socket) -> None:
        while far.recv(1000):
            pass

    with tcp_server(listen) as port:
        started = time.monotonic()
        with pytest.raises(UnreachableError) as caught:
            SSHConnection.connect(f"ssh://me@127.0.0.1:{port}", timeout=1)
        assert time.monotonic() - started < 3
    assert str(port) in caught.value.message


def test_a_server_that_stops_after_its_banner_times_out_and_leaves_no_thread(home: Home) -> None:
    before = set(threading.enumerate())

    def greet(far: socket.socket) -> None:
        far.sendall(b"SSH-2.0-stuck\r\n")
        while far.recv(1000):
            pass

    with tcp_server(greet) as port:
        with pytest.raises(UnreachableError):
            SSHConnection.connect(f"ssh://me@127.0.0.1:{port}", timeout=1)
        processes.wait_until(
            lambda: not {t for t in set(threading.enumerate()) - before if "paramiko" in repr(t) or "Timer" in repr(t)},
            "the end of the handshake's threads",
            limit=5,
        )


def test_something_that_is_no_ssh_server_is_told(home: Home) -> None:
    with tcp_server(lambda far: far.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        with pytest.raises(UnreachableError) as caught:
            SSHConnection.connect(f"ssh://me@127.0.0.1:{port}", timeout=2)
        assert "handshake" in caught.value.message or "time" in caught.value.message


def test_a_closed_port_and_an_unknown_name_are_told_apart(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    with pytest.raises(UnreachableError, match="refuses connections"):
        SSHConnection.connect(f"ssh://me@127.0.0.1:{port}")
    with pytest.raises(UnreachableError, match="resolved"):
        SSHConnection.connect("ssh://me@no-such-host.invalid")


def test_silence_ends_the_connection_after_the_probes(box: Sshd, home: Home) -> None:
    (home.path / ".ssh" / "config").write_text(
        box.client_config("box", {"ServerAliveInterval": "1", "ServerAliveCountMax": "2"})
    )
    with SSHConnection.connect("ssh://box") as connection:
        lost = threading.Event()
        connection.when_lost(lost.set)
        time.sleep(3)
        assert connection.alive, "answered probes keep it up"
        victims = [pid for pid in _serving(connection, box) if pid]
        for pid in victims:
            os.kill(pid, 19)  # SIGSTOP: the peer falls silent, TCP does not notice
        try:
            assert lost.wait(10)
        finally:
            for pid in victims:
                os.kill(pid, 18)
        assert "no answer" in str(connection.cause)


def _serving(connection: SSHConnection, server: Sshd) -> list[int]:
    channel = connection.exec("echo $PPID")
    parent = int(channel.recv(100))
    channel.close()
    assert parent in logins_of(server)
    return [parent]


# -- host keys


def write_known(server: Sshd, home: Home, text: str) -> Path:
    path = home.path / "known"
    path.write_text(text)
    (home.path / ".ssh" / "config").write_text(server.client_config("box", {"UserKnownHostsFile": str(path)}))
    return path


def test_an_unknown_host_key_is_refused_with_its_fingerprint_and_what_to_do(box: Sshd, home: Home) -> None:
    path = write_known(box, home, "")
    with pytest.raises(UnreachableError) as caught:
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
    with pytest.raises(UnreachableError):
        SSHConnection.connect("ssh://box", prompter=Person(agrees=False))
    assert path.read_text() == ""


def test_strict_checking_asks_nobody_and_accept_new_accepts_once(box: Sshd, home: Home) -> None:
    path = write_known(box, home, "")
    config = home.path / ".ssh" / "config"
    plain = config.read_text()
    config.write_text(plain + "  StrictHostKeyChecking yes\n")
    person = Person()
    with pytest.raises(UnreachableError):
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
    with pytest.raises(UnreachableError) as caught:
        SSHConnection.connect("ssh://box", prompter=person)
    assert "HAS CHANGED" in caught.value.message
    assert f"{path}:2" in caught.value.message
    assert not person.asked


def test_a_revoked_host_key_is_refused(box: Sshd, home: Home) -> None:
    key = (box.folder / "host_key.pub").read_text()
    write_known(box, home, f"[127.0.0.1]:{box.port} {key}@revoked * {key}")
    with pytest.raises(UnreachableError, match="revoked"):
        SSHConnection.connect("ssh://box")


def test_a_certificate_authority_alone_is_refused(box: Sshd, home: Home) -> None:
    key = (box.folder / "host_key.pub").read_text()
    write_known(box, home, f"@cert-authority * {key}")
    with pytest.raises(UnreachableError, match="certificate authority"):
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
    with pytest.raises(UnreachableError):
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


# -- keys and agents


def only(server: Sshd, home: Home, **options: str) -> None:
    """Reach `box` with these options and no identity of the server's own making."""
    base = {"IdentityFile": "none", "IdentitiesOnly": "no"}
    (home.path / ".ssh" / "config").write_text(server.client_config("box", base | options))


def test_an_encrypted_key_asks_once_and_only_a_person(box: Sshd, home: Home, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(box.identity.read_bytes())
    key.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "word", "-f", key], check=True, stdout=subprocess.DEVNULL)
    only(box, home, IdentityFile=str(key))
    with pytest.raises(UnreachableError) as caught:
        SSHConnection.connect("ssh://box")
    assert "passphrase" in caught.value.message
    person = Person(["word"])
    SSHConnection.connect("ssh://box", prompter=person).close()
    assert person.asked == [f"Enter passphrase for key '{key}':"]


def test_nobody_is_asked_for_the_passphrase_of_a_key_that_the_server_would_not_take(box: Sshd, home: Home) -> None:
    keygen(home.path / "stranger", passphrase="word")
    only(box, home, IdentityFile=str(home.path / "stranger"))
    person = Person(["word"])
    with pytest.raises(UnreachableError):
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
    with pytest.raises(UnreachableError, match="other users can read it"):
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
    with pytest.raises(UnreachableError) as caught:
        SSHConnection.connect("ssh://box")
    assert "IdentityFile" in caught.value.hint


def test_identities_only_keeps_the_rest_of_the_agent_out(box: Sshd, home: Home, agent: Callable[[Path], None]) -> None:
    agent(box.identity)
    stranger = keygen(home.path / "stranger")
    only(box, home, IdentityFile=str(stranger), IdentitiesOnly="yes")
    with pytest.raises(UnreachableError):
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
    with pytest.raises(UnreachableError):
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


# -- other ways in


def test_two_hops_lead_to_the_third_host(home: Home, sshd: Sshd, make_sshd: MakeSshd) -> None:
    middle, last = make_sshd("middle", Options()), make_sshd("last", Options())
    home.add_ssh_config(sshd.client_config("first"))
    home.add_ssh_config(middle.client_config("middle"))
    home.add_ssh_config(last.client_config("last", {"ProxyJump": "first,middle"}))
    counts = [server.logins() for server in (sshd, middle, last)]
    with SSHConnection.connect("ssh://last") as connection:
        assert says("echo deep", connection) == b"deep\n"
        kill_logins(last)
        processes.wait_until(lambda: not connection.alive, "the loss")
        connection.reconnect()
        assert says("echo again", connection) == b"again\n"
    assert [server.logins() for server in (sshd, middle, last)] == [counts[0] + 1, counts[1] + 1, counts[2] + 2]


def test_jump_hosts_that_lead_in_a_circle_are_refused(home: Home) -> None:
    home.add_ssh_config("Host box\n  ProxyJump a\nHost a\n  ProxyJump b\nHost b\n  ProxyJump a\n")
    with pytest.raises(UsageError, match="circle"):
        SSHConnection.connect("ssh://box")


def test_a_host_behind_another_is_reached_through_it(home: Home, remote_hosts: dict[str, RemoteHost]) -> None:
    for host in remote_hosts.values():
        home.add_ssh_config(host.client_config())
    with SSHConnection.connect("ssh://back") as connection:
        assert says("echo there", connection) == b"there\n"


def test_a_proxy_command_carries_the_connection_and_leaves_no_zombie(box: Sshd, home: Home) -> None:
    home.add_ssh_config(box.client_config("jump"))
    only(box, home, IdentityFile=str(box.identity), ProxyCommand=f"ssh -F {home.path}/.ssh/jump -W %h:%p jump")
    (home.path / ".ssh" / "jump").write_text(box.client_config("jump"))
    before = set(_children())
    for _ in range(3):
        with SSHConnection.connect("ssh://box") as connection:
            assert says("echo through", connection) == b"through\n"
    assert set(_children()) <= before


def test_a_failing_proxy_command_is_quoted(box: Sshd, home: Home) -> None:
    only(box, home, IdentityFile=str(box.identity), ProxyCommand="sh -c 'echo the gate is shut >&2; exit 1'")
    with pytest.raises(UnreachableError, match="the gate is shut"):
        SSHConnection.connect("ssh://box")


def _children() -> list[int]:
    me = os.getpid()
    return [pid for pid, parent in processes.parents() if parent == me]
