"""A tunnel that is kept alive: on a connection, a forward and a session that do what the test says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from srctl.errors import NotAllowedError, NotFoundError, SessionEndedError, SrctlError, UnreachableError
from srctl.models import Endpoint
from srctl.tunnel.errors import HostKeyError, LoginNeededError
from tests.unit.supervisor_stage import FAST, GONE, LIMIT, Stage
from tools.processes import wait_until


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.tunnel.close()


@pytest.fixture
def hasty() -> Iterator[Stage]:
    """A tunnel whose times are over soon."""
    stage = Stage(FAST)
    yield stage
    stage.tunnel.close()


def test_a_lost_connection_is_made_again_and_its_cause_is_kept(stage: Stage) -> None:
    before = stage.tunnel.standing
    assert (before.state, before.cause, before.last_error, before.reconnects) == ("up", None, None, 0)
    stage.link.lose("the other end closed it")
    after = stage.back()
    assert after.cause is None
    assert after.last_error == "the SSH connection was lost: the other end closed it"
    assert after.since >= before.since
    assert [forward.state for forward in stage.forwards] == ["closed", "up"]


def test_numbers_are_summed_over_all_forwards(stage: Stage) -> None:
    for count in (1, 2):
        stage.link.lose()
        stage.back(count)
    found = stage.tunnel.standing
    assert (found.connections, found.connections_total, found.bytes_in, found.bytes_out) == (1, 9, 30, 15)


def test_who_connects_meanwhile_waits_and_is_handed_over_in_order(stage: Stage) -> None:
    stage.link.gate.clear()
    stage.link.lose()
    stage.stands("reconnecting")
    clients = [stage.connect() for _ in range(3)]
    for number, client in enumerate(clients):
        client.sendall(b"%d" % number)
    stage.link.gate.set()
    stage.back()
    assert [each.recv(1) for each in stage.forwards[1].waiting] == [b"0", b"1", b"2"]
    for client in clients:
        client.close()


def test_who_waits_too_long_is_reset(hasty: Stage) -> None:
    hasty.link.gate.clear()
    hasty.link.lose()
    hasty.stands("reconnecting")
    with hasty.connect() as client, pytest.raises(ConnectionResetError):
        client.recv(1)
    hasty.link.gate.set()
    hasty.back()
    assert hasty.forwards[1].waiting == []


def test_who_gave_up_waiting_is_not_handed_over(stage: Stage) -> None:
    stage.link.gate.clear()
    stage.link.lose()
    stage.stands("reconnecting")
    with stage.connect() as another:
        another.shutdown(socket.SHUT_WR)
        assert another.recv(1) == b"", "it is dropped"
    with stage.connect() as client:
        client.sendall(b"x")
        stage.link.gate.set()
        stage.back()
        assert [each.recv(1) for each in stage.forwards[1].waiting] == [b"x"]


def test_a_host_that_is_away_is_tried_again_and_again(stage: Stage) -> None:
    for _ in range(4):
        stage.link.refusals.put(UnreachableError("nobody answers at lab:22"))
    stage.link.lose()
    stage.back()
    assert stage.link.tries == 5
    assert stage.log.count("reconnecting: nobody answers at lab:22") == 1


def test_a_login_that_needs_a_person_says_so_and_is_tried_again_later(stage: Stage) -> None:
    for _ in range(2):
        stage.link.refusals.put(LoginNeededError("lab accepts none of your keys"))
    stage.link.lose()
    assert "the other end closed it" in str(stage.back().last_error)
    assert stage.link.tries == 3
    assert stage.log.count("reconnecting: needs login: lab accepts none of your keys") == 1


@pytest.mark.parametrize(
    "error",
    [
        HostKeyError("the key of lab has changed"),
        NotFoundError(f"Session x {GONE}"),
        NotAllowedError("the leave was taken back"),
    ],
)
def test_some_failures_end_the_tunnel_for_good(stage: Stage, error: SrctlError) -> None:
    stage.link.refusals.put(error)
    stage.link.lose()
    found = stage.stands("down", error.message)
    assert stage.tunnel.failure is error
    assert found.last_error == error.message
    with pytest.raises(ConnectionRefusedError):
        stage.connect()


def test_a_container_that_restarts_is_followed_to_its_new_port(stage: Stage) -> None:
    stage.session.problem = SessionEndedError("the application ended with exit code 0")
    stage.session.say("die")
    stage.stands("reconnecting", "the application has stopped and is waited for")
    with stage.connect() as client:
        client.sendall(b"x")
        stage.session.problem, stage.session.endpoint = None, Endpoint("127.0.0.1", 2000)
        stage.session.say("start")
        stage.back()
        assert stage.forwards[-1].endpoint.port == 2000
        assert [each.recv(1) for each in stage.forwards[-1].waiting] == [b"x"]
    told = [*stage.log, str(stage.tunnel.standing.last_error)]
    assert sum("has stopped and is waited for" in line for line in told) == 2
    assert not any("exit code" in line for line in told)


def test_a_port_that_moves_while_nothing_breaks_is_followed(stage: Stage) -> None:
    stage.session.endpoint = Endpoint("127.0.0.1", 2000)
    stage.session.say("start")
    assert "moved to port 2000" in str(stage.back().last_error)
    assert stage.forwards[-1].endpoint.port == 2000


def test_news_that_change_nothing_interrupt_nothing(stage: Stage) -> None:
    for word in ("start", "destroy"):
        stage.session.say(word)
    stage.session.say(None)
    wait_until(lambda: stage.session.streams == 2 or None, "the stream to be opened again")
    assert len(stage.forwards) == 1
    assert stage.tunnel.standing.reconnects == 0


def test_an_application_that_ended_ends_the_tunnel_after_a_grace(hasty: Stage) -> None:
    begun = time.monotonic()
    hasty.session.problem = SessionEndedError("the application ended with exit code 3")
    hasty.session.say("die")
    hasty.stands("down", "exit code 3")
    assert [line.partition(":")[0] for line in hasty.log] == ["up", "reconnecting", "down"]
    assert time.monotonic() - begun >= FAST.grace


def test_a_removed_session_ends_the_tunnel_at_once(stage: Stage) -> None:
    stage.session.problem = NotFoundError("Session x was stopped and removed")
    stage.session.say("destroy")
    stage.stands("down", "was stopped and removed")
    assert isinstance(stage.tunnel.failure, NotFoundError)


def test_an_engine_that_is_away_does_not_keep_the_tunnel_down(stage: Stage) -> None:
    stage.session.problem = UnreachableError("Docker does not answer")
    stage.link.lose()
    stage.back()
    assert stage.forwards[-1].endpoint.port == 1000
    assert any("can't be asked where the session is: Docker does not answer" in line for line in stage.log)


def test_an_engine_that_answers_only_while_nobody_listens_is_asked_now_and_then(stage: Stage) -> None:
    def locate() -> Endpoint:
        if stage.session.listeners:
            raise UnreachableError("the server allows one session")
        return stage.session.endpoint

    stage.session.locate = locate  # type: ignore[method-assign]
    stage.session.endpoint = Endpoint("127.0.0.1", 2000)
    stage.session.say("start")
    stage.back()
    stage.session.endpoint = Endpoint("127.0.0.1", 3000)
    stage.back(2)
    assert [forward.endpoint.port for forward in stage.forwards] == [1000, 2000, 3000]
    assert stage.session.streams == 1


def test_an_engine_that_hangs_does_not_either(hasty: Stage) -> None:
    hanging = threading.Event()

    def locate() -> Endpoint:
        hanging.wait(60)
        return hasty.session.endpoint

    hasty.session.locate = locate  # type: ignore[method-assign]
    hasty.link.lose()
    hasty.back()
    hanging.set()


def test_closing_does_not_wait_for_a_login_under_way(stage: Stage) -> None:
    stage.link.gate.clear()
    stage.link.lose()
    stage.stands("reconnecting")
    with stage.connect() as client:
        begun = time.monotonic()
        stage.tunnel.close()
        assert time.monotonic() - begun < LIMIT, "the login takes longer"
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    stage.link.gate.set()
    assert len(stage.forwards) == 1


def test_a_failure_that_nobody_foresaw_ends_the_tunnel_and_is_in_the_log(
    stage: Stage,
) -> None:
    stage.link.reconnect = lambda: 1 // 0  # type: ignore[method-assign, assignment]
    stage.link.lose()
    found = stage.stands("down", "ZeroDivisionError")
    assert found.last_error == found.cause
    assert any("Traceback" in line for line in stage.log)


def test_waiting_for_a_change_ends_when_there_is_one(stage: Stage) -> None:
    threading.Timer(0.05, stage.link.lose).start()
    begun = time.monotonic()
    stage.tunnel.wait(3600)
    assert time.monotonic() - begun < LIMIT
    stage.back()
