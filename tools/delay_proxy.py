"""A TCP link with a round-trip time, which counts: `python -m tools.delay_proxy HOST:PORT RTT_MS`.

It prints its port on 127.0.0.1, then a line of JSON for each line on stdin, and ends with stdin. A process of
its own, so that it takes no time from the program that is measured. Each chunk is held back for half the
round trip in each direction, and connecting costs a whole one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

CHUNK = 65536
QUEUED = 1024  # chunks under way in one direction of a connection


@dataclass
class Counts:
    """What has passed: connections, bytes from and to the client, and how often the client began to speak."""

    connections: int = 0
    turns: int = 0
    sent: int = 0
    received: int = 0


@dataclass
class Link:
    """A running proxy in a process of its own."""

    port: int
    process: subprocess.Popen[str]

    def counts(self) -> Counts:
        """Return what has passed until now."""
        assert self.process.stdin is not None  # noqa: S101  both are pipes: see `delayed`
        assert self.process.stdout is not None  # noqa: S101
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return Counts(**json.loads(self.process.stdout.readline()))


@contextlib.contextmanager
def delayed(host: str, port: int, rtt_ms: float) -> Iterator[Link]:
    """Give a link to host and port with this round-trip time."""
    command = [sys.executable, "-m", "tools.delay_proxy", f"{host}:{port}", str(rtt_ms)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None  # noqa: S101  both are pipes
        assert process.stdout is not None  # noqa: S101
        try:
            yield Link(int(process.stdout.readline()), process)
        finally:
            process.stdin.close()


class Proxy:
    """The proxy's side that runs in the process."""

    def __init__(self, host: str, port: int, rtt: float) -> None:
        """Lead to host and port; `rtt` in seconds."""
        self.host, self.port, self.rtt = host, port, rtt
        self.counts = Counts()
        self.speaker: object = None
        self.carried: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Listen, tell the port, and answer each line on stdin with the counts."""
        server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while await lines.readline():
            print(json.dumps(asdict(self.counts)), flush=True)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry a connection in a task of our own: asyncio would complain of its own when we end with some open."""
        task = asyncio.create_task(self.connect(reader, writer))
        self.carried.add(task)
        task.add_done_callback(self.carried.discard)

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection to its end."""
        self.counts.connections += 1
        ready = time.monotonic() + self.rtt
        await asyncio.sleep(self.rtt / 2)
        try:
            far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            writer.transport.abort()
            return
        for each in (writer, far_writer):
            each.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(
            self.carry(reader, far_writer, ready, outward=True), self.carry(far_reader, writer, 0, outward=False)
        )
        for each in (writer, far_writer):
            each.close()

    async def carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ready: float, *, outward: bool
    ) -> None:
        """Carry one direction; nothing that was sent counts as sent before `ready`."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(QUEUED)
        sending = asyncio.create_task(self.deliver(queue, writer))
        data = b"-"
        while data:
            try:
                data = await reader.read(CHUNK)
            except OSError:
                data = b""
            self.count(len(data), (reader, outward))
            await queue.put((max(time.monotonic(), ready) + self.rtt / 2, data))
        await sending

    def count(self, size: int, speaker: tuple[object, bool]) -> None:
        """Note that data has come in from one side."""
        if speaker[1]:
            self.counts.sent += size
            self.counts.turns += size > 0 and self.speaker != speaker
        else:
            self.counts.received += size
        self.speaker = speaker if size else self.speaker

    async def deliver(self, queue: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        """Hand each chunk over at its time; an empty one closes the direction."""
        with contextlib.suppress(OSError):
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(due - time.monotonic(), 0))
                if not data:
                    writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()


if __name__ == "__main__":
    target, _, number = sys.argv[1].rpartition(":")
    asyncio.run(Proxy(target, int(number), float(sys.argv[2]) / 1000).serve())
