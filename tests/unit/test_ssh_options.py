from pathlib import Path

import pytest

from srctl.errors import UsageError
from srctl.tunnel import options
from srctl.tunnel.options import read_options
from srctl.tunnel.target import SSHTarget


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    return tmp_path


@pytest.fixture
def no_ssh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


def write(home: Path, text: str) -> None:
    (home / ".ssh" / "config").write_text(text)


def test_the_configuration_under_home_counts_whatever_the_password_file_says(home: Path) -> None:
    write(home, "Host box\n  HostName 10.1.2.3\n  Port 2222\n  User lab\n  IdentityFile ~/.ssh/lab\n")
    found = read_options(SSHTarget("box"))
    assert [found.one(name) for name in ("hostname", "port", "user")] == ["10.1.2.3", "2222", "lab"]
    assert found.one("userknownhostsfile").split()[0] == f"{home}/.ssh/known_hosts"


def test_included_files_are_looked_for_under_home_too(home: Path) -> None:
    write(home, "Include conf.d/* ~/more\nHost box\n  Port 1\n")
    (home / ".ssh" / "conf.d").mkdir()
    (home / ".ssh" / "conf.d" / "lab").write_text("Host box\n  HostName inner\n")
    (home / "more").write_text("Host box\n  User more\n")
    found = read_options(SSHTarget("box"))
    assert [found.one(name) for name in ("hostname", "user", "port")] == ["inner", "more", "1"]


def test_known_hosts_files_of_the_configuration_are_taken_as_they_are_written(home: Path) -> None:
    write(home, "Host box\n  UserKnownHostsFile /root/kh ~/kh\n")
    assert read_options(SSHTarget("box")).one("userknownhostsfile") == f"/root/kh {home}/kh"


def test_user_and_port_of_the_address_win_and_take_part_in_matching(home: Path) -> None:
    write(home, "Match user root\n  HostName rootbox\nHost box\n  User lab\n  Port 5\n")
    found = read_options(SSHTarget("box", user="root", port=7))
    assert [found.one(name) for name in ("hostname", "user", "port")] == ["rootbox", "root", "7"]


def test_the_system_configuration_is_read_after_ours() -> None:
    assert options._combined_config(Path("/nowhere"), Path("/")) == "Match all\nInclude /\n"


def test_a_configuration_that_ssh_refuses_is_reported_with_its_words(home: Path) -> None:
    write(home, "Host box\n  NoSuchOption yes\n")
    with pytest.raises(UsageError) as caught:
        read_options(SSHTarget("box"))
    assert "nosuchoption" in caught.value.message.lower()


@pytest.mark.usefixtures("no_ssh")
def test_without_ssh_the_simple_options_are_understood(home: Path) -> None:
    write(home, "Host box\n  HostName 10.1.2.3\n  Port 2222\n  IdentityFile ~/.ssh/lab\n  ProxyJump a,b\n")
    found = read_options(SSHTarget("box", user="lab"))
    assert [found.one(name) for name in ("hostname", "port", "user", "proxyjump")] == ["10.1.2.3", "2222", "lab", "a,b"]


@pytest.mark.usefixtures("no_ssh")
def test_without_ssh_a_file_included_at_the_top_is_read_in_its_place(home: Path) -> None:
    write(home, "Include lab ~/absent\nUser general\nHost box\n  Port 4\n")
    (home / ".ssh" / "lab").write_text("Host box\n  Port 3\n")
    found = read_options(SSHTarget("box"))
    assert [found.one(name) for name in ("port", "user")] == ["3", "general"]
