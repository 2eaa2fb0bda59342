"""The bodies of answers are read up to a limit."""

from __future__ import annotations

import io
from typing import Any

import pytest

from srctl.errors import UnreachableError
from srctl.hosts import answers
from srctl.hosts.sdk import requests


class Endless(io.RawIOBase):
    """A body that goes on and on; it counts what was taken."""

    taken = 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0
        self.taken += size
        return b"x" * size

    def release_conn(self) -> None:
        """Do as urllib3's answers do."""


def response(raw: Any) -> requests.Response:
    made = requests.Response()
    made.status_code, made.raw = 200, raw
    return made


def test_an_answer_without_an_end_is_given_up() -> None:
    raw = Endless()
    with pytest.raises(UnreachableError):
        answers.read(response(raw), longest=1 << 20)
    assert raw.taken <= 2 << 20


def test_an_answer_is_read_once_and_kept() -> None:
    made = response(io.BytesIO(b"[1]"))
    answers.read(made, longest=3)
    answers.read(made)
    assert (made.content, made.json()) == (b"[1]", [1])
