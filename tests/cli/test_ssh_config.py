"""`srctl ssh-config`: what was resolved for a host, where it stands, and what keeps srctl from connecting."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.front_door import FrontDoor

CONFIG = """\
Include more
Host lab
  Port 2200
  IdentityFile ~/.ssh/one
  IdentityFile /keys/%n
  ServerAliveInterval 30
  Ciphers aes128-ctr
Host bad
  KnownHostsCommand /bin/keys
  StrictHostKeyChecking no
Host odd
  IdentityFile /keys/%Z
"""


@pytest.fixture
def home(bare: FrontDoor) -> FrontDoor:
    """A home with an ssh configuration."""
    folder = bare.home / ".ssh"
    folder.mkdir(exist_ok=True)
    (folder / "config").write_text(CONFIG)
    (folder / "more").write_text("Host lab\n  HostName lab.example\n  ProxyJump gate\n")
    return bare


@pytest.fixture(params=["asking ssh", "without ssh"])
def either(home: FrontDoor, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FrontDoor:
    """The same with ssh and on a machine without it."""
    if request.param == "without ssh":
        monkeypatch.setenv("PATH", str(home.home / "empty"))
    return home


def found(rows: list[dict[str, Any]], option: str) -> list[tuple[str | None, str]]:
    """Return values and sources of an option."""
    return [(row["value"], row["source"]) for row in rows if row["option"] == option]


def test_each_value_is_told_with_the_line_that_sets_it(either: FrontDoor) -> None:
    rows = either.json("ssh-config", "lab")
    config, more = f"{either.home}/.ssh/config", f"{either.home}/.ssh/more"
    assert found(rows, "HostName") == [("lab.example", f"{more}:2")]
    assert found(rows, "ProxyJump") == [("gate", f"{more}:3")]
    assert found(rows, "Port") == [("2200", f"{config}:3")]
    assert found(rows, "Ciphers") == [("aes128-ctr", f"{config}:7")]
    assert found(rows, "IdentityFile") == [
        (f"{either.home}/.ssh/one", f"{config}:4"),
        ("/keys/lab", f"{config}:5"),
    ]
    assert found(rows, "ServerAliveInterval") == [("30", f"{config}:6")]
    assert {tuple(row) for row in rows} == {("option", "value", "source", "refused")}
    assert not any(row["refused"] for row in rows)


def test_what_nobody_has_set_is_a_default_of_ssh_or_of_srctl(either: FrontDoor) -> None:
    rows = either.json("ssh-config", "elsewhere")
    assert found(rows, "HostName") == [("elsewhere", "default")]
    assert found(rows, "StrictHostKeyChecking") == [("ask", "default")]
    assert found(rows, "ConnectTimeout") == [("10", "srctl default")]
    assert found(rows, "ServerAliveInterval")[0][1] == "srctl default"
    assert found(rows, "Ciphers") == []


def test_account_and_port_of_an_address_win(either: FrontDoor) -> None:
    rows = either.json("ssh-config", "ssh://ada@lab:2222")
    assert found(rows, "User") == [("ada", "address")]
    assert found(rows, "Port") == [("2222", "address")]
    assert found(rows, "HostName")[0][0] == "lab.example"
    assert found(either.json("ssh-config", "ada@lab"), "User") == [("ada", "address")]


def test_a_host_of_ours_means_its_ssh_address(home: FrontDoor) -> None:
    home.ok("host", "add", "far", "ssh://ada@lab/run/docker.sock")
    home.ok("host", "add", "near", "tcp://10.0.0.1:2376", "--ssh", "ssh://bob@lab")
    assert found(home.json("ssh-config", "far"), "User") == [("ada", "address")]
    assert found(home.json("ssh-config", "near"), "User") == [("bob", "address")]
    refused = home("ssh-config", "local")
    assert (refused.code, "not reached by SSH" in refused.err) == (2, True)


def test_what_is_refused_is_printed_with_the_reason_and_ends_with_2(either: FrontDoor) -> None:
    ran = either("ssh-config", "bad", "-o", "json")
    reasons = {row["option"]: row["refused"] for row in ran.json if row["refused"]}
    assert ran.code == 2
    assert set(reasons) == {"KnownHostsCommand", "StrictHostKeyChecking"}
    assert "does not support" in reasons["KnownHostsCommand"]
    assert found(ran.json, "KnownHostsCommand") == [("/bin/keys", f"{either.home}/.ssh/config:9")]
    assert len(ran.error["errors"]) == 2
    shown = either("ssh-config", "bad")
    assert "REFUSED" in shown.lines[0]


def test_a_value_that_cannot_be_used_is_told_after_what_there_is(either: FrontDoor) -> None:
    ran = either("ssh-config", "odd")
    assert ran.code == 2
    assert "%Z" in ran.err
    assert any("/keys/%Z" in line for line in ran.lines)


def test_the_other_formats_are_those_of_lists(home: FrontDoor) -> None:
    assert home.ok("ssh-config", "lab", "-q").lines[:3] == ["HostName", "Port", "User"]
    assert home.ok("ssh-config", "lab", "-o", "csv").lines[0] == "option,value,source,refused"
    assert home.ok("ssh-config", "lab").lines[0].split() == ["OPTION", "VALUE", "SOURCE"]


def test_a_source_is_not_guessed_where_only_ssh_can_tell(home: FrontDoor) -> None:
    config = home.home / ".ssh" / "config"
    config.write_text("CanonicalizeHostname always\nCanonicalDomains invalid\nHost lab\n  Port 2200\n  User ann\n")
    rows = home.json("ssh-config", "lab")
    assert found(rows, "Port") == [("2200", f"{config}:4")]


def in_place_of_the_file(home: FrontDoor) -> Path:
    """Remove the configuration and return its path."""
    path = home.home / ".ssh" / "config"
    path.unlink()
    return path


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path)])
def test_a_configuration_that_is_no_file_is_named(either: FrontDoor, make: Callable[[Path], None]) -> None:
    path = in_place_of_the_file(either)
    make(path)
    for command in (("ssh-config", "lab"), ("--host", "ssh://lab", "ps")):
        ran = either(*command)
        assert ran.code == 2, ran
        assert f"{path} " in ran.err
        assert len(ran.err.splitlines()) == 2


def test_an_empty_configuration_may_be_a_device(either: FrontDoor) -> None:
    in_place_of_the_file(either).symlink_to(os.devnull)
    assert found(either.json("ssh-config", "lab"), "Port") == [("22", "default")]


def test_a_refusal_of_ssh_is_told_in_one_line_of_the_persons_own_file(home: FrontDoor) -> None:
    path = home.home / ".ssh" / "config"
    path.write_text("Host lab\n  Port 2200\n  NoSuchOption yes\n  NorThisOne yes\n")
    ran = home("ssh-config", "lab")
    assert ran.code == 2
    message, hint = ran.err.splitlines()
    assert f"{path}: line 3: Bad configuration option: nosuchoption" in message
    assert not any(word in message for word in ("srctl-", "terminating", "northisone"))
    assert f"ssh -F {path} -G lab" in hint


def test_bytes_that_are_no_utf_8_are_handed_to_ssh_as_they_are(either: FrontDoor) -> None:
    (either.home / ".ssh" / "config").write_bytes(b"# caf\xe9\nHost lab\n  Port 2200\n")
    assert [value for value, _ in found(either.json("ssh-config", "lab"), "Port")] == ["2200"]


def test_the_help_says_that_commands_are_run(home: FrontDoor) -> None:
    assert "Match exec" in home.ok("ssh-config", "--help").out


@pytest.mark.parametrize("word", ["", "a b", "-x", "tcp://lab", "ssh://lab:x"])
def test_what_is_no_host_is_refused(home: FrontDoor, word: str) -> None:
    assert home("ssh-config", "--", word).code == 2
