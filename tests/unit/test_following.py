"""Several streams at once: opened again when they break, given up when there are none, and ended from outside."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from srctl import following
from srctl.errors import NotFoundError, UnreachableError
from srctl.following import Following, Gathered
from tools.processes import wait_until

LIMIT = 5


class Source:
    """A stream of a name; it breaks where it is told to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.items: SimpleQueue[str | BaseException | None] = SimpleQueue()
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        item = self.items.get(timeout=LIMIT)
        if isinstance(item, BaseException):
            raise item
        if item is None:
            raise StopIteration
        return self.name + item

    def close(self) -> None:
        self.closed.set()
        self.items.put(None)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> SimpleQueue[Source]:
    monkeypatch.setattr(following, "PAUSES", (0.01,))
    return SimpleQueue()


def opening(opened: SimpleQueue[Source]) -> Callable[[str], Source]:
    def open_stream(name: str) -> Source:
        if name == "gone":
            opened.put(Source(name))
            raise NotFoundError("It is gone")
        source = Source(name)
        opened.put(source)
        return source

    return open_stream


def test_what_is_not_wanted_any_more_is_closed_and_the_rest_goes_on(opened: SimpleQueue[Source]) -> None:
    told: SimpleQueue[str] = SimpleQueue()
    streams = Following(opening(opened), told.put)
    streams.watch(["a", "b"])
    sources = {each.name: each for each in (opened.get(timeout=LIMIT), opened.get(timeout=LIMIT))}
    streams.watch(["b", "c"])
    assert sources["a"].closed.wait(LIMIT)
    assert opened.get(timeout=LIMIT).name == "c"
    sources["b"].items.put("1")
    assert told.get(timeout=LIMIT) == "b1"
    assert not sources["b"].closed.is_set()
    streams.close()
    assert sources["b"].closed.wait(LIMIT)
    wait_until(lambda: not any(each.name == "srctl-following" for each in threading.enumerate()) or None, "its end")


@pytest.mark.parametrize("end", [None, UnreachableError("lost")], ids=["end", "loss"])
def test_a_stream_that_breaks_is_opened_again(opened: SimpleQueue[Source], end: BaseException | None) -> None:
    told: SimpleQueue[str] = SimpleQueue()
    streams = Following(opening(opened), told.put)
    streams.watch(["a"])
    opened.get(timeout=LIMIT).items.put(end)
    opened.get(timeout=LIMIT).items.put("2")
    assert told.get(timeout=LIMIT) == "a2"
    streams.close()


def test_a_stream_that_there_is_not_is_given_up(opened: SimpleQueue[Source]) -> None:
    streams = Following(opening(opened), lambda _: None)
    streams.watch(["gone"])
    opened.get(timeout=LIMIT)
    wait_until(lambda: not any(each.name == "srctl-following" for each in threading.enumerate()) or None, "its end")
    assert opened.empty()


def test_what_was_gathered_comes_out_before_the_failure(opened: SimpleQueue[Source]) -> None:
    closed: list[bool] = []
    gathered = Gathered[str]()
    gathered.finally_do(lambda: closed.append(True))
    gathered.put("a")
    gathered.end(UnreachableError("lost"))
    assert next(gathered) == "a"
    with pytest.raises(UnreachableError):
        next(gathered)
    assert (closed, list(gathered)) == ([True], [])
