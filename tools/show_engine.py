"""An engine that is all show: as many sessions as one likes, events, and stats once a second, on a unix socket.

For what a real engine can't show here: thousands of sessions, answers that are long or late, and each request counted.
`python -m tools.show_engine SOCKET COUNT` runs it as a process of its own, which ends with its input; a line `die N`
there ends a session.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

RUNINFO = "eu.simphony-project.docker.runinfo."
ICON = "iVBORw0KGgo" * 240
"""As long as the icons are that images have as a label, so that lists have a length that is real."""

WORDS = ("ParaView", "JupyterLab", "MATLAB", "Firefox", "Blender")


@dataclass
class ShowEngine:
    """What it has and how it behaves; `requests` counts what it was asked, by path without ids.

    `delay` seconds pass before each answer, and each list has at least `long` bytes.
    """

    count: int
    user: str = "ann"
    realm: str = "srctl"
    delay: float = 0.0
    long: int = 0
    beat: float = 1.0
    busy: bool = True
    requests: Counter[str] = field(default_factory=Counter)
    watched: set[str] = field(default_factory=set)
    """The containers of which stats are being sent."""
    containers: list[dict[str, Any]] = field(default_factory=list)
    _listeners: list[asyncio.StreamWriter] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop | None = None

    def __post_init__(self) -> None:
        self.containers = [self._container(number) for number in range(self.count)]

    def die(self, number: int) -> None:
        """Let a session end, from any thread."""
        container = self.containers[number]
        container["State"] = "exited"
        event = {"Type": "container", "Action": "die", "Actor": {"ID": container["Id"], "Attributes": {}}}
        assert self._loop is not None  # noqa: S101 - it runs
        for writer in self._listeners:
            self._loop.call_soon_threadsafe(_send, writer, event)

    def _container(self, number: int) -> dict[str, Any]:
        identifier = f"{number:064x}"
        labels = {
            "eu.simphony-project.docker.type": "webapp",
            "eu.simphony-project.docker.ui_name": f"{WORDS[number % 5]} {number}",
            "eu.simphony-project.docker.icon_128": ICON,
            RUNINFO + "user": self.user,
            RUNINFO + "realm": self.realm,
            RUNINFO + "mapping_id": f"{number:032x}",
            RUNINFO + "url_id": f"{number:032x}",
            RUNINFO + "urlpath": f"/user/{self.user}/containers/{number:032x}",
        }
        return {
            "Id": identifier,
            "Names": [f"/session-{number}"],
            "Image": f"registry.example/app{number % 5}:1",
            "ImageID": "sha256:" + "1" * 64,
            "Command": "/start.sh",
            "Created": int(time.time()) - 7200 - number,
            "Ports": [{"PrivatePort": 8888, "PublicPort": 30000 + number % 30000, "IP": "127.0.0.1", "Type": "tcp"}],
            "Labels": labels,
            "State": "running",
            "Status": "Up 2 hours",
        }

    # -- what it answers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        gone = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*gone), contextlib.closing(writer):
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(head.split(b" ", 2)[1].decode(), reader, writer)

    async def _answer(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parts = urlsplit(target)
        path, query = parts.path.removeprefix("/v1.41"), parse_qs(parts.query)
        words = path.split("/")
        self.requests["/".join("ID" if len(word) == 64 else word for word in words)] += 1
        if self.delay:
            await asyncio.sleep(self.delay)
        if path == "/events":
            await self._events(reader, writer)
        elif words[-1] == "stats":
            await self._stats(words[2], reader, writer)
        else:
            body = json.dumps(self._said(path, query)).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
            writer.write(body)
            await writer.drain()

    def _said(self, path: str, query: dict[str, list[str]]) -> Any:
        if path == "/containers/json":
            return self._padded(self._listed(query))
        if path == "/images/json":
            return self._padded([])
        machine = {"ServerVersion": "27.0", "OperatingSystem": "Show", "NCPU": 8, "MemTotal": 64 << 30}
        return machine | {"ContainersRunning": self.count, "Version": "27.0", "ApiVersion": "1.41"}

    def _listed(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        filters = json.loads(query.get("filters", ["{}"])[0])
        ids, labels = filters.get("id", []), {f"{RUNINFO}user={self.user}", f"{RUNINFO}realm={self.realm}"}
        if not set(filters.get("label", [])) <= labels:
            return []
        found = [each for each in self.containers if not ids or each["Id"] in ids]
        every = query.get("all", ["0"])[0] in ("1", "True")
        return [each for each in found if every or each["State"] == "running"]

    def _padded(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return it with what makes it long enough: images that nobody knows, or labels of the first container."""
        missing = self.long - len(json.dumps(found))
        if missing <= 0:
            return found
        if not found:
            return [{"Id": f"sha256:{number:064x}", "RepoTags": None} for number in range(missing // 95)]
        first = found[0] | {"Labels": found[0]["Labels"] | {f"pad{n:06}": "x" * 80 for n in range(missing // 96)}}
        return [first, *found[1:]]

    async def _events(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._listeners.append(writer)
        try:
            _begin(writer)
            await reader.read()
        finally:
            self._listeners.remove(writer)

    async def _stats(self, identifier: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.watched.add(identifier)
        telling = asyncio.create_task(self._tell(identifier, writer))
        try:
            await reader.read()
        finally:
            telling.cancel()
            self.watched.discard(identifier)

    async def _tell(self, identifier: str, writer: asyncio.StreamWriter) -> None:
        _begin(writer)
        number, total, system = int(identifier, 16), 1_000_000_000, 10_000_000_000
        before: dict[str, Any] = {}
        while True:
            wave = abs((int(time.time()) + number * 7) % 20 - 10) / 10 if self.busy else 0.0
            total, system = total + int(wave * 1e9), system + 8_000_000_000
            now = _processor(total, system)
            _send(writer, _line(identifier, now, before, (100 << 20) + number * 4096 + int(wave * 4e8)))
            before = now
            await asyncio.sleep(self.beat)

    async def run(self, socket: Path, ready: Callable[[], object]) -> None:
        """Serve until it is cancelled."""
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_unix_server(self.serve, str(socket))
        ready()
        async with server:
            await server.serve_forever()


def _begin(writer: asyncio.StreamWriter) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head)


def _send(writer: asyncio.StreamWriter, said: Any) -> None:
    body = json.dumps(said).encode() + b"\n"
    writer.write(b"%x\r\n%b\r\n" % (len(body), body))


def _processor(total: int, system: int) -> dict[str, Any]:
    usage = {"total_usage": total, "percpu_usage": [total // 8] * 8, "usage_in_usermode": total}
    return {"cpu_usage": usage, "system_cpu_usage": system, "online_cpus": 8, "throttling_data": {"periods": 0}}


def _line(identifier: str, now: dict[str, Any], before: dict[str, Any], memory: int) -> dict[str, Any]:
    """Return what an engine of version 20 sends, with about as many words."""
    names = ("active_anon", "active_file", "cache", "dirty", "inactive_anon", "mapped_file", "pgfault", "pgpgin", "rss")
    stats = {f"{prefix}{name}": 12288 for prefix in ("", "total_") for name in names}
    return {
        "read": "2030-01-01T00:00:00.000000000Z",
        "preread": "2030-01-01T00:00:00.000000000Z",
        "pids_stats": {"current": 3},
        "cpu_stats": now,
        "precpu_stats": before,
        "memory_stats": {"usage": memory, "stats": stats | {"total_inactive_file": 4096}, "limit": 64 << 30},
        "id": identifier,
        "networks": {"eth0": {"rx_bytes": 706, "rx_packets": 7, "tx_bytes": 0, "tx_packets": 0}},
    }


@contextlib.contextmanager
def show_engine(socket: Path, engine: ShowEngine) -> Iterator[str]:
    """Run it on a thread; give its URL."""
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        serving = asyncio.create_task(engine.run(socket, ready.set))
        while not stop.is_set():
            await asyncio.sleep(0.05)
        serving.cancel()
        everything = asyncio.all_tasks() - {asyncio.current_task()}
        for task in everything:
            task.cancel()
        await asyncio.gather(*everything, return_exceptions=True)

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield f"unix://{socket}"
    finally:
        stop.set()
        thread.join(10)
        socket.unlink(missing_ok=True)


def main(sockets: str, count: str, *settings: str) -> None:
    """Run one at each socket, of which a comma stands between two, until the input ends.

    Settings are `delay=5` (seconds) and `long=1000000` (bytes).
    """
    given = {name: float(value) for name, _, value in (each.partition("=") for each in settings)}
    with contextlib.ExitStack() as stack:
        engines = [
            ShowEngine(int(count), delay=given.get("delay", 0.0), long=int(given.get("long", 0)))
            for _ in sockets.split(",")
        ]
        for socket, engine in zip(sockets.split(","), engines, strict=True):
            stack.enter_context(show_engine(Path(socket), engine))
        print("ready", flush=True)
        for line in sys.stdin:
            verb, _, number = line.strip().partition(" ")
            if verb == "die":
                engines[0].die(int(number))


if __name__ == "__main__":
    main(*sys.argv[1:])
