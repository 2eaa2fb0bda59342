"""What the benchmarks play on: a private engine, a remote host with a slow link, databases, sessions to list."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from srctl.db.setup import initialise
from tools import clean_home, images
from tools.clean_home import Home
from tools.delay_proxy import Link, delayed
from tools.engine import Engine, private_engine
from tools.lab import lab
from tools.remote_hosts import Plan, RemoteHost, remote_hosts

RTT = 50.0
"""Milliseconds of round trip on the slow link."""

SESSIONS = 200
USER = "ada"
REALM = "bench"


@dataclass(frozen=True)
class Slow:
    """A Docker host with a link of `RTT` before it. `wrapped_ssh` is a folder with an `ssh` that can log in there."""

    host: RemoteHost
    link: Link
    wrapped_ssh: Path

    @property
    def url(self) -> str:
        """The host as a Docker host, through the link."""
        return f"ssh://{self.host.sshd.user}@127.0.0.1:{self.link.port}"


@dataclass(frozen=True)
class Stage:
    """All of it. `engine` runs on this machine, `slow` is remote; the home's database grants the test page."""

    home: Home
    engine: Engine
    slow: Slow
    folder: Path


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """Set everything up, and take it down."""
    with lab() as run, ExitStack() as undo:
        engine = undo.enter_context(private_engine(run))
        images.build("web", engine.url)
        host = undo.enter_context(remote_hosts(run, (Plan("slow"),)))["slow"]
        images.build("web", host.engine.url)
        folder = run.folder / "bench"
        folder.mkdir()
        home = clean_home.make(folder)
        home.env.update({"SRCTL_USER": USER, "SRCTL_REALM": REALM})
        slow = _slow(undo, home, host, folder)
        _grant(home)
        yield Stage(home, engine, slow, folder)


def _slow(undo: ExitStack, home: Home, host: RemoteHost, folder: Path) -> Slow:
    link = undo.enter_context(delayed(host.address, host.sshd.port, RTT))
    there = replace(host.sshd, host="127.0.0.1", port=link.port)
    home.add_ssh_config(there.client_config("127.0.0.1 slow", {"HostKeyAlias": host.address}))
    wrapper = folder / "bin" / "ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {folder}/.ssh/config "$@"\n')
    wrapper.chmod(0o755)
    return Slow(host, link, wrapper.parent)


def _grant(home: Home) -> None:
    for arguments in (
        ("db", "init"),
        ("user", "add", USER),
        ("app", "add", "srctl/web", "--no-verify"),
        ("grant", "add", "srctl/web", USER),
    ):
        done = home.run(*arguments)
        assert done.returncode == 0, done.stderr


def fill_with_sessions(engine: Engine) -> None:
    """Start `SESSIONS` sessions of the user."""
    prefix = "eu.simphony-project.docker.runinfo."

    def start(number: int) -> None:
        labels = {"user": USER, "mapping_id": f"{number:032x}", "url_id": f"{number:032x}", "realm": REALM}
        labels["urlpath"] = f"/user/{USER}/containers/{number:032x}"
        with engine.client() as client:
            made = client.create_container(
                "srctl/web",
                ["/bin/sleep", "86400"],
                labels={prefix + name: value for name, value in labels.items()},
                host_config=client.create_host_config(port_bindings={8888: ("127.0.0.1", None)}),
                ports=[8888],
            )
            client.start(made["Id"])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(start, range(SESSIONS)))


def database(path: Path, people: int, granted: int) -> Path:
    """Make a database with this many users, and grants evenly spread over them."""
    initialise(str(path))
    each = granted // people
    created = "2026-01-01 00:00:00.000000"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO users (name, name_folded, admin, disabled, created) VALUES (?, ?, 0, 0, ?)",
            ((f"user{person}", f"user{person}", created) for person in range(people)),
        )
        connection.executemany(
            "INSERT INTO applications (image, created) VALUES (?, ?)",
            ((f"app{number}:latest", created) for number in range(each)),
        )
        connection.executemany(
            "INSERT INTO grants (id, user_id, application_id, policy, policy_digest, created) VALUES (?,?,?,'{}',?,?)",
            (
                (f"{person * each + number:032x}", person + 1, number + 1, "0" * 64, created)
                for person in range(people)
                for number in range(each)
            ),
        )
    return path
