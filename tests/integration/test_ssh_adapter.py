import contextlib
import io
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from srctl.errors import UnreachableError
from srctl.hosts.sdk import docker
from srctl.hosts.ssh_adapter import DockerDoor, api_client
from srctl.tunnel.connection import ChannelRefusedError, ConnectionLostError, SSHConnection
from srctl.tunnel.forward import Forward
from srctl.tunnel.ports import bind_local
from tests.integration.ssh_parts import kill_logins, received, tcp_server
from tools import processes
from tools.clean_home import Home
from tools.engine import Engine
from tools.sshd import Options, Sshd

MakeSshd = Callable[[str, Options], Sshd]


@pytest.fixture
def connection(home: Home, sshd: Sshd, engine: Engine) -> Iterator[SSHConnection]:
    home.add_ssh_config(sshd.client_config("box"))
    with SSHConnection.connect(f"ssh://box{engine.socket}") as connection:
        yield connection


@pytest.fixture
def api(connection: SSHConnection) -> Iterator[Any]:
    client = api_client(connection)
    yield client
    client.close()


@contextlib.contextmanager
def container(api: Any, image: str, command: list[str] | None = None) -> Iterator[str]:
    made = api.create_container(image, command)["Id"]
    try:
        yield made
    finally:
        with contextlib.suppress(docker.errors.NotFound):
            api.remove_container(made, force=True)


def test_the_api_and_a_tunnel_share_one_login(sshd: Sshd, home: Home, engine: Engine) -> None:
    home.add_ssh_config(sshd.client_config("box"))
    before = sshd.logins()
    with SSHConnection.connect(f"ssh://box{engine.socket}") as connection:
        api = api_client(connection)
        api.containers(all=True)
        with (
            tcp_server(lambda far: far.sendall(b"tunnel")) as port,
            bind_local() as listener,
            Forward(listener, connection, "127.0.0.1", port) as forward,
            socket.create_connection(("127.0.0.1", forward.local_port)) as local,
        ):
            assert received(local) == b"tunnel"
        api.images()
        api.close()
        assert connection.logins == 1
    assert sshd.logins() == before + 1


def test_the_version_is_asked_for_only_when_it_is_not_given(connection: SSHConnection) -> None:
    assert api_client(connection, "1.41").api_version == "1.41"
    assert api_client(connection).api_version == api_client(connection).version()["ApiVersion"]


def test_requests_to_many_urls_use_one_channel(api: Any) -> None:
    for _ in range(5):
        api.containers()
        api.images()
        api.networks()
        api.version()
    pool = api.get_adapter(api.base_url).get_connection_with_tls_context()
    assert pool.num_connections == 1


def test_a_container_is_created_started_followed_and_removed(api: Any, web_image: str) -> None:
    with container(api, web_image, ["/bin/busybox", "sh", "-c", "echo one; sleep 0.3; echo two"]) as made:
        api.start(made)
        assert b"".join(api.logs(made, stream=True, follow=True)) == b"one\ntwo\n"
        assert api.wait(made)["StatusCode"] == 0
        assert api.inspect_container(made)["State"]["ExitCode"] == 0
        assert api.logs(made) == b"one\ntwo\n"


def test_a_log_that_is_followed_ends_when_another_thread_closes_it(api: Any, web_image: str) -> None:
    with container(api, web_image, ["/bin/busybox", "sh", "-c", "echo one; exec sleep 60"]) as made:
        api.start(made)
        log = api.logs(made, stream=True, follow=True)
        assert next(log) == b"one\n"
        threading.Timer(0.2, log.close).start()
        begun = time.monotonic()
        with contextlib.suppress(Exception):  # whoever asks the engine takes that for its end
            next(log)
        assert time.monotonic() - begun < 2
        assert api.version()["ApiVersion"]


def test_an_image_is_imported_from_a_stream(api: Any) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        info = tarfile.TarInfo("big")
        info.size = 8 << 20
        tar.addfile(info, io.BytesIO(b"x" * info.size))
    name = "ssh-adapter-import:latest"
    api.import_image_from_data(packed.getvalue(), repository=name.split(":", maxsplit=1)[0])
    try:
        assert api.inspect_image(name)["Size"] >= 8 << 20
    finally:
        api.remove_image(name)


def test_errors_of_the_engine_come_through(api: Any) -> None:
    with pytest.raises(docker.errors.NotFound):
        api.inspect_container("no-such-container")


def test_events_arrive_and_their_stream_can_be_closed_from_another_thread(api: Any, web_image: str) -> None:
    events = api.events(decode=True)
    seen: list[str] = []
    first = threading.Event()

    def read() -> None:
        for event in events:
            seen.append(event["Action"])
            first.set()

    reader = threading.Thread(target=read)
    reader.start()
    with container(api, web_image):
        assert first.wait(60)
    events.close()
    reader.join(5)
    assert not reader.is_alive()
    assert "create" in seen


def test_a_server_without_unix_sockets_is_served_by_the_docker_command(
    home: Home, make_sshd: MakeSshd, engine: Engine
) -> None:
    server = make_sshd("no-sockets", Options(streamlocal=False))
    home.add_ssh_config(server.client_config("box"))
    with SSHConnection.connect(f"ssh://box{engine.socket}") as connection:
        api = api_client(connection)
        api.containers()
        sessions = server.log.count("Starting session")
        api.images()
        api.networks()
        assert server.log.count("Starting session") == sessions, "the way is remembered and the channel kept"
        api.close()


def test_a_missing_socket_is_told_with_its_path(home: Home, sshd: Sshd) -> None:
    home.add_ssh_config(sshd.client_config("box"))
    with SSHConnection.connect("ssh://box/run/no/docker.sock") as connection:
        with pytest.raises(UnreachableError) as caught:
            api_client(connection, "1.41").containers()
        assert "/run/no/docker.sock" in caught.value.message
        assert "ssh://HOST/path" in caught.value.hint


class _Replying:
    """A connection whose host gives one answer to the examination."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.settings = type("Settings", (), {"user": "me"})()

    def __str__(self) -> str:
        return "me@box"

    def open_streamlocal(self, path: str) -> Any:
        raise ChannelRefusedError(f"refused {path}")

    def exec(self, command: str) -> Any:
        assert "docker.sock" in command
        if not self.answer:
            raise ChannelRefusedError("no commands")
        ours, theirs = socket.socketpair()
        theirs.sendall(f"Welcome!\nsrctl:{self.answer}\n".encode())
        theirs.close()
        return ours


@pytest.mark.parametrize(
    ("answer", "words"), [("denied", "usermod -aG docker me"), ("socket", "AllowStreamLocalForwarding"), ("", "Allow")]
)
def test_each_reason_for_a_closed_door_has_its_remedy(answer: str, words: str) -> None:
    door = DockerDoor(_Replying(answer), "/var/run/docker.sock")  # type: ignore[arg-type]
    with pytest.raises(UnreachableError) as caught:
        door.open()
    assert words in caught.value.hint
    assert not door.by_command


# -- drops


@pytest.fixture
def dropping(home: Home, make_sshd: MakeSshd, engine: Engine) -> Iterator[tuple[Sshd, SSHConnection, Any]]:
    server = make_sshd(f"drop-{home.path.parent.name[-24:]}", Options())
    home.add_ssh_config(server.client_config("box"))
    with SSHConnection.connect(f"ssh://box{engine.socket}") as connection:
        yield server, connection, api_client(connection)


def test_a_read_works_again_after_a_drop(dropping: tuple[Sshd, SSHConnection, Any]) -> None:
    server, connection, api = dropping
    api.containers()
    kill_logins(server)
    assert api.containers() is not None
    assert connection.logins == 2


def test_a_write_after_a_noticed_drop_goes_over_a_new_connection(
    dropping: tuple[Sshd, SSHConnection, Any], web_image: str
) -> None:
    server, connection, api = dropping
    api.containers()
    kill_logins(server)
    processes.wait_until(lambda: not connection.alive, "the loss")
    with container(api, web_image) as made:
        assert made
    assert connection.logins == 2


def test_a_write_that_a_drop_interrupts_fails_and_says_that_nobody_knows(
    dropping: tuple[Sshd, SSHConnection, Any], web_image: str
) -> None:
    server, connection, api = dropping
    with container(api, web_image, ["/bin/busybox", "sleep", "30"]) as made:
        api.start(made)
        threading.Timer(0.5, kill_logins, (server,)).start()
        with pytest.raises(ConnectionLostError) as caught:
            api.wait(made)
        assert "POST" in caught.value.message
        assert "ps --all" in caught.value.hint
        assert connection.logins == 1
        assert api.inspect_container(made)["State"]["Running"]


def test_a_read_that_a_drop_interrupts_is_repeated(home: Home, make_sshd: MakeSshd, tmp_path: Path) -> None:
    server = make_sshd("drop-read", Options())
    home.add_ssh_config(server.client_config("box"))
    asked: list[bytes] = []

    def answer(far: socket.socket) -> None:
        asked.append(far.recv(65536))
        if len(asked) == 1:
            kill_logins(server)
            return
        far.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]")

    with unix_server(tmp_path / "s", answer), SSHConnection.connect(f"ssh://box{tmp_path}/s") as connection:
        assert api_client(connection, "1.41").containers() == []
        assert connection.logins == 2
    assert len(asked) == 2


def test_a_kept_channel_that_the_engine_closed_is_not_used_again(home: Home, sshd: Sshd, tmp_path: Path) -> None:
    home.add_ssh_config(sshd.client_config("box"))

    def answer_once(far: socket.socket) -> None:
        far.recv(65536)
        far.sendall(b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n")
        far.sendall(b'{"Id": "1a"}')

    with unix_server(tmp_path / "s", answer_once), SSHConnection.connect(f"ssh://box{tmp_path}/s") as connection:
        api = api_client(connection, "1.41")
        for _ in range(3):
            assert api.create_container("image")["Id"] == "1a"
            time.sleep(0.2)


@contextlib.contextmanager
def unix_server(path: Path, handle: Callable[[socket.socket], None]) -> Iterator[None]:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                far, _ = listener.accept()
                with far, contextlib.suppress(OSError):
                    handle(far)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)
