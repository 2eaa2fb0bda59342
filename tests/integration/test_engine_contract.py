"""What srctl relies on in an engine: the same tests on the real one and on the one in memory."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from srctl.errands import Errand
from srctl.errors import ConflictError, InterruptedByUserError, NameTakenError, NotFoundError
from srctl.hosts.engine import DockerHost
from srctl.labels import RUNINFO, endpoint
from srctl.models import Container, ContainerSpec, Endpoint, Hardening, Host, Mount
from srctl.needs import Engine
from tests.fakes import WEB, FakeEngine
from tests.integration.ssh_parts import tcp_server

MakeSpec = Callable[..., ContainerSpec]


@pytest.fixture(scope="module", params=["fake", "real"])
def host(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "fake":
        yield FakeEngine()
        return
    request.getfixturevalue("web_image")
    real = DockerHost(Host("here", request.getfixturevalue("engine").url, "flag"), None)
    yield real
    real.close()


@pytest.fixture(scope="module")
def make_spec(host: Engine) -> Iterator[MakeSpec]:
    """Describe a container of the test page; whatever was created of it is removed afterwards."""
    specs: list[ContainerSpec] = []

    def make(mode: str = "ok", **changes: object) -> ContainerSpec:
        identifier = secrets.token_hex(16)
        env = {"MODE": mode, "URL_ID": identifier, "JPY_BASE_USER_URL": "/user/ann", "JPY_USER": "ann", "USER": "ann"}
        labels = {RUNINFO + "url_id": identifier, RUNINFO + "realm": identifier, "io.srctl.port": "8888"}
        labels["io.srctl.path"] = f"/user/ann/containers/{identifier}/"
        values = {"name": f"contract-{identifier}", "image": WEB, "labels": labels, "env": env, "port": 8888}
        spec = ContainerSpec(**(values | {"network": "srctl"} | changes))  # type: ignore[arg-type]
        specs.append(spec)
        return spec

    yield make
    for spec in specs:
        with suppress(NotFoundError):
            host.remove(spec.name)


@pytest.fixture(scope="module")
def running(host: Engine, make_spec: MakeSpec) -> Container:
    """A container that answers; for looking only."""
    container = launch(host, make_spec())
    eventually(lambda: probed(host, where(container)), 200)
    return container


def launch(host: Engine, spec: ContainerSpec) -> Container:
    identifier = host.create(spec)
    host.start(identifier, spec.network)
    return host.container(identifier)


def eventually(look: Callable[[], object], wanted: object, limit: float = 30) -> None:
    end = time.monotonic() + limit
    while (found := look()) != wanted:
        assert time.monotonic() < end, f"{found!r} instead of {wanted!r}"
        time.sleep(0.02)


def where(container: Container, path: str | None = None) -> Endpoint:
    found = endpoint(container)
    assert found is not None
    return Endpoint(found.address, found.port, path=path or found.path)


def probed(host: Engine, target: Endpoint) -> object:
    try:
        return host.probe(target, 0.3)
    except ConnectionRefusedError:
        return "refused"


def test_a_created_container_is_listed_with_the_stopped_ones_only(host: Engine, make_spec: MakeSpec) -> None:
    spec = make_spec()
    identifier = host.create(spec)
    assert host.containers(spec.labels) == []
    [listed] = host.containers(spec.labels, stopped=True)
    assert (listed.id, listed.name, listed.image, listed.state) == (identifier, spec.name, WEB, "created")
    assert spec.labels.items() <= listed.labels.items()


def test_all_labels_must_match(host: Engine, running: Container) -> None:
    assert len(host.containers(running.labels)) == 1
    assert host.containers({**running.labels, RUNINFO + "user": "somebody else"}) == []


def test_a_list_tells_the_same_as_an_inspect(host: Engine, running: Container) -> None:
    [listed] = host.containers(running.labels)
    for field in ("id", "name", "image", "image_id", "state", "labels", "bindings"):
        assert getattr(listed, field) == getattr(running, field)
    assert abs((listed.created - running.created).total_seconds()) <= 1


def test_a_container_is_found_by_id_and_by_name(host: Engine, make_spec: MakeSpec) -> None:
    spec = make_spec()
    identifier = host.create(spec)
    assert host.container(identifier) == host.container(spec.name)


def test_an_unknown_container_is_not_found(host: Engine) -> None:
    for act in (host.container, host.stop, host.remove, lambda name: list(host.logs(name))):
        with pytest.raises(NotFoundError):
            act("no-such-container")
    with pytest.raises(NotFoundError):
        host.start("no-such-container", "srctl")


def test_a_name_is_given_once(host: Engine, make_spec: MakeSpec) -> None:
    spec = make_spec()
    host.create(spec)
    with pytest.raises(NameTakenError):
        host.create(spec)


def test_a_name_is_free_again_when_its_container_is_removed(host: Engine, make_spec: MakeSpec) -> None:
    spec = make_spec()
    host.remove(host.create(spec))
    assert host.create(spec)


def test_a_container_is_given_another_name_that_nobody_has(host: Engine, make_spec: MakeSpec) -> None:
    spec, other = make_spec(), make_spec()
    identifier = host.create(spec)
    host.create(other)
    with pytest.raises(NameTakenError):
        host.rename(identifier, other.name)
    host.rename(identifier, f"{spec.name}-1")
    assert host.container(f"{spec.name}-1").id == identifier
    host.create(spec)
    host.remove(identifier)
    with pytest.raises(NotFoundError):
        host.rename(identifier, spec.name)


def test_what_a_container_has_used_is_told_while_it_runs(host: Engine, make_spec: MakeSpec) -> None:
    container = launch(host, make_spec())
    first = host.counters(container.id)
    assert first is not None
    assert first.cpu_seconds > 0
    assert first.net_bytes is not None
    host.stop(container.id)
    assert host.counters(container.id) is None
    host.remove(container.id)
    with pytest.raises(NotFoundError):
        host.counters(container.id)


def test_when_a_container_ended_is_told_also_when_it_is_gone(host: Engine, make_spec: MakeSpec) -> None:
    spec = make_spec()
    began = host.container(host.create(spec))
    assert began.finished is None
    host.start(began.id, spec.network)
    host.stop(began.id)
    finished = host.container(began.id).finished
    assert finished is not None
    assert finished >= began.created
    host.remove(began.id)
    since = began.created - timedelta(seconds=5)
    died = host.deaths(spec.labels, since)[began.id]
    assert abs((died - finished).total_seconds()) <= 1
    assert host.deaths({**spec.labels, "no": "such"}, since) == {}


def test_a_container_without_a_network_publishes_nothing(host: Engine, make_spec: MakeSpec) -> None:
    container = launch(host, make_spec(network="none"))
    assert (container.state, container.bindings) == ("running", ())


def test_what_runs_is_removed_by_force_only(host: Engine, make_spec: MakeSpec) -> None:
    container = launch(host, make_spec())
    with pytest.raises(ConflictError):
        host.remove(container.id, force=False)
    assert host.container(container.id).state == "running"
    host.remove(container.id)
    with pytest.raises(NotFoundError):
        host.container(container.id)


def test_a_missing_image_is_not_found_and_nothing_is_created(host: Engine, make_spec: MakeSpec) -> None:
    spec = make_spec(image="srctl/no-such-image:latest")
    with pytest.raises(NotFoundError, match="no-such-image"):
        host.create(spec)
    assert host.containers(spec.labels, stopped=True) == []


def test_a_missing_volume_source_is_named_and_nothing_is_created(
    host: Engine, make_spec: MakeSpec, tmp_path: Path
) -> None:
    source = tmp_path / "not there"
    spec = make_spec(mounts=(Mount("bind", str(source), "/data"),))
    with pytest.raises(NotFoundError, match=str(source)):
        host.create(spec)
    assert host.containers(spec.labels, stopped=True) == []
    assert not source.exists()


def test_the_applications_port_is_published_on_loopback_only(running: Container) -> None:
    assert running.state == "running"
    assert [(b.container_port, b.address) for b in running.bindings] == [(8888, "127.0.0.1")]


def test_starting_twice_is_no_error(host: Engine, running: Container) -> None:
    host.start(running.id, "srctl")
    assert host.container(running.id) == running


def test_the_application_answers_below_its_path(host: Engine, running: Container) -> None:
    assert host.probe(where(running), 3) == 200
    assert host.probe(where(running, where(running).path.rstrip("/")), 3) == 302
    assert host.probe(where(running, "/elsewhere"), 3) == 404


def test_an_error_of_the_application_is_its_status(host: Engine, make_spec: MakeSpec) -> None:
    container = launch(host, make_spec("503"))
    eventually(lambda: probed(host, where(container)), 503)


@pytest.mark.parametrize("mode", ["never", "refuse"])
def test_no_answer_is_no_status(host: Engine, make_spec: MakeSpec, mode: str) -> None:
    container = launch(host, make_spec(mode))
    assert host.probe(where(container), 0.3) is None


def test_a_stopped_container_has_exited_and_keeps_no_port(host: Engine, make_spec: MakeSpec) -> None:
    spec = make_spec()
    container = launch(host, spec)
    host.stop(container.id)
    eventually(lambda: probed(host, where(container)), "refused")
    stopped = host.container(container.id)
    assert (stopped.state, stopped.exit_code, stopped.bindings) == ("exited", 0, ())
    assert host.containers(spec.labels) == []
    host.stop(container.id)


def test_a_crash_leaves_its_exit_code_and_its_words(host: Engine, make_spec: MakeSpec) -> None:
    container = launch(host, make_spec("crash"))
    assert b"".join(host.logs(container.id, follow=True)) == b"cannot start: told to crash\n"
    eventually(lambda: host.container(container.id).state, "exited")
    assert host.container(container.id).exit_code == 3
    assert b"".join(host.logs(container.id)) == b"cannot start: told to crash\n"
    assert list(host.logs(container.id, tail=0)) == []


def test_a_log_that_is_followed_ends_when_another_thread_closes_it(host: Engine, running: Container) -> None:
    log = host.logs(running.id, follow=True)
    assert b"starting" in next(log)
    threading.Timer(0.2, log.close).start()
    begun = time.monotonic()
    for _ in log:  # what it writes meanwhile
        pass
    assert 0.1 < time.monotonic() - begun < 2


def silent(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def test_a_pull_that_is_given_up_ends_at_once_whatever_the_registry_does(host: Engine) -> None:
    with tcp_server(silent) as port:
        image = f"127.0.0.1:{port}/silent:1"
        if isinstance(host, FakeEngine):
            host.registry[image] = host.present[WEB]
            host.pulled.clear()
        errand = Errand()
        threading.Timer(0.3, errand.give_up).start()
        begun = time.monotonic()
        with pytest.raises(InterruptedByUserError):
            host.pull(image, errand, errand.closing)
        assert 0.2 < time.monotonic() - begun < 1


def test_a_running_container_can_be_removed_once(host: Engine, make_spec: MakeSpec) -> None:
    container = launch(host, make_spec())
    host.remove(container.id)
    with pytest.raises(NotFoundError):
        host.remove(container.id)


def test_what_happens_to_one_container_is_told_as_it_happens(host: DockerHost, make_spec: MakeSpec) -> None:
    other, container = (launch(host, make_spec()) for _ in range(2))
    events = host.events(container.id)
    for each in (other, container):
        host.stop(each.id)
    assert next(events) == "die"
    for each in (other, container):
        host.start(each.id, "srctl")
    assert next(events) == "start"
    host.remove(container.id)
    assert [next(events) for _ in range(2)] == ["die", "destroy"]
    events.close()


def test_what_happens_to_containers_with_certain_labels_is_told_as_it_happens(
    host: Engine, make_spec: MakeSpec
) -> None:
    mine, other = make_spec(), make_spec()
    changes = host.changes(mine.labels)
    launch(host, other)
    container = launch(host, mine)
    host.stop(container.id)
    host.remove(container.id)
    assert [next(changes) for _ in range(4)] == ["create", "start", "die", "destroy"]
    changes.close()


def test_closing_a_stream_of_events_ends_it_for_who_waits(host: DockerHost, running: Container) -> None:
    events, over = host.events(running.id), threading.Event()

    def wait() -> None:
        with suppress(Exception):
            next(events)
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    events.close()
    assert over.wait(10)


def test_an_image_tells_its_labels_ports_and_user(host: Engine) -> None:
    image = host.image(WEB)
    assert image.labels["eu.simphony-project.docker.type"] == "webapp"
    assert (image.ports, image.user) == ((8888, 9999), "1000:1000")
    [listed] = [each for each in host.images() if WEB in each.tags]
    assert (listed.id, listed.labels["io.srctl.profile"]) == (image.id, "strict")


def test_an_unknown_image_is_not_found(host: Engine) -> None:
    with pytest.raises(NotFoundError, match="no-such-image"):
        host.image("srctl/no-such-image:latest")


def test_a_confined_container_can_be_described(host: Engine, make_spec: MakeSpec) -> None:
    hardening = Hardening(read_only=True, cap_drop=("ALL",), tmpfs=("/tmp",), pids=64, memory=2**28, cpus=0.5)
    assert launch(host, make_spec(hardening=hardening)).state == "running"


def test_what_a_container_takes_is_told_as_time_goes_by(host: Engine, running: Container) -> None:
    stats = host.stats(running.id)
    first = next(stats)
    assert (first.container_id, first.cpu) == (running.id, None)
    assert first.memory
    assert first.limit
    assert first.memory <= first.limit
    stats.close()
    with pytest.raises(NotFoundError):
        host.stats("no-such-container")


def test_closing_a_stream_of_stats_ends_it_for_who_waits(host: Engine, running: Container) -> None:
    stats, over = host.stats(running.id), threading.Event()

    def read() -> None:
        for _ in stats:
            pass
        over.set()

    threading.Thread(target=read, daemon=True).start()
    stats.close()
    assert over.wait(10)


def test_only_the_containers_that_are_named_are_listed(host: Engine, make_spec: MakeSpec) -> None:
    labels = make_spec().labels
    first, second = (host.create(make_spec(labels=labels)) for _ in range(2))
    assert [each.id for each in host.containers(labels, stopped=True, ids=[second])] == [second]
    assert len(host.containers(labels, stopped=True, ids=[first, second, "e" * 64])) == 2
    assert host.containers({RUNINFO + "realm": "another"}, stopped=True, ids=[first]) == []


def test_an_engine_tells_of_its_machine(host: Engine, running: Container) -> None:
    info = host.info()
    assert info.version
    assert info.cores >= 1
    assert info.memory > 1 << 20
    assert info.running >= 1
