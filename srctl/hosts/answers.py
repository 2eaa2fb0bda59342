"""The Docker SDK's client, made wary of what answers: it need not be an engine, nor mean well.

Redirects are never followed: an engine sends none, and requests hold what is secret (environments with licences).
An answer that is read as a whole may be long, but not endless.
"""

import re
from collections.abc import Iterator
from typing import Any

from srctl.hosts.parse import NotAnEngineError, field
from srctl.hosts.sdk import docker

LONGEST = 256 << 20
"""Bytes of an answer that is no stream; thousands of containers are listed in far fewer."""

_PIECE = 65536
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:([!-~\x80-\xff][\t -~\x80-\xff]*)?")


def read(response: Any, longest: int = LONGEST) -> None:
    """Read the body of an answer into memory. Raises `NotAnEngineError` where it has no end."""
    if response._content_consumed:
        return
    pieces, size = [], 0
    for piece in response.iter_content(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > longest:
            response.close()
            raise NotAnEngineError
    response._content = b"".join(pieces)


class Client(docker.APIClient):
    """The SDK's client that raises `NotAnEngineError` for what no engine answers.

    Making one raises `ValueError` for headers in Docker's config file that can't be sent.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        configured = self._general_configs  # type: ignore[attr-defined]  # the stubs leave it out
        _check_headers(configured.get("HttpHeaders", {}))
        self.hooks["response"].append(_check)

    def version(self, api_version: bool = True) -> Any:
        """Return what the engine says of itself, its version among it."""
        answer = super().version(api_version)
        field(answer, "Version")
        return answer

    def stats_lines(self, container: str) -> Any:
        """Ask for what a container takes, and return the answer, whose body has a line each second."""
        url = self._url("/containers/{0}/stats", container)  # type: ignore[attr-defined]  # the stubs leave it out
        answer = self._get(url, params={"stream": "true"}, stream=True)  # type: ignore[attr-defined]
        self._raise_for_status(answer)  # type: ignore[attr-defined]
        return answer

    def create_container_from_config(self, *args: Any, **options: Any) -> Any:
        """Create a container and return the answer, its id among it."""
        answer = super().create_container_from_config(*args, **options)  # type: ignore[no-untyped-call]
        field(answer, "Id")
        return answer

    def _result(self, response: Any, json: bool = False, binary: bool = False) -> Any:
        answer = super()._result(response, json, binary)  # type: ignore[misc]  # the stubs leave it out
        if json and not isinstance(answer, dict | list):
            raise NotAnEngineError
        return answer

    def logs(self, *args: Any, **options: Any) -> Any:
        """Return what a container wrote, as a stream if that is asked for."""
        return _closable(super().logs(*args, **options))

    def events(self, *args: Any, **options: Any) -> Any:
        """Return a stream of what happens."""
        return _closable(super().events(*args, **options))

    def _stream_helper(self, response: Any, decode: bool = False) -> "Streamed":
        pieces = super()._stream_helper(response, decode)  # type: ignore[misc]  # the stubs leave it out
        return Streamed(_objects(pieces) if decode else pieces, response)


def _closable(answer: Any) -> Any:
    if not isinstance(answer, docker.types.CancellableStream):
        return answer
    return Streamed(answer._stream, answer._response)  # type: ignore[attr-defined]  # the stubs leave it out


class Streamed(docker.types.CancellableStream):  # type: ignore[type-arg]  # the stubs' own
    """A stream that another thread can close; the SDK's own takes one that breaks for one that ends."""

    def __init__(self, stream: Iterator[Any], response: Any) -> None:
        super().__init__(stream, response)
        self._pieces = stream
        self._answer = response
        self._closed = False

    def __next__(self) -> Any:
        """Wait for the next piece. Raises what the HTTP layer raises."""
        try:
            return next(self._pieces)
        except Exception as error:
            if self._closed or not isinstance(error, StopIteration):
                self._answer.close()  # it can carry nothing else any more
            if self._closed:
                raise StopIteration from None
            raise

    def close(self) -> None:
        """End it under whoever waits for it."""
        self._closed = True
        super().close()


def _objects(pieces: Iterator[Any]) -> Iterator[Any]:
    for piece in pieces:
        if not isinstance(piece, dict):
            raise NotAnEngineError
        yield piece


def _check_headers(headers: Any) -> None:
    if not isinstance(headers, dict):
        raise ValueError("HttpHeaders must be an object")
    for name, value in headers.items():
        if not isinstance(value, str) or not _HEADER.fullmatch(f"{name}:{value}"):
            raise ValueError(f"HttpHeaders holds what is no header: {name!r}")


def _check(response: Any, *_: Any, stream: bool = False, **__: Any) -> None:
    """Look at an answer before the SDK does."""
    if response.is_redirect:
        response.close()
        raise NotAnEngineError
    failed = response.status_code >= 400
    if failed or not stream:
        read(response)
    if failed and not _explains(response):
        raise NotAnEngineError


def _explains(response: Any) -> bool:
    """Tell whether the SDK can read the answer as an engine's error: an object with a message, or a line of text."""
    if "html" in response.headers.get("Content-Type", ""):
        return False
    try:
        error = response.json()
    except ValueError:
        return b"<html" not in response.content.lower()
    except RecursionError:
        return False
    return isinstance(error, dict) and isinstance(error.get("message"), str)
