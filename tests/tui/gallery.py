"""What the pictures of the screen show: a team's day at a fixed moment, with ids and ages that are always the same."""

from __future__ import annotations

import hashlib
import importlib
import itertools
import json
import math
import pkgutil
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from srctl.accounting import Accounting
from srctl.db.setup import initialise
from srctl.db.store import open_store
from srctl.errors import UnreachableError
from srctl.images import PREFIX
from srctl.labels import EXTRA
from srctl.models import Application, Endpoint, Host, Policy, Standing, TunnelPlan, Usage, Volume
from srctl.tui.meters import SLOTS, Meters
from srctl.tunnel.registry import Registry
from tests.cli.front_door import FrontDoor
from tests.fakes import START, FakeEngine
from tests.tui.stage import Stage

NOW = START + timedelta(hours=14, minutes=30)
PID = 4711
CLOCKS = ("srctl.tui.", "srctl.db.", "srctl.tunnel.registry")
"""Modules that ask what time it is."""
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


class _Moment(type):
    def __instancecheck__(cls, found: object) -> bool:
        return isinstance(found, datetime)


class Frozen(datetime, metaclass=_Moment):
    """A clock that has stopped; every moment is taken for one of it."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Frozen:
        """Return the moment of the pictures."""
        return cls.fromtimestamp(NOW.timestamp(), tz)


@contextmanager
def frozen(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stop all clocks of ours, put the local time to UTC, and give out ids that are the same in each run."""
    for name in ("srctl.tui", "srctl.db"):
        for each in pkgutil.iter_modules(importlib.import_module(name).__path__):
            importlib.import_module(f"{name}.{each.name}")
    for name, module in list(sys.modules.items()):
        if name.startswith(CLOCKS) and vars(module).get("datetime") is datetime:
            patch.setattr(module, "datetime", Frozen)
    patch.setattr(Meters, "knows", lambda *_: True)
    patch.setattr(Meters, "now", lambda _self, _host, container: usage(container))
    patch.setattr(Meters, "course", lambda _self, _host, container, slots: course(container)[-slots:])
    numbers = itertools.count(1)
    patch.setattr(secrets, "token_hex", lambda size=16: digest(next(numbers))[: 2 * size])
    patch.setenv("TZ", "UTC")
    patch.setenv("LOGNAME", "ada")
    time.tzset()
    yield
    patch.undo()
    time.tzset()


def usage(container: str) -> Usage:
    """Return what a container takes."""
    return Usage(container, course(container)[-1], int(container, 16) % 29 * 61 << 20, 16 << 30)


def course(container: str) -> list[float | None]:
    """Return what it took of the processor in the last two minutes."""
    start, wide = int(container, 16) % 7, 20 + int(container, 16) % 3 * 25
    return [None] * 4 + [wide + wide * math.sin((start + slot) / 2.5) for slot in range(SLOTS - 4)]


def digest(number: int) -> str:
    """Return what looks like an id."""
    return hashlib.sha256(f"picture {number}".encode()).hexdigest()


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


def engine(name: str = "lab") -> FakeEngine:
    """Return an engine that has the images."""
    made = FakeEngine(name=name, direct=False, directories={"/srv/chem"})
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


def day(front: FrontDoor) -> Stage:
    """Return a stage on which ada has sessions of all kinds."""
    stage = quiet(front)
    for image, ago in (("jupyter/scipy:2029", 3 * 3600), ("kitware/paraview:6", 750), ("freecad:1", 26 * 3600)):
        begin(stage, image, ago)
    ended = begin(stage, "blender:5", 5400)
    stage.engine.exit(ended, 137)
    starting = begin(stage, "srctl/desktop:latest", 8)
    stage.engine.stored[starting] = replace(stage.engine.stored[starting], state="created", bindings=())
    return stage


def quiet(front: FrontDoor) -> Stage:
    """Return a stage on which nothing runs."""
    front.environ |= {
        "SRCTL_USER": "ada",
        "SSH_CONNECTION": "10.0.0.9 50000 10.0.0.1 22",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
    }
    front.engine = engine()
    return Stage(front, front.engine)


def scripts(front: FrontDoor) -> Stage:
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
