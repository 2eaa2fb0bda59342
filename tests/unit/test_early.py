"""Work begun early gives its outcome or its error once, and what nobody takes is disposed of."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import CancelledError

import pytest

from srctl.early import Early, Errands
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


def test_errands_are_made_by_whoever_waits() -> None:
    errands = Errands()
    early = Early(lambda: errands.make(threading.current_thread), lambda _: None, errands)
    for _ in range(2):
        assert early.result() is threading.current_thread()


def test_an_errand_that_fails_fails_where_it_was_asked_for() -> None:
    def fail() -> None:
        raise UnreachableError("nobody there")

    def work() -> str:
        with pytest.raises(UnreachableError, match="nobody there"):
            errands.make(fail)
        return "went on"

    errands = Errands()
    assert Early(work, lambda _: None, errands).result() == "went on"


def test_ctrl_c_during_an_errand_ends_the_waiting_and_the_work() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    errands = Errands()
    early = Early(lambda: errands.make(interrupt), lambda _: None, errands)
    with pytest.raises(KeyboardInterrupt):
        early.result()
    with pytest.raises(CancelledError):
        early.result()


def test_nobody_makes_errands_for_abandoned_work() -> None:
    errands, ended = Errands(), threading.Event()

    def work() -> None:
        with contextlib.suppress(CancelledError):
            errands.make(lambda: None)
        ended.set()

    Early(work, lambda _: None, errands).abandon()
    assert ended.wait(5)
