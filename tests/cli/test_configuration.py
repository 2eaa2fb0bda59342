"""`srctl config`: where values come from, which one wins, and what a broken file says."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from srctl.config import KEYS
from tests.cli.front_door import FrontDoor


def setting(srctl: FrontDoor, key: str, *argv: str, **env: str) -> tuple[Any, str]:
    """Return value and source of a key."""
    [row] = [row for row in srctl.json(*argv, "config", "show", env=env) if row["key"] == key]
    return row["value"], row["source"]


def test_every_key_is_shown_with_value_and_source(bare: FrontDoor) -> None:
    rows = bare.json("config", "show")
    assert [row["key"] for row in rows] == [key.name for key in KEYS]
    assert {tuple(row) for row in rows} == {("key", "value", "source")}
    assert bare.json("config", "show", "realm") == [{"key": "realm", "value": "srctl", "source": "default"}]
    assert bare.ok("config", "show", "-q").lines == [key.name for key in KEYS]


def test_an_unknown_key_is_not_found(bare: FrontDoor) -> None:
    assert bare("config", "show", "colour").code == 3


@pytest.mark.parametrize(
    ("key", "variable", "values"),
    [
        ("realm", "SRCTL_REALM", ("flag", "environment", "file")),
        ("user", "SRCTL_USER", ("flag", "environment", "file")),
        ("db", "SRCTL_DB", ("/flag", "/environment", "/file")),
        ("host", "SRCTL_HOST", ("ssh://flag", "ssh://environment", "ssh://file")),
    ],
)
def test_flag_goes_before_environment_before_file_before_default(
    bare: FrontDoor, key: str, variable: str, values: tuple[str, str, str]
) -> None:
    for name in ("SRCTL_USER", "DOCKER_HOST"):
        del bare.environ[name]
    flag, environment, file = values
    assert setting(bare, key)[1] == "default"
    bare.write_config(f'{key} = "{file}"')
    assert setting(bare, key) == (file, "config file")
    assert setting(bare, key, **{variable: ""}) == (file, "config file")
    assert setting(bare, key, **{variable: environment}) == (environment, f"environment {variable}")
    assert setting(bare, key, f"--{key}", flag, **{variable: environment}) == (flag, "flag")


def test_the_output_format_follows_the_same_order(bare: FrontDoor) -> None:
    bare.write_config('output = "csv"')
    assert bare.ok("config", "show", "realm").lines == ["key,value,source", "realm,srctl,default"]
    assert bare.ok("config", "show", "realm", env={"SRCTL_OUTPUT": "ids"}).out == "realm\n"
    assert "VALUE" in bare.ok("config", "show", "realm", "-o", "table", env={"SRCTL_OUTPUT": "ids"}).out
    assert bare.ok("-o", "json", "config", "show", "realm", "-q").out == "realm\n"


def test_values_that_act_are_shown_where_nothing_was_set(bare: FrontDoor) -> None:
    assert setting(bare, "db") == (str(bare.database), "default")
    del bare.environ["SRCTL_USER"]
    assert setting(bare, "user")[0]


def test_passwords_are_not_shown(bare: FrontDoor) -> None:
    for url in (
        "postgresql://ann:SECRET@server/db",
        "postgresql://ann:PA@SECRET@server/db",
        "postgresql://ann@realm:SECRET@server/db",
        "postgresql://ann:PA/SECRET@server/db",
        "postgresql://server/db?user=a&password=SECRET",
    ):
        ran = bare.ok("--db", url, "config", "show", "db")
        assert "SECRET" not in ran.out
        assert "server/db" in ran.out


def test_a_config_file_that_is_named_and_missing_is_an_error_that_names_it(bare: FrontDoor) -> None:
    for ran in (
        bare("--config", "/nowhere/config.toml", "host", "list", "-o", "json"),
        bare("host", "list", "-o", "json", env={"SRCTL_CONFIG": "/nowhere/config.toml"}),
        bare("--config", str(bare.config), "host", "list", "-o", "json"),
    ):
        assert (ran.code, ran.error["code"]) == (2, "usage")
        assert "config.toml" in ran.error["message"]


def test_a_named_config_file_is_read_in_place_of_the_default_one(bare: FrontDoor) -> None:
    bare.write_config('realm = "default"')
    (bare.home / "other.toml").write_text('realm = "other"')
    assert setting(bare, "realm", "--config", "~/other.toml")[0] == "other"
    assert setting(bare, "realm", SRCTL_CONFIG=str(bare.home / "other.toml"))[0] == "other"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("realm = \n", ["config.toml", "line 1"]),
        ('raelm = "x"', ["raelm", "realm"]),
        ('[hosts.lab]\nurl = "ssh://lab"\nshs = "x"', ["hosts.lab.shs", "hosts.lab.ssh"]),
        ("[hosts.lab]\n", ["hosts.lab", "url"]),
        ("hosts = 1", ["hosts"]),
        ('realm = "two words"', ["realm", "two words"]),
        ("realm = 5", ["realm"]),
        ("timeout = 0", ["timeout"]),
        ("timeout = nan", ["timeout"]),
        ("timeout = true", ["timeout"]),
        ('home_root = "relative"', ["home_root"]),
    ],
)
def test_what_is_wrong_in_the_file_is_named(bare: FrontDoor, text: str, words: list[str]) -> None:
    bare.write_config(text)
    ran = bare("host", "list")
    assert ran.code == 2
    assert all(word in ran.err for word in words), ran.err
    assert bare("-o", "json", "host", "list").error["code"] == "usage"


def test_a_wrong_value_names_the_flag_or_variable_that_brought_it(bare: FrontDoor) -> None:
    assert "SRCTL_OUTPUT" in bare("host", "list", env={"SRCTL_OUTPUT": "xml"}).err
    assert "--output" in bare("host", "list", "-o", "xml").err
    assert bare("host", "list", "-o", "xml").code == 2


def test_path_needs_neither_a_file_nor_a_sound_one(bare: FrontDoor) -> None:
    assert bare.ok("config", "path").out == f"{bare.config}\n"
    assert bare.json("config", "path") == {"path": str(bare.config)}
    assert bare.files() == set()
    bare.write_config("[[[")
    assert bare.ok("config", "path").out == f"{bare.config}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("realm = " + "[" * 100_000, "nested too deeply"),
        ("a = " + "1" * 5000, "not valid TOML"),
        ("#" * 1024**2 + "\n", "larger than 1 MiB"),
    ],
    ids=["deep", "long number", "large"],
)
def test_a_file_that_can_not_be_taken_is_told_in_words(bare: FrontDoor, text: str, words: str) -> None:
    bare.write_config(text)
    assert words in bare("host", "list").err
    assert bare("host", "list", "-o", "json").error["code"] == "usage"


@pytest.mark.parametrize("name", ["/dev/zero", "/", "/nowhere/config.toml", "x" * 5000, "nul\0.toml", "~nosuch/x"])
@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["plain", "debug"])
def test_what_can_be_no_config_file_is_wrong_usage(bare: FrontDoor, name: str, debug: list[str]) -> None:
    ran = bare(*debug, "--config", name, "-o", "json", "host", "list")
    assert (ran.code, ran.out, ran.error["code"]) == (2, "", "usage")


def test_a_pipe_is_no_config_file_and_is_not_waited_for(bare: FrontDoor) -> None:
    os.mkfifo(bare.home / "pipe")
    ran = bare("--config", str(bare.home / "pipe"), "host", "list")
    assert (ran.code, "not a regular file" in ran.err) == (2, True)


def test_the_null_device_is_an_empty_config_file(bare: FrontDoor) -> None:
    bare.write_config("[[[")
    bare.ok("--config", os.devnull, "host", "list")


def test_no_other_user_may_look_into_the_folder_of_the_config_file(bare: FrontDoor) -> None:
    before = os.umask(0)
    try:
        bare.ok("host", "add", "lab", "ssh://lab")
    finally:
        os.umask(before)
    assert stat.S_IMODE(bare.config.parent.stat().st_mode) == 0o700


class TestEdit:
    def test_without_a_terminal_it_is_wrong_usage(self, bare: FrontDoor) -> None:
        ran = bare("config", "edit", env={"EDITOR": "true"})
        assert (ran.code, "terminal" in ran.err) == (2, True)
        assert bare.files() == set()

    @pytest.fixture
    def editor(self, bare: FrontDoor) -> Path:
        """A program that writes what the environment says into the file that it is given."""
        program = bare.home / "editor with spaces.py"
        program.write_text(
            f"#!{sys.executable}\nimport pathlib, sys\n"
            "text = pathlib.Path(__file__).with_name('text').read_text()\n"
            "sys.exit(3) if text == 'fail' else pathlib.Path(sys.argv[-1]).write_text(text)\n"
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return program

    @pytest.mark.parametrize("variable", ["EDITOR", "VISUAL"])
    def test_it_runs_the_editor_on_the_file_and_makes_the_folder(
        self, bare: FrontDoor, editor: Path, variable: str
    ) -> None:
        (bare.home / "text").write_text('realm = "edited"')
        assert bare("config", "edit", terminal=True, env={variable: f"'{editor}' --wait"}).code == 0
        assert setting(bare, "realm") == ("edited", "config file")

    def test_a_broken_file_can_be_edited_and_is_checked_afterwards(self, bare: FrontDoor, editor: Path) -> None:
        bare.write_config("[[[")
        (bare.home / "text").write_text("[[[[")
        assert bare("config", "edit", terminal=True, env={"EDITOR": f"'{editor}'"}).code == 2
        (bare.home / "text").write_text("")
        assert bare("config", "edit", terminal=True, env={"EDITOR": f"'{editor}'"}).code == 0

    def test_the_file_of_the_environment_is_the_one_that_is_edited(self, bare: FrontDoor, editor: Path) -> None:
        (bare.home / "text").write_text('realm = "edited"')
        other = bare.home / "other.toml"
        env = {"EDITOR": f"'{editor}'", "SRCTL_CONFIG": str(other)}
        assert bare("config", "edit", terminal=True, env=env).code == 0
        assert other.read_text() == 'realm = "edited"'
        assert not bare.config.exists()

    @pytest.mark.parametrize("command", ["/nowhere/editor", "'unbalanced"])
    def test_an_editor_that_can_not_be_run_is_named(self, bare: FrontDoor, command: str) -> None:
        ran = bare("config", "edit", terminal=True, env={"EDITOR": command})
        assert ran.code == 1
        assert "EDITOR" in ran.err

    def test_an_editor_that_fails_is_a_failure(self, bare: FrontDoor, editor: Path) -> None:
        (bare.home / "text").write_text("fail")
        assert bare("config", "edit", terminal=True, env={"EDITOR": f"'{editor}'"}).code == 1
