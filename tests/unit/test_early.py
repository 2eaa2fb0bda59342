"""Work begun early gives its outcome or its error once, and what nobody takes is disposed of."""

from __future__ import annotations

import threading

import pytest

from srctl.early import Early
from srctl.errors import UnreachableError


def test_the_outcome_is_waited_for() -> None:
    go = threading.Event()
    early = Early(lambda: go.wait(5) and "done", lambda _: None)
    go.set()
    assert early.result() == "done"


def test_the_error_comes_out_where_the_outcome_is_asked_for() -> None:
    def fail() -> None:
        raise UnreachableError("away")

    early = Early(fail, lambda _: None)
    for _ in range(2):
        with pytest.raises(UnreachableError, match="away"):
            early.result()


def test_what_comes_after_it_was_abandoned_is_disposed_of() -> None:
    go, gone = threading.Event(), threading.Event()
    early = Early(lambda: go.wait(5), lambda _: gone.set())
    early.abandon()
    assert not gone.is_set()
    go.set()
    assert gone.wait(5)


def test_an_outcome_is_disposed_of_once() -> None:
    disposed: list[int] = []
    early = Early(lambda: 7, disposed.append)
    assert early.result() == 7
    early.abandon()
    early.abandon()
    assert disposed == [7]
