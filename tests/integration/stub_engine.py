"""An engine that answers what a test tells it to, on a socket: for answers that no real engine here gives."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

Answer = tuple[int, Any]
"""A status, and what is sent as JSON; bytes are sent as they are."""


@contextlib.contextmanager
def stub_engine(socket: Path, answer: Callable[[str, str], Answer]) -> Iterator[str]:
    """Answer each request (method, path with query) on a unix socket; give its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, content = answer(self.command, self.path)
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in (body, b"") if body else (b"",):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

        do_GET = do_POST = do_DELETE = respond  # noqa: N815 - named so by http.server

        def address_string(self) -> str:
            return "socket"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named so by http.server
            """Say nothing."""

    with ThreadingUnixStreamServer(str(socket), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"unix://{socket}"
        finally:
            server.shutdown()
            thread.join()
