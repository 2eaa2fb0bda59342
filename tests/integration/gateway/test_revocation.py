"""Revocation on a real sshd: who has lost a right loses the connection, whatever it carries, and nobody else does."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from srctl import slots
from srctl.cli import main
from srctl.context import Context
from srctl.enforcing import Connections
from srctl.gateway import keys
from srctl.logins.connections import Outcome
from srctl.logins.processes import Process, read
from srctl.logins.records import Record, Records
from srctl.logins.revocation import Revocation, end_all
from srctl.models import SharedSlot
from tests.integration.fake_agent import HeldKey, fake_agent, string
from tests.integration.gateway.gateway_parts import SLOT, Gateway, Streams, echo, gateway
from tools.clean_home import Home
from tools.lab import Lab
from tools.processes import descendants, wait_until

PEOPLE = ("alice", "bob", "carol")
SLOW_KEYS = """
    code = main(sys.argv[1:])
    import time
    while os.path.exists("/srv/srctl/hold"):
        os.close(os.open("/srv/srctl/answered", os.O_CREAT | os.O_WRONLY))
        time.sleep(0.01)
    os._exit(code)
"""


@pytest.fixture(scope="module")
def shared(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with sessions of alice and bob. Its keys command stays while there is a file `hold`, to be caught."""
    source = Path(keys.__file__).read_text().partition('if __name__ == "__main__":\n')[0]
    slow = tmp_path_factory.mktemp("keys") / "keys.py"
    slow.write_text(f'{source}if __name__ == "__main__":{SLOW_KEYS}')
    with gateway(lab, "revocation", *PEOPLE, keys_file=slow) as made, ExitStack() as sessions:
        for name in ("alice", "bob"):
            sessions.enter_context(echo(slots.address(made.ids[name])))
        yield made


@pytest.fixture
def place(shared: Gateway) -> Iterator[Gateway]:
    """The gateway, with everybody let in and nobody logged in."""
    yield shared
    for name in ("hold", "answered"):
        (shared.host.database.parent / name).unlink(missing_ok=True)
    shared.place.run("DELETE FROM shares")
    shared.disable(*PEOPLE, disabled=False)
    wait_until(lambda: not shared.connections(), "the end of all connections")


@pytest.fixture
def streams(place: Gateway, tmp_path: Path) -> Iterator[Streams]:
    """Streams of this test."""
    with ExitStack() as undo:
        yield Streams(place, tmp_path, undo)


def test_who_is_disabled_loses_a_live_forward_and_others_keep_theirs(place: Gateway, streams: Streams) -> None:
    alice, bob = streams.open("alice"), streams.open("bob")
    place.disable("alice")
    ((user_id, fingerprint, _),) = place.revoke(user_ids=[place.ids["alice"]])["ended"]
    alice.wait_for_end()
    assert (user_id, fingerprint) == (place.ids["alice"], place.keys["alice"].fingerprint)
    assert bob.is_alive()


def test_who_is_disabled_can_not_come_back(place: Gateway, streams: Streams) -> None:
    place.disable("alice")
    assert place.ended(user_ids=[place.ids["alice"]]) == set()
    assert refused(streams.start(place.ssh("alice", "-N")))


def test_what_runs_for_the_forced_command_ends_with_the_connection(place: Gateway) -> None:
    with subprocess.Popen(place.ssh("alice"), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdin
        assert client.stdout
        client.stdin.write(b"hello\n")
        client.stdin.flush()
        assert client.stdout.readline() == b"hello\n"
        below = [pid for connection in place.connections() for pid in descendants(connection)]
        assert below
        assert place.ended(user_ids=[place.ids["alice"]]) == {place.ids["alice"]}
        assert client.wait(60) == 255
        wait_until(lambda: not [pid for pid in below if read(pid)], "the end of what ran")


def test_a_removed_key_ends_its_own_connections(place: Gateway, streams: Streams) -> None:
    alice, bob = streams.open("alice"), streams.open("bob")
    assert place.ended(fingerprints=[place.keys["bob"].fingerprint]) == {place.ids["bob"]}
    bob.wait_for_end()
    assert alice.is_alive()


def test_a_share_that_ends_takes_the_guests_alone(place: Gateway, streams: Streams) -> None:
    place.place.add_share(place.ids["alice"], place.ids["bob"], SLOT)
    owner, guest = streams.open("alice"), streams.open("bob", owner="alice")
    assert place.ended(shares=[SharedSlot(place.ids["alice"], SLOT + 1)]) == set()
    assert place.ended(shares=[SharedSlot(place.ids["bob"], SLOT)]) == set()
    assert place.ended(shares=[SharedSlot(place.ids["alice"], SLOT)]) == {place.ids["bob"]}
    guest.wait_for_end()
    assert owner.is_alive()


def test_of_two_guests_the_one_who_is_meant_goes(place: Gateway, streams: Streams) -> None:
    for name in ("bob", "carol"):
        place.place.add_share(place.ids["alice"], place.ids[name], SLOT)
    bob, carol = streams.open("bob", owner="alice"), streams.open("carol", owner="alice")
    assert place.ended(shares=[SharedSlot(place.ids["alice"], SLOT, place.ids["carol"])]) == {place.ids["carol"]}
    carol.wait_for_end()
    assert bob.is_alive()


def test_a_restored_database_ends_every_connection(place: Gateway, streams: Streams, home: Home) -> None:
    copy = str(home.path / "copy.db")
    environ = home.env | {"SRCTL_DB": str(place.host.database), "DOCKER_HOST": "tcp://127.0.0.1:1"}
    assert main(["db", "backup", copy], Context(environ)) == 0
    alice, bob = streams.open("alice"), streams.open("bob")
    assert main(["db", "restore", copy, "--yes"], Context(environ)) == 0
    alice.wait_for_end()
    bob.wait_for_end()
    assert streams.open("alice").is_alive()


def newest(place: Gateway, user: str) -> Path:
    """Return the record of somebody's last login; those of logins that are over may be there for a while."""
    found = [each for each in place.host.logins.iterdir() if f" {place.ids[user]} " in each.read_text()]
    return max(found, key=lambda each: each.stat().st_mtime_ns)


def test_a_connection_without_a_record_ends_with_any_revocation(place: Gateway, streams: Streams) -> None:
    alice, bob = streams.open("alice"), streams.open("bob")
    newest(place, "alice").unlink()
    (ended,) = place.revoke(user_ids=[place.ids["carol"]])["ended"]
    assert ended[:2] == [None, None]
    alice.wait_for_end()
    assert bob.is_alive()


def test_the_record_of_an_earlier_process_counts_as_none(place: Gateway, streams: Streams) -> None:
    alice = streams.open("alice")
    path = newest(place, "alice")
    started, _, rest = path.read_text().partition(" ")
    path.write_text(f"{int(started) - 1} {rest}")
    assert place.ended(user_ids=[place.ids["carol"]]) == {None}
    alice.wait_for_end()


def test_in_a_folder_that_others_can_enter_no_record_is_believed(place: Gateway, streams: Streams) -> None:
    alice = streams.open("alice")
    place.host.logins.chmod(0o755)
    try:
        assert place.ended(user_ids=[place.ids["carol"]]) == {None}
    finally:
        place.host.logins.chmod(0o700)
    alice.wait_for_end()


def test_nothing_is_ended_when_nothing_was_revoked(place: Gateway, streams: Streams) -> None:
    alice = streams.open("alice")
    assert place.revoke() == {"ended": [], "spared": None}
    assert alice.is_alive()


def test_ones_own_connection_is_left_for_the_end(place: Gateway, streams: Streams) -> None:
    alice, other = streams.open("alice"), None
    (own,) = place.connections()
    other = streams.open("alice")
    outcome = place.revoke(user_ids=[place.ids["alice"]], spare=own)
    other.wait_for_end()
    assert outcome["spared"] == [place.ids["alice"], place.keys["alice"].fingerprint, own]
    assert own not in [pid for *_, pid in outcome["ended"]]
    assert alice.is_alive()


def test_the_forced_command_finds_the_connection_that_it_runs_in(place: Gateway, streams: Streams) -> None:
    code = "import sys; sys.path.insert(0, '/srv/lib'); from pathlib import Path;"
    code += "from srctl.logins.revocation import Revocation; print(Revocation(Path('/srv/srctl/logins')).own())"
    wrapper = place.host.inside(Path("/srv/bin/srctl-gateway"))
    before = wrapper.read_text()
    wrapper.write_text(f'#!/bin/sh\n/usr/bin/python3 -I -c "{code}"\ncat\n')
    client = subprocess.Popen(place.ssh("alice"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with client:
        assert client.stdin
        assert client.stdout
        said = client.stdout.readline()
        assert [int(said)] == list(place.connections())
        client.stdin.close()
    wrapper.write_text(before)


def test_root_may_end_them_too(place: Gateway, streams: Streams) -> None:
    alice, bob = streams.open("alice"), streams.open("bob")
    outcome = Revocation(place.host.logins).end(user_ids=[place.ids["alice"]])
    assert [each.user_id for each in outcome.ended] == [place.ids["alice"]]
    alice.wait_for_end()
    assert bob.is_alive()


def test_one_that_does_not_listen_is_killed(place: Gateway, streams: Streams) -> None:
    alice = streams.open("alice")
    (pid,) = place.connections()
    os.kill(pid, signal.SIGSTOP)
    try:
        assert place.ended(user_ids=[place.ids["alice"]]) == {place.ids["alice"]}
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)  # else it would outlive even its server where this fails
    alice.wait_for_end()


def test_one_who_waits_before_he_signs_is_refused_afterwards(place: Gateway, streams: Streams, tmp_path: Path) -> None:
    with waiting(place, streams, tmp_path) as (client, sign):
        place.disable("alice")
        assert place.ended(user_ids=[place.ids["alice"]]) == set()
        sign()
        assert refused(client)
    assert not place.connections()


class TestInTheMiddle:
    """sshd has asked, and the answer was given before the revocation."""

    def test_a_login_that_goes_on_is_ended_when_it_appears(
        self, place: Gateway, streams: Streams, tmp_path: Path
    ) -> None:
        with waiting(place, streams, tmp_path) as (client, sign):
            go_on = stop_after_the_answer(place, sign)
            place.disable("alice")
            go_on()
            assert place.ended(user_ids=[place.ids["alice"]]) == {place.ids["alice"]}
            client.wait(60)

    def test_one_whose_keys_command_ends_while_processes_are_looked_at_is_ended(
        self, place: Gateway, streams: Streams, tmp_path: Path
    ) -> None:
        with waiting(place, streams, tmp_path) as (client, sign):
            go_on = stop_after_the_answer(place, sign, later=0)
            place.disable("alice")
            outcome = Watched(place, go_on).end(user_ids=[place.ids["alice"]])
            assert {each.user_id for each in outcome.ended} == {place.ids["alice"]}
            client.wait(60)

    def test_one_that_could_not_be_recorded_is_ended_too(
        self, place: Gateway, streams: Streams, tmp_path: Path
    ) -> None:
        with nothing_recorded(place), waiting(place, streams, tmp_path) as (client, sign):
            go_on = stop_after_the_answer(place, sign)
            place.disable("alice")
            go_on()
            assert place.ended(user_ids=[place.ids["alice"]]) == {None}
            client.wait(60)

    def test_a_keys_command_that_takes_too_long_is_ended(
        self, place: Gateway, streams: Streams, tmp_path: Path
    ) -> None:
        with waiting(place, streams, tmp_path) as (client, sign):
            stop_after_the_answer(place, sign)
            place.disable("alice")
            assert place.ended(user_ids=[place.ids["alice"]]) == set()
            assert refused(client)

    def test_of_a_crowd_that_logs_in_nobody_slips_through(self, place: Gateway, streams: Streams) -> None:
        clients = []
        for number in range(24):
            clients.append(streams.start(place.ssh("alice" if number % 3 else "bob", "-N")))
            time.sleep(0.02)
        wait_until(place.connections, "the first of them")
        place.disable("alice")
        place.revoke(user_ids=[place.ids["alice"]])
        wait_until(lambda: sum(each.poll() is not None for each in clients) == 16, "the end of all of alice's")
        assert [each.poll() for each in clients[::3]] == [None] * 8

    def test_others_who_log_in_meanwhile_get_in(self, place: Gateway, streams: Streams) -> None:
        clients = [streams.start(place.ssh(name, "-N")) for name in ("alice", "bob") * 4]
        wait_until(place.connections, "the first of them")
        place.revoke(user_ids=[place.ids["carol"]])
        wait_until(lambda: len(place.connections()) == 8, "all of them")
        assert [each.poll() for each in clients] == [None] * 8


class TestRecordsOfThePast:
    def test_they_are_removed_and_those_of_the_present_kept(self, place: Gateway, streams: Streams) -> None:
        alice = streams.open("alice")
        for name in ("4194303", ".4194303"):
            (place.host.logins / name).write_text(f"1 1 {place.keys['bob'].fingerprint} \n")
        (place.host.logins / str(os.getpid())).write_text(f"1 1 {place.keys['bob'].fingerprint} \n")
        place.revoke(user_ids=[place.ids["carol"]])
        kept = {each.name for each in place.host.logins.iterdir()}
        assert not kept & {"4194303", ".4194303", str(os.getpid())}
        assert [each for each in place.records() if f" {place.ids['alice']} " in each]
        assert alice.is_alive()


class TestNumbersOfProcesses:
    def test_a_process_that_has_another_start_is_not_touched(self) -> None:
        with subprocess.Popen(["sleep", "60"]) as sleeper:
            found = read(sleeper.pid)
            assert found
            end_all([Process(found.pid, found.parent, found.uid, found.name, found.started - 1)])
            assert sleeper.poll() is None
            end_all([found])
            assert sleeper.wait(60) == -signal.SIGTERM

    def test_one_that_has_ended_and_not_been_fetched_is_gone(self) -> None:
        with subprocess.Popen(["true"]) as done:
            wait_until(lambda: read(done.pid) is None, "its end")

    def test_what_has_gone_is_no_failure(self) -> None:
        with subprocess.Popen(["sleep", "60"]) as sleeper:
            found = read(sleeper.pid)
            assert found
            sleeper.kill()
        end_all([found])

    def test_one_of_a_container_is_never_looked_at(self) -> None:
        inside = ["unshare", "--pid", "--fork", "--kill-child", "sleep", "60"]
        with subprocess.Popen(inside) as outside:
            wait_until(lambda: descendants(outside.pid), "the process inside")
            (sleeper,) = descendants(outside.pid)
            assert read(outside.pid)
            assert Path(f"/proc/{sleeper}").exists()
            assert read(sleeper) is None
            outside.kill()

    def test_where_no_gateway_has_ever_been_nothing_is_ended(self, tmp_path: Path) -> None:
        connections: Connections = Revocation(tmp_path / "logins")  # as the use cases see it
        assert connections.end(user_ids={1}, shares={SharedSlot(1, 20001)}) == Outcome()
        assert Revocation(tmp_path / "logins").end(user_ids=[1]).ended == ()
        (tmp_path / "logins").mkdir(mode=0o700)
        assert Revocation(tmp_path / "logins").end(user_ids=[1]).ended == ()


@contextmanager
def waiting(
    place: Gateway, streams: Streams, folder: Path
) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], None]]]:
    """Give a login of alice's to whom sshd has said that the key would do, and what makes her sign."""
    private = load_ssh_private_key(place.key_file("alice").read_bytes(), None)
    assert isinstance(private, Ed25519PrivateKey)
    signs = threading.Event()

    def sign(data: bytes) -> bytes | None:
        return string(b"ssh-ed25519") + string(private.sign(data)) if signs.wait(60) else None

    held = HeldKey(string(b"ssh-ed25519") + string(private.public_key().public_bytes_raw()), sign)
    with fake_agent(folder / "agent", held) as asked:
        public = place.key_file("alice").with_suffix(".pub")
        more = {"IdentityAgent": str(folder / "agent"), "IdentityFile": str(public)}
        client = streams.start(place.ssh("alice", "-N", more=more))
        wait_until(lambda: asked, "sshd's word that the key would do", client)
        yield client, signs.set


def stop_after_the_answer(place: Gateway, sign: Callable[[], None], later: float = 0.5) -> Callable[[], None]:
    """Let alice sign, and keep the keys command when it has answered; return what lets it go some seconds later."""
    held, answered = (place.host.database.parent / name for name in ("hold", "answered"))
    answered.unlink(missing_ok=True)
    held.touch()
    sign()
    wait_until(answered.exists, "the answer")

    def go_on() -> None:
        threading.Timer(later, held.unlink).start()

    return go_on


def test_what_a_live_connection_was_permitted_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "logins"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65533, 65533)
    revocation, ours = Revocation(folder), read(os.getpid())
    assert ours is not None
    (folder / str(ours.pid)).write_text(f"{ours.started} 7 SHA256:{'a' * 43} 5:{SLOT},6:{SLOT}\n")
    (folder / "1").write_text(f"0 7 SHA256:{'a' * 43} 4:{SLOT}\n")
    assert [revocation.permitted(SharedSlot(owner, SLOT)) for owner in (4, 5, 6, 7)] == [False, True, True, False]
    assert not revocation.permitted(SharedSlot(5, SLOT + 1))


class Watched(Revocation):
    """A revocation that lets the keys command go on, to its end, between its first look and what follows from it."""

    def __init__(self, place: Gateway, go_on: Callable[[], None]) -> None:
        super().__init__(place.host.logins)
        self._records = WatchedRecords(place, go_on)


class WatchedRecords(Records):
    """Records that are first read when the processes have been."""

    def __init__(self, place: Gateway, go_on: Callable[[], None]) -> None:
        super().__init__(place.host.logins)
        self._place = place
        self._go_on: Callable[[], None] | None = go_on

    def of(self, process: Process) -> Record | None:
        if self._go_on is not None:
            self._go_on()
            self._go_on = None
            wait_until(lambda: not running_keys(self._place), "the end of the keys command")
        return super().of(process)


def running_keys(place: Gateway) -> list[int]:
    return [pid for pid in descendants(place.host.process.pid) if (found := read(pid)) and found.name == "srctl-keys"]


@contextmanager
def nothing_recorded(place: Gateway) -> Iterator[None]:
    """Remove each record as soon as it appears, as if the disk were full."""
    over = threading.Event()

    def remove() -> None:
        while not over.wait(0.001):
            for each in place.host.logins.glob("[0-9]*"):
                each.unlink(missing_ok=True)

    thread = threading.Thread(target=remove)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def refused(client: subprocess.Popen[bytes]) -> bool:
    assert client.stderr
    return client.wait(60) == 255 and b"Permission denied (publickey)" in client.stderr.read()
