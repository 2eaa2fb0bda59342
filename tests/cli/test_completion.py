"""Shell completion: the scripts, and the names that only srctl knows."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.cli.front_door import FrontDoor
from tests.fakes import WEB
from tools.clean_home import PROGRAM


@pytest.fixture
def complete(lab: FrontDoor, monkeypatch: pytest.MonkeyPatch) -> FrontDoor:
    """ann runs the test page, and two hosts are known."""
    lab.ok("start", WEB)
    lab.ok("host", "add", "cluster", "ssh://cluster")
    return lab


def offered(srctl: FrontDoor, line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what bash would be offered after `line`."""
    monkeypatch.setenv("_SRCTL_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - (not line.endswith(" "))))
    ran = srctl()
    assert (ran.code, ran.err) == (0, "")
    return ran.out.split()


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("srctl user show ", ["ann", "bob"]),
        ("srctl user remove ann b", ["bob"]),
        ("srctl grant list --user a", ["ann"]),
        ("srctl --user a", ["ann"]),
        ("srctl app show des", ["desktop:latest"]),
        ("srctl grant add reg", ["registry.example/web:2"]),
        ("srctl grant add desktop ", ["ann", "bob"]),
        ("srctl start sr", [WEB]),
        ("srctl host use ", ["cluster", "local"]),
        ("srctl --host cl", ["cluster"]),
        ("srctl user list -o j", ["json"]),
        ("srctl db in", ["init"]),
        ("srctl q", ["quickstart"]),
        ("srctl user show zz", []),
        ("srctl --db /nowhere.db user show ", []),
        ("srctl --config /nowhere.toml host use ", []),
    ],
)
def test_names_are_offered(complete: FrontDoor, monkeypatch: pytest.MonkeyPatch, line: str, names: list[str]) -> None:
    assert offered(complete, line, monkeypatch) == names


def test_ids_of_sessions_are_offered(complete: FrontDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    [session] = complete.ok("ps", "-q").lines
    assert offered(complete, "srctl stop ", monkeypatch) == [session]
    assert session in offered(complete, "srctl open ", monkeypatch)
    assert WEB in offered(complete, "srctl open ", monkeypatch)
    assert offered(complete, "srctl --user bob stop ", monkeypatch) == []


def test_a_gateway_is_not_contacted(bare: FrontDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    bare.ok("host", "add", "lab", "gateway://srctl@192.0.2.1")
    bare.ok("host", "use", "lab")
    for line in ("srctl stop ", "srctl open ", "srctl user show ", "srctl session share "):
        assert offered(bare, line, monkeypatch) == []
    assert offered(bare, "srctl login la", monkeypatch) == ["lab"]


def test_a_name_that_a_shell_would_run_is_not_offered(bare: FrontDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    bare.write_config('[hosts."$(reboot)"]\nurl = "ssh://x"\n[hosts."two words"]\nurl = "ssh://x"')
    assert offered(bare, "srctl host use ", monkeypatch) == ["local"]


def test_completing_creates_nothing(bare: FrontDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in ("srctl user show ", "srctl host use ", "srctl "):
        offered(bare, line, monkeypatch)
    assert bare.files() == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_sound(bare: FrontDoor, shell: str) -> None:
    script = bare.ok("completion", shell).out
    assert "_SRCTL_COMPLETE" in script
    assert f"complete_{shell}" in script
    if program := shutil.which(shell):
        assert subprocess.run([program, "-n"], input=script, text=True, check=False).returncode == 0


@pytest.mark.parametrize(("typed", "names"), [("desk", ["desktop:latest"]), ("desktop:la", ["latest"])])
def test_bash_completes_images_with_their_tags(team: FrontDoor, typed: str, names: list[str]) -> None:
    line = f"srctl app show {typed}"
    call = f'COMP_LINE="{line}" COMP_POINT={len(line)}; _srctl_completion {PROGRAM}; echo "${{COMPREPLY[@]}}"'
    script = team.ok("completion", "bash").out
    ran = subprocess.run(["bash", "-c", f"{script}\n{call}"], env=team.environ, stdout=subprocess.PIPE, check=True)
    assert ran.stdout.decode().split() == names
