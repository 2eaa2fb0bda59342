"""The config file is changed by one process at a time, and in one step."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from srctl import config_file
from srctl.errors import SrctlError, UsageError


def test_no_change_is_lost_where_two_are_made_at_once(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    second = threading.Thread(target=config_file.edit, args=(path, lambda document: document.update(b=2)))

    def first(document: Any) -> None:
        second.start()
        second.join(0.3)  # it would be done by then if it did not wait for us
        document["a"] = 1

    config_file.edit(path, first)
    second.join()
    assert config_file.read(path) == {"a": 1, "b": 2}


def test_a_full_disk_leaves_the_file_as_it_was_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "config.toml"
    path.write_text("a = 1\n")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SrctlError, match="No space left"):
        config_file.edit(path, lambda document: document.update(a=2))
    assert path.read_text() == "a = 1\n"
    assert list(tmp_path.glob(".config-*")) == []


def test_a_change_that_is_refused_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("# mine\r\na = 1\r\n", newline="")
    with pytest.raises(UsageError, match="UTF-8"):
        config_file.edit(path, lambda document: document.update(a="\udcff"))
    assert path.read_bytes() == b"# mine\r\na = 1\r\n"
