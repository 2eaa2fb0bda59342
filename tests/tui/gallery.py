"""What the pictures of the screen show: a team's day at a fixed moment, with ids and ages that are always the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from srctl.accounting import Accounting
from srctl.db.ledger import Ledger
from srctl.db.setup import initialise
from srctl.db.store import open_store
from srctl.entry import AuditEntry
from srctl.errors import UnreachableError
from srctl.images import PREFIX
from srctl.labels import EXTRA, RUNINFO
from srctl.logins import FOLDER
from srctl.models import (
    Application,
    Container,
    Endpoint,
    Host,
    Policy,
    Standing,
    TunnelPlan,
    Volume,
)
from srctl.tunnel.registry import Registry
from tests.cli.front_door import FrontDoor
from tests.fakes import START, FakeEngine
from tests.tui.stage import Stage, among
from tests.tui.steady import NOW, SteadyEngine, digest

PID = 4711
SETTINGS = {f"{PREFIX}env.x11-{name}": "" for name in ("width", "height", "depth")}
APPLICATIONS = (
    ("jupyter/scipy:2029", "JupyterLab", Policy(allow_home=True)),
    ("kitware/paraview:6", "ParaView", Policy(allow_home=True, volumes=(Volume("/srv/chem", "/data", "ro"),))),
    ("srctl/desktop:latest", "Desktop", Policy()),
    ("blender:5", "Blender", Policy(license="KEY")),
    ("freecad:1", "FreeCAD", Policy(allow_startup_data=True)),
    ("matlab:r2029b", "MATLAB", Policy(license="KEY")),
)
AWAY = UnreachableError("gpu-2 refuses connections", "Is it up? srctl host check gpu-2 tells more")
NEEDING_PULL = "matlab:r2029b"
SCRIPTS = {
    "jupyter/scipy:2029": "部屋の設計図を描く道具",
    "kitware/paraview:6": "تصميم البيت 3D",
    "freecad:1": "Cafe\u0301 de\u0301ja\u0300 vu",
    "blender:5": "\uff22lender \U0001f3a8",
    "srctl/desktop:latest": "[bold]Desk[/bold]\x1b[31m\u202etop",
}
"""Titles that are wide, run to the left, combine, and want to be more than a title."""
OTHERS = (
    ("ben", "jupyter/scipy:2029", 5 * 3600, "lab"),
    ("chiara", "kitware/paraview:6", 2700, "lab"),
    ("ben", "blender:5", 9 * 3600, "gpu-1"),
    ("chiara", "jupyter/scipy:2029", 1500, "gpu-1"),
    ("dmitri", "freecad:1", 4 * 86400, "gpu-1"),
)
"""What runs for other users: for whom, what, since how many seconds, and where."""
KEY = "SHA256:wUvUoRPjNrvA3yJpVbI8xX4zJkz0c1m2nH5qT7dE9fg"
AUDIT = (
    (10, "ada", "session.open", "JupyterLab on lab", "ok"),
    (95, "chiara", "session.start", "kitware/paraview:6", "ok"),
    (340, "ben", "session.start", "blender:5: The session limit of 4 is reached", "limit-reached"),
    (900, "ada", "grant.add", "blender:5 to ben, with a licence", "ok"),
    (1210, "dmitri", "session.list", "dmitri is disabled", "not-allowed"),
    (4000, "ada", "user.disable", "dmitri", "ok"),
    (86000, None, "login", "a key that belongs to nobody", "not-allowed"),
)
"""What was done through the gateway: how many seconds ago, by whom, what, and how it went."""


@dataclass
class Scene(Stage):
    """A stage with all the engines on it."""

    engines: tuple[FakeEngine, ...] = ()


def database(path: Path) -> None:
    """Make the accounting database."""
    initialise(str(path))
    with open_store(str(path)) as store:
        accounting = Accounting(store)
        accounting.add_users(["ada"], admin=True).check()
        accounting.add_users(["ben", "chiara", "dmitri"]).check()
        for image, title, permits in APPLICATIONS:
            accounting.add_application(Application(image, title=title), verify=False)
            accounting.add_grant(image, "ada", permits)
        accounting.add_grant("jupyter/scipy:2029", "ben")
        accounting.disable("dmitri")


def engine(name: str = "lab") -> SteadyEngine:
    """Return an engine that has the images."""
    made = SteadyEngine(name=name, direct=False, directories={"/srv/chem"})
    [web] = made.present.values()
    for image, _, _ in APPLICATIONS:
        labels = {name: text for name, text in web.labels.items() if "ui_name" not in name}
        settings = SETTINGS if "desktop" in image else {}
        made.present[image] = replace(
            web,
            id=f"sha256:{digest(len(image))}",
            tags=(image,),
            labels=labels | settings,
            size=len(image) * 130_000_000,
        )
    made.registry[NEEDING_PULL] = made.present.pop(NEEDING_PULL)
    return made


def day(front: FrontDoor) -> Scene:
    """Return a stage on which ada has sessions of all kinds."""
    stage = quiet(front)
    for image, ago in (("jupyter/scipy:2029", 3 * 3600), ("kitware/paraview:6", 750), ("freecad:1", 26 * 3600)):
        begin(stage, image, ago)
    ended = begin(stage, "blender:5", 5400)
    stage.engine.exit(ended, 137)
    starting = begin(stage, "srctl/desktop:latest", 8)
    stage.engine.stored[starting] = replace(stage.engine.stored[starting], state="created", bindings=())
    return stage


def quiet(front: FrontDoor) -> Scene:
    """Return a stage on which nothing runs."""
    front.environ |= {
        "SRCTL_USER": "ada",
        "SSH_CONNECTION": "10.0.0.9 50000 10.0.0.1 22",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
    }
    front.engine = engine()
    return Scene(front, front.engine, engines=(front.engine,))


def scripts(front: FrontDoor) -> Scene:
    """Return the same stage with titles in scripts of all kinds."""
    stage = day(front)
    for key, container in stage.engine.stored.items():
        changed = {f"{EXTRA}title": SCRIPTS[container.image]}
        stage.engine.stored[key] = replace(container, labels={**container.labels, **changed})
    return stage


def begin(stage: Stage, image: str, ago: int) -> str:
    """Start a session that is so many seconds old at the moment of the pictures; return its container's id."""
    stage.engine.time.now = (NOW - START).total_seconds() - ago
    before = set(stage.engine.stored)
    stage.start(image)
    [made] = stage.engine.stored.keys() - before
    return made


def lend(found: FakeEngine, container: Container, number: int, user: str, image: str, ago: int) -> None:
    """Have a copy of a container run on an engine for somebody else."""
    title = next(title for each, title, _ in APPLICATIONS if each == image)
    labels = {RUNINFO + "user": user, RUNINFO + "url_id": digest(3000 + number)[:32], f"{EXTRA}image": image}
    made = replace(
        container,
        id=digest(4000 + number),
        name=f"{user}-{number}",
        image=image,
        labels={**container.labels, **labels, f"{EXTRA}title": title},
        created=NOW - timedelta(seconds=ago),
    )
    found.stored[made.id] = made


def team(front: FrontDoor) -> Scene:
    """Return a stage on which other users have sessions too, on two hosts; a third one is away."""
    stage = day(front)
    container = next(each for each in stage.engine.stored.values() if each.state == "running")
    engines = {"lab": stage.engine, "gpu-1": engine("gpu-1")}
    for number, (user, image, ago, host) in enumerate(OTHERS, 1):
        lend(engines[host], container, number, user, image, ago)
    on(stage, *engines.values(), away())
    return stage


def several(front: FrontDoor) -> Scene:
    """Return a stage with three hosts, one of which is away."""
    stage = day(front)
    on(stage, stage.engine, engine("gpu-1"), away())
    return stage


def on(stage: Scene, *engines: FakeEngine) -> None:
    """Have these hosts be shown."""
    stage.engines, stage.at = engines, among(*engines)
    stage.hosts = [Host(each.name, f"ssh://{each.name}", "config") for each in engines]


def away() -> FakeEngine:
    """Return the engine of a host that can't be reached."""
    return FakeEngine(name="gpu-2", faults={"containers": [AWAY] * 99})


def audited(front: FrontDoor) -> Scene:
    """Return a stage at a gateway through which things were done."""
    stage = day(front)
    (front.database.parent / FOLDER).mkdir(mode=0o700)
    for ago, user, action, detail, result in reversed(AUDIT):
        moment = NOW - timedelta(seconds=ago)
        address = "198.51.100.23" if user is None else "192.0.2.7"
        with closing(Ledger(front.database)) as ledger:
            ledger.note(AuditEntry(moment, user, KEY, address, action, detail, result))
    return stage


@contextmanager
def tunnels(stage: Stage) -> Iterator[None]:
    """Have a tunnel that is up, one that tries to be again, and one that is gone."""
    registry = Registry()
    registry.make_folder()
    with stage.context() as context, ExitStack() as held:
        found = {session.image: session.id for session in context.sessions.find()}
        standings = {
            "jupyter/scipy:2029": Standing("up", NOW - timedelta(minutes=12), None, 0, 0, 1, 1_400_000_000, 9_200_000),
            "kitware/paraview:6": Standing(
                "reconnecting",
                NOW - timedelta(seconds=20),
                "the server is silent",
                3,
                2,
                14,
                52_000_000,
                810_000,
                "reset",
            ),
            "freecad:1": Standing("down", NOW - timedelta(hours=2), "the session has ended", 1, 0, 2, 9000, 1200),
        }
        for number, (image, standing) in enumerate(standings.items(), 1):
            made = plan(number, image, found[image])
            if standing.state != "down":
                held.enter_context(registry.held(made.id))
            registry.write(made, standing)
            path = registry.folder / f"{made.id}.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": PID + number}))
        yield


def plan(number: int, image: str, session: str) -> TunnelPlan:
    """Return the plan of a tunnel."""
    return TunnelPlan(
        id=digest(1000 + number)[:32],
        session_id=session,
        container_id=digest(2000 + number),
        image=image,
        host=Host("lab", "ssh://lab", "config"),
        local_port=24816 + number,
        url=f"http://127.0.0.1:{24816 + number}/user/ada/containers/{session}/",
        endpoint=Endpoint("127.0.0.1", 30000 + number),
        timeout=10.0,
        background=True,
    )
