"""How failures are told: exit codes, the error object, prompts without a person, and what nobody foresaw."""

from __future__ import annotations

import os
import re
import stat

import pytest

from srctl.errors import UnreachableError
from tests.cli.front_door import FrontDoor

USAGE = [
    ["nosuch"], ["user", "nosuch"], ["user", "list", "--nosuch"], ["--nosuch", "user", "list"], ["user", "show"],
    ["user", "show", "ann", "bob"], ["user", "list", "--output"], ["logs", "--tail", "few", "abc"],
    ["logs", "--tail", "-1", "abc"], ["open", "desktop", "--local-port", "0"], ["open", "desktop", "--local-port", "x"],
    ["start", "desktop", "--timeout", "0"], ["start", "desktop", "--timeout", "nan"],
    ["start", "desktop", "--timeout", "soon"], ["start", "desktop", "--pull", "sometimes"],
    ["start", "desktop", "--set", "resolution"], ["start", "desktop", "--env", "=x"],
    ["start", "desktop", "--set", "a=1", "--set", "a=2"], ["completion", "tcsh"], ["--realm", "a/b", "ps"],
]  # fmt: skip


@pytest.mark.parametrize("argv", USAGE, ids=" ".join)
def test_wrong_usage_is_2_and_one_object_in_json(team: FrontDoor, argv: list[str]) -> None:
    ran = team("-o", "json", *argv)
    assert (ran.code, ran.out) == (2, "")
    assert set(ran.error) == {"code", "message", "hint"}
    assert ran.error["code"] == "usage"
    assert ran.error["message"]


def test_wrong_usage_is_told_in_the_format_that_the_command_line_asks_for(team: FrontDoor) -> None:
    assert team("nosuch", env={"SRCTL_OUTPUT": "json"}).error["code"] == "usage"
    for words in (["-o", "json"], ["-ojson"], ["--output", "json"], ["--output=json"]):
        assert team("user", "list", "--nosuch", *words).error["code"] == "usage"
        assert team(*words, "nosuch").error["code"] == "usage"
    assert team("user", "list", "--nosuch", "-o", "json", "-q").err.startswith("srctl: ")


def test_people_are_told_what_happened_and_what_to_do(team: FrontDoor) -> None:
    ran = team("user", "show", "nobody")
    assert ran.err.splitlines()[0].startswith("srctl: ")
    assert ran.err.splitlines()[1].startswith("  hint: ")
    assert "Traceback" not in ran.err


def test_what_was_mistyped_is_named_with_what_was_meant(team: FrontDoor) -> None:
    for argv, words in (
        (["user", "lst"], ("lst", "list")),
        (["usr"], ("usr", "user")),
        (["user", "list", "--gransts"], ("--grants",)),
    ):
        assert all(word in team(*argv).err for word in words)


@pytest.mark.parametrize(
    "argv", [["user", "remove", "ann"], ["app", "remove", "desktop"], ["host", "remove", "lab"], ["session", "prune"]]
)
class TestQuestions:
    def test_without_a_terminal_they_are_wrong_usage_that_names_the_flag(self, lab: FrontDoor, argv: list[str]) -> None:
        lab.ok("host", "add", "lab", "ssh://lab")
        ran = lab(*argv, "-o", "json")
        assert (ran.code, ran.out, ran.error["code"]) == (2, "", "usage")
        assert "--yes" in f"{ran.error['message']} {ran.error['hint']}"

    @pytest.mark.parametrize(("answer", "code"), [("yes\n", 0), ("\n", 1)])
    def test_on_a_terminal_only_yes_is_a_yes(self, lab: FrontDoor, argv: list[str], answer: str, code: int) -> None:
        lab.ok("host", "add", "lab", "ssh://lab")
        _leave_an_exited_session(lab)
        ran = lab(*argv, stdin=answer, terminal=True)
        assert ran.code == code
        assert "[y/N]" in ran.err
        assert bool(ran.out) is (code == 0)

    def test_with_the_flag_nothing_is_asked(self, lab: FrontDoor, argv: list[str]) -> None:
        lab.ok("host", "add", "lab", "ssh://lab")
        ran = lab(*argv, "--yes", terminal=True)
        assert ran.code == 0
        assert "[y/N]" not in ran.err


def _leave_an_exited_session(lab: FrontDoor) -> None:
    lab.ok("start", "srctl/web")
    assert lab.engine is not None
    for container_id in lab.engine.stored:
        lab.engine.exit(container_id, 0)


class TestUnforeseen:
    @pytest.fixture
    def broken(self, lab: FrontDoor) -> FrontDoor:
        """An engine that fails as no engine should."""
        assert lab.engine is not None
        lab.engine.faults["containers"] = [ZeroDivisionError("SECRET"), ZeroDivisionError("SECRET")]
        return lab

    def test_it_is_one_line_with_a_reference_to_the_log(self, broken: FrontDoor) -> None:
        ran = broken("ps")
        assert ran.code == 1
        assert len([line for line in ran.err.splitlines() if line.startswith("srctl: ")]) == 1
        assert "Traceback" not in ran.err
        assert "SECRET" not in ran.err
        reference = re.search(r"reference ([0-9a-f]+)", ran.err)
        assert reference is not None
        [log] = broken.home.rglob("srctl.log")
        assert str(log) in ran.err
        text = log.read_text()
        assert reference[1] in text
        assert "ZeroDivisionError" in text[text.index(reference[1]) :]

    def test_the_log_is_private(self, broken: FrontDoor) -> None:
        broken("ps")
        [log] = broken.home.rglob("srctl.log")
        assert stat.S_IMODE(log.stat().st_mode) == 0o600

    def test_its_folder_is_private_whatever_the_umask(self, broken: FrontDoor) -> None:
        before = os.umask(0)
        try:
            broken("ps")
        finally:
            os.umask(before)
        [log] = broken.home.rglob("srctl.log")
        assert not any(stat.S_IMODE(folder.stat().st_mode) & 0o077 for folder in (log.parent, log.parents[1]))

    def test_in_json_it_is_one_object(self, broken: FrontDoor) -> None:
        assert broken("ps", "-o", "json").error["code"] == "failure"

    def test_a_log_that_can_not_be_written_is_no_second_failure(self, broken: FrontDoor) -> None:
        (broken.home / ".local/state/srctl").write_text("in the way")
        ran = broken("ps")
        assert ran.code == 1
        assert "reference" in ran.err

    @pytest.mark.parametrize(("argv", "env"), [(["--debug"], {}), ([], {"SRCTL_DEBUG": "1"})])
    def test_the_traceback_is_shown_where_it_is_asked_for(
        self, broken: FrontDoor, argv: list[str], env: dict[str, str]
    ) -> None:
        assert "ZeroDivisionError" in broken(*argv, "ps", env=env).err
        assert "ZeroDivisionError" in broken(*argv, "-o", "json", "ps", env=env).error["traceback"]


@pytest.mark.parametrize("value", ["0", "false", "no", ""])
def test_debug_can_be_switched_off(team: FrontDoor, value: str) -> None:
    assert "Traceback" not in team("user", "show", "nobody", env={"SRCTL_DEBUG": value}).err


def test_ctrl_c_is_130(lab: FrontDoor) -> None:
    assert lab.engine is not None
    lab.engine.faults["containers"] = [KeyboardInterrupt(), KeyboardInterrupt()]
    assert lab("ps").code == 130
    ran = lab("ps", "-o", "json")
    assert (ran.code, ran.error["code"]) == (130, "interrupted")


def test_an_engine_that_can_not_be_reached_is_6(lab: FrontDoor) -> None:
    assert lab.engine is not None
    lab.engine.faults["containers"] = [UnreachableError("gone")]
    ran = lab("ps", "-o", "json")
    assert (ran.code, ran.error) == (6, {"code": "unreachable", "message": "gone", "hint": None})


def test_help_is_for_everybody_and_creates_nothing(bare: FrontDoor) -> None:
    for argv in ([], ["--help"], ["user"], ["user", "--help"], ["user", "key"], ["grant", "add", "--help"]):
        assert "Usage: srctl" in bare.ok(*argv).out
    assert re.fullmatch(r"srctl \d+\.\d+\S*\n", bare.ok("--version").out)
    assert bare.files() == set()


def test_help_and_version_have_their_usual_other_names(bare: FrontDoor) -> None:
    assert bare.ok("-h").out == bare.ok("help").out == bare.ok("--help").out
    assert (
        bare.ok("user", "add", "-h").out == bare.ok("help", "user", "add").out == bare.ok("user", "add", "--help").out
    )
    assert "-h, --help" in bare.ok("user", "add", "-h").out
    assert bare.ok("version").out == bare.ok("--version").out
    assert bare("help", "nosuch").code == 2


def test_help_needs_no_sound_configuration(bare: FrontDoor) -> None:
    bare.write_config("[[[")
    for word in ("--help", "--version"):
        assert bare.ok(word).err == ""


def test_help_shows_arguments_as_people_write_them(bare: FrontDoor) -> None:
    from srctl.commands.tree import leaves

    for name, _ in leaves():
        text = bare.ok(*name.split(), "--help").out
        assert not re.search(r"<(str|bool|int|float|list)|\{|\[\[", text), text


READS = [
    ["user", "list"],
    ["user", "show", "ann"], ["user", "key", "list", "ann"], ["app", "list"], ["app", "show", "desktop"],
    ["grant", "list"], ["db", "status"], ["host", "list"], ["host", "check"], ["config", "show"], ["config", "path"],
    ["ps"], ["session", "available"], ["status"], ["completion", "bash"],
]  # fmt: skip


def test_reading_creates_and_changes_nothing(team: FrontDoor) -> None:
    before = {path: path.read_bytes() for path in team.files()}
    for argv in READS:
        team(*argv)
    assert {path: path.read_bytes() for path in team.files()} == before
