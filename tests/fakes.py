"""Stand-ins for the parts that tests of rules can't wait for: an engine in memory, rights, and time.

`tests/integration/test_engine_contract.py` holds the engine to the real one.
"""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue

from srctl import planning
from srctl.clock import Clock, Closing, unhindered
from srctl.errors import ConflictError, NameTakenError, NotFoundError, SrctlError
from srctl.hosts.events import WORDS
from srctl.models import (
    NO_NETWORK,
    Application,
    Binding,
    Container,
    ContainerSpec,
    Counters,
    Endpoint,
    EngineInfo,
    Grant,
    Image,
    Policy,
    Progress,
    StartRequest,
    Usage,
    User,
)
from srctl.recording import NoRecords

WEB = "srctl/web:latest"
START = datetime(2030, 1, 1, tzinfo=UTC)


class FakeTime:
    """Time that passes only while somebody sleeps; `at` makes things happen meanwhile."""

    def __init__(self) -> None:
        self.now = 0.0
        self._plans: list[tuple[float, Callable[[], object]]] = []

    def clock(self) -> Clock:
        """The clock to hand to what needs one."""
        return Clock(lambda: self.now, self.sleep, self.date)

    def date(self) -> datetime:
        """Return the time as a date."""
        return START + timedelta(seconds=self.now)

    def sleep(self, seconds: float) -> None:
        """Let time pass, and what was planned for it happen."""
        until = self.now + seconds
        while due := sorted((plan for plan in self._plans if plan[0] <= until), key=lambda plan: plan[0]):
            self._plans.remove(due[0])
            self.now = max(self.now, due[0][0])
            due[0][1]()
        self.now = until

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        """Plan an action."""
        self._plans.append((seconds, action))


@dataclass
class FakeEvents:
    """A stream of what happens to one container, or to all that have certain labels."""

    container_id: str | None
    labels: Mapping[str, str] = field(default_factory=dict)
    words: SimpleQueue[str] = field(default_factory=SimpleQueue)

    def __iter__(self) -> FakeEvents:
        return self

    def __next__(self) -> str:
        if word := self.words.get():
            return word
        raise StopIteration

    def close(self) -> None:
        self.words.put("")


@dataclass
class FakeLog:
    """A stream of what a container writes, until it ends, it is closed, or the engine is lost."""

    container_id: str
    pieces: SimpleQueue[bytes | SrctlError | None] = field(default_factory=SimpleQueue)
    closed: bool = False

    def __iter__(self) -> FakeLog:
        return self

    def __next__(self) -> bytes:
        piece = self.pieces.get()
        if isinstance(piece, SrctlError):
            raise piece
        if piece is None:
            raise StopIteration
        return piece

    def close(self) -> None:
        self.closed = True
        self.pieces.put(None)


@dataclass
class FakeStats:
    """A stream of what a container takes; a test tells what that is."""

    container_id: str
    lines: SimpleQueue[Usage | None] = field(default_factory=SimpleQueue)
    closed: bool = False

    def tell(self, cpu: float | None, memory: int = 100 << 20) -> None:
        self.lines.put(Usage(self.container_id, cpu, memory, 16 << 30))

    def __iter__(self) -> FakeStats:
        return self

    def __next__(self) -> Usage:
        if line := self.lines.get():
            return line
        raise StopIteration

    def close(self) -> None:
        self.closed = True
        self.lines.put(None)


@dataclass
class FakeEngine:
    """An engine in memory whose containers behave as the test page does: their `MODE` tells how.

    `faults` names methods and what they raise at their next calls; `before` what happens just before a method.
    A pull does not end before `pulled` is set; `logs_open` are the logs that were asked for.
    """

    time: FakeTime = field(default_factory=FakeTime)
    name: str = "fake"
    direct: bool = True
    most_streams: int | None = None
    directories: set[str] = field(default_factory=set)
    networks: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    faults: dict[str, list[BaseException]] = field(default_factory=dict)
    before: dict[str, Callable[[], object]] = field(default_factory=dict)
    stored: dict[str, Container] = field(default_factory=dict)
    specs: dict[str, ContainerSpec] = field(default_factory=dict)
    present: dict[str, Image] = field(default_factory=lambda: {WEB: web_image()})
    registry: dict[str, Image] = field(default_factory=dict)
    pulled: threading.Event = field(default_factory=threading.Event)
    listeners: list[FakeEvents] = field(default_factory=list)
    logs_open: list[FakeLog] = field(default_factory=list)
    watched: list[FakeStats] = field(default_factory=list)
    """The streams of stats that were opened."""
    used: dict[str, Counters] = field(default_factory=dict)
    """What containers have used; those that are not named, hardly anything."""
    ended: dict[str, tuple[Mapping[str, str], datetime]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.pulled.set()

    def require_way_to_endpoints(self) -> None:
        """There is one."""

    def containers(
        self, labels: Mapping[str, str], *, stopped: bool = False, ids: Sequence[str] = ()
    ) -> list[Container]:
        self._called("containers")
        return [
            container
            for container in self.stored.values()
            if labels.items() <= container.labels.items()
            and (stopped or container.state == "running")
            and (not ids or container.id in ids)
        ]

    def container(self, name: str) -> Container:
        self._called("container")
        return self._find(name)

    def images(self) -> list[Image]:
        self._called("images")
        return list(self.present.values())

    def image(self, reference: str) -> Image:
        self._called("image")
        if reference not in self.present:
            raise NotFoundError(f"There is no image {reference} on {self.name}")
        return self.present[reference]

    def pull(self, reference: str, progress: Callable[[Progress], None], closing: Closing = unhindered) -> None:
        self._called("pull")
        if reference not in self.registry:
            raise NotFoundError(f"{reference} can't be pulled to {self.name}")
        progress(Progress("Downloading", "layer", 30, 100))
        given_up = threading.Event()
        with closing(given_up.set):
            while not self.pulled.wait(0.005):
                if given_up.is_set():
                    raise SrctlError("The stream ended")
        progress(Progress("Pull complete", "layer", 1, 1))
        self.present[reference] = self.registry[reference]

    def create(self, spec: ContainerSpec) -> str:
        self._called("create")
        if spec.image not in self.present:
            raise NotFoundError(f"No such image: {spec.image}")
        for mount in spec.mounts:
            if mount.kind == "bind" and mount.source not in self.directories:
                raise NotFoundError(f"The volume source {mount.source} does not exist on the Docker host {self.name}")
        if any(container.name == spec.name for container in self.stored.values()):
            raise NameTakenError(f"The name {spec.name} is taken")
        image = self.present[spec.image]
        container = Container(
            id=f"{next(self._numbers):064x}",
            name=spec.name,
            image=spec.image,
            image_id=image.id,
            state="created",
            labels={**image.labels, **spec.labels},
            created=self.time.date(),
            exit_code=0,
        )
        self.stored[container.id], self.specs[container.id] = container, spec
        self._tell(container, "create")
        return container.id

    def rename(self, container_id: str, name: str) -> None:
        self._called("rename")
        container = self._find(container_id)
        if any(other.name == name for other in self.stored.values()):
            raise NameTakenError(f"The name {name} is taken")
        self.stored[container.id] = replace(container, name=name)

    def counters(self, container_id: str) -> Counters | None:
        self._called("counters")
        return self.used.get(container_id, Counters(0.1, 0)) if self._find(container_id).state == "running" else None

    def deaths(self, labels: Mapping[str, str], since: datetime) -> dict[str, datetime]:
        self._called("deaths")
        late = {name: found for name, found in self.ended.items() if found[1] >= since}
        return {name: when for name, (marks, when) in late.items() if labels.items() <= marks.items()}

    def start(self, container_id: str, network: str) -> None:
        self._called("start")
        self.networks.add(network)
        container = self._find(container_id)
        if self._mode(container.id) == "crash":
            self.exit(container.id, 3)
        else:
            spec = self.specs[container.id]
            binding = Binding(spec.port, spec.address, spec.host_port or 30000 + int(container.id, 16))
            bindings = () if network == NO_NETWORK else (binding,)
            self.stored[container.id] = replace(container, state="running", bindings=bindings)
            self._tell(container, "start")

    def stop(self, container_id: str) -> None:
        self._called("stop")
        self.exit(self._find(container_id).id, 0)

    def remove(self, container_id: str, *, force: bool = True) -> None:
        self._called("remove")
        container = self._find(container_id)
        if container.state == "running" and not force:
            raise ConflictError(f"{container.name} runs")
        if container.state == "running":
            self.ended[container.id] = (container.labels, self.time.date())
            self._tell(container, "die")
        del self.stored[container.id]
        self._end_logs(container.id)
        self._tell(container, "destroy")

    def logs(self, container_id: str, *, tail: int | None = None, follow: bool = False) -> FakeLog:
        self._called("logs")
        container = self._find(container_id)
        lines = [b"cannot start: told to crash\n" if self._mode(container.id) == "crash" else b"starting\n"]
        log = FakeLog(container.id)
        for line in lines[len(lines) - tail if tail is not None else 0 :]:
            log.pieces.put(line)
        if not (follow and container.state == "running"):
            log.pieces.put(None)
        self.logs_open.append(log)
        return log

    def events(self, container_id: str) -> FakeEvents:
        self._called("events")
        self.listeners.append(FakeEvents(container_id))
        return self.listeners[-1]

    def changes(self, labels: Mapping[str, str]) -> FakeEvents:
        self._called("changes")
        self.listeners.append(FakeEvents(None, labels))
        return self.listeners[-1]

    def stats(self, container_id: str) -> FakeStats:
        self._called("stats")
        stream = FakeStats(self._find(container_id).id)
        self.watched.append(stream)
        stream.tell(None)
        return stream

    def probe(self, endpoint: Endpoint, patience: float) -> int | None:
        self._called("probe")
        for container in self.stored.values():
            if any(binding.port == endpoint.port for binding in container.bindings):
                return self._answer(container, endpoint.path, patience)
        raise ConnectionRefusedError

    def version(self) -> str:
        return "20.10"

    def info(self) -> EngineInfo:
        self._called("info")
        running = sum(container.state == "running" for container in self.stored.values())
        return EngineInfo("20.10", "Debian", 8, 16 << 30, running, socket.gethostname())

    def exit(self, container_id: str, code: int) -> None:
        """Let a container's process end."""
        now = self.time.date()
        ended = replace(self.stored[container_id], state="exited", bindings=(), exit_code=code, finished=now)
        self.ended[container_id] = (ended.labels, now)
        self.stored[container_id] = ended
        self._end_logs(container_id)
        self._tell(ended, "die")

    def _end_logs(self, container_id: str) -> None:
        for log in self.logs_open:
            if log.container_id == container_id:
                log.pieces.put(None)

    def _tell(self, container: Container, word: str) -> None:
        for each in self.listeners:
            asked_by_name = each.container_id == container.id and word in WORDS
            if asked_by_name or (each.container_id is None and each.labels.items() <= container.labels.items()):
                each.words.put(word)

    def _answer(self, container: Container, path: str, patience: float) -> int | None:
        mode = self._mode(container.id)
        if mode == "never":
            self.time.sleep(patience)
        if mode in ("never", "refuse"):
            return None
        if mode in ("500", "503"):
            return int(mode)
        env = self.specs[container.id].env
        base = f"{env['JPY_BASE_USER_URL']}/containers/{env['URL_ID']}"
        return 302 if path == base else 200 if path.startswith(f"{base}/") else 404

    def _mode(self, container_id: str) -> str:
        return self.specs[container_id].env.get("MODE", "ok")

    def _find(self, name: str) -> Container:
        for container in self.stored.values():
            if name in (container.id, container.name):
                return container
        raise NotFoundError(f"No such container: {name}")

    def _called(self, method: str) -> None:
        self.calls.append(method)
        if action := self.before.pop(method, None):
            action()
        if waiting := self.faults.get(method):
            raise waiting.pop(0)


@dataclass
class FakeRights:
    """The accounting database's part in sessions."""

    users: list[User] = field(default_factory=list)
    given: list[Grant] = field(default_factory=list)
    registered: list[Application] = field(default_factory=list)
    asked: set[tuple[str, str]] = field(default_factory=set)
    records: NoRecords = field(default_factory=NoRecords)

    def user(self, name: str) -> User:
        for user in self.users:
            if user.name == name:
                return user
        raise NotFoundError(f"There is no user {name}")

    def applications(self) -> list[Application]:
        granted = {grant.application.image: grant.application for grant in self.given}
        return [*granted.values(), *self.registered]

    def grants(self, *, user: str | None = None, group: str | None = None, image: str | None = None) -> list[Grant]:
        wanted = [g for g in self.given if user in (None, g.user) and group in (None, g.group)]
        return [g for g in wanted if image in (None, g.application.image)]

    def grants_by_id(self, ids: Iterable[str]) -> dict[str, Grant]:
        return {grant.id: grant for grant in self.given if grant.id in set(ids)}

    def held(self, claims: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        self.asked = set(claims)
        return frozenset(self.asked) & {(str(grant.user), grant.id) for grant in self.given}


def web_image() -> Image:
    """Return the test page's image, as far as rules read it."""
    labels = {"eu.simphony-project.docker.type": "webapp", "eu.simphony-project.docker.ui_name": "Test page"}
    return Image("sha256:" + "1" * 64, (WEB,), labels | {"io.srctl.profile": "strict"}, (8888, 9999), user="1000:1000")


def rights(policy: Policy | None = None) -> FakeRights:
    """Return rights under which ann may start the test page."""
    grant = Grant("a" * 32, "ann", Application(WEB, 1), policy or Policy(), START)
    return FakeRights([User(1, "ann", START), User(2, "bob", START)], [grant])


def unreachable_from_now_on(engine: FakeEngine, error: SrctlError) -> None:
    """Let every further call of the engine fail."""
    methods = ("containers", "container", "image", "create", "start", "stop", "remove", "logs", "probe")
    engine.faults.update({method: [error] * 100 for method in methods})


def other_process(engine: FakeEngine, *, started: bool) -> str:
    """Do what another srctl does that starts the same grant; return its session's id."""
    grant = rights().given[0]
    user = rights().users[0]
    session_id = "b" * 32
    order = planning.Order(user, grant, engine.present[WEB], StartRequest(WEB), "test", session_id)
    container_id = engine.create(planning.plan(order))
    if started:
        engine.start(container_id, "srctl")
    engine.calls.clear()
    return session_id


def only(engine: FakeEngine) -> Container:
    """Return the one container there is."""
    [container] = engine.stored.values()
    return container
