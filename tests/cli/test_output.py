"""The formats, and text from outside, which never acts."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from srctl.commands import tree
from tests.cli.front_door import FrontDoor
from tests.fakes import FakeLog

HOSTILE = "[bold]x[/bold] \x1b[31mred\x1b]0;title\x07 \u202egnp.exe\u2066 \r\n\t\x9b2J \U000e0001 end"
LISTS = [
    ["user", "list"],
    ["app", "list"],
    ["grant", "list"],
    ["session", "list"],
    ["session", "list", "--all", "--all-users"],
    ["ps"],
]


@pytest.fixture
def hostile(lab: FrontDoor) -> FrontDoor:
    """A session runs whose labels were written by somebody who means harm."""
    lab.ok("start", "srctl/web")
    assert lab.engine is not None
    [(container_id, container)] = lab.engine.stored.items()
    labels = dict(container.labels) | {"io.srctl.title": HOSTILE, "io.srctl.image": "=cmd|' /C calc'!A0"}
    labels["eu.simphony-project.docker.runinfo.urlpath"] = "/@evil.example/\x1b[2J"
    labels["io.srctl.path"] = "@evil.example/\x1b[2J"
    lab.engine.stored[container_id] = replace(container, labels=labels, image=HOSTILE)
    return lab


def harmless(text: str) -> bool:
    """Tell whether a terminal would show the text and do nothing else."""
    return all(char.isprintable() or char == "\n" for char in text)


@pytest.mark.parametrize("argv", [*LISTS, ["session", "available"], ["user", "key", "list", "ann"]], ids=" ".join)
def test_an_empty_list_is_an_empty_array_and_a_header_in_csv(srctl: FrontDoor, argv: list[str], lab: FrontDoor) -> None:
    for image in lab.ok("app", "list", "-q").lines:
        lab.ok("app", "remove", "-y", image)
    if argv[0] == "user" and argv[1] == "list":
        lab.ok("user", "remove", "-y", "ann", "bob")
    assert lab.json(*argv) == []
    assert len(lab.ok(*argv, "-o", "csv").lines) == 1
    assert lab.ok(*argv, "-q").out == ""
    assert lab.ok(*argv, "-o", "table").code == 0


@pytest.mark.parametrize("argv", LISTS, ids=" ".join)
def test_the_header_of_csv_has_the_keys_of_json(lab: FrontDoor, argv: list[str]) -> None:
    lab.ok("start", "srctl/web")
    rows = lab.json(*argv)
    [head, *lines] = csv.reader(io.StringIO(lab.ok(*argv, "-o", "csv").out))
    assert head == list(rows[0])
    assert len(lines) == len(rows)
    assert lab.ok(*argv, "-o", "ids").out == lab.ok(*argv, "-q").out == lab.ok("-q", *argv).out
    assert len(lab.ok(*argv, "-q").lines) == len(rows)


def test_options_of_output_stand_before_the_noun_or_after_the_verb_and_the_last_one_wins(team: FrontDoor) -> None:
    expected = team.json("user", "list")
    assert json.loads(team.ok("-o", "json", "user", "list").out) == expected
    assert json.loads(team.ok("--output=json", "user", "list").out) == expected
    assert json.loads(team.ok("user", "list", "-ojson").out) == expected
    assert json.loads(team.ok("-q", "user", "list", "-o", "json").out) == expected
    assert team.ok("-o", "json", "user", "list", "-q").out == "ann\nbob\n"


def test_a_table_is_neither_cut_nor_wrapped_where_no_terminal_is(team: FrontDoor) -> None:
    title = "A very long title " * 10
    team.ok("app", "add", "long", "--title", title, "--no-verify")
    ran = team.ok("app", "list", env={"COLUMNS": "40"})
    assert title.strip() in ran.out
    assert len(ran.lines) == 4
    assert harmless(ran.out)


def test_ids_are_whole_where_no_terminal_is(lab: FrontDoor) -> None:
    session = lab.add("start", "srctl/web")
    assert session in lab.ok("ps").out
    assert session in lab.ok("session", "available").out
    on_screen = lab("ps", terminal=True).out
    assert session[:12] in on_screen
    assert session not in on_screen


def test_a_table_fits_the_terminal_where_one_is(team: FrontDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    team.ok("app", "add", "long", "--title", "A very long title " * 10, "--no-verify")
    ran = team("app", "list", terminal=True)
    assert "…" in ran.out
    assert len(ran.lines) == 4


def test_no_color_is_honoured(team: FrontDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in team("user", "list", terminal=True).out


@pytest.mark.parametrize("form", ["table", "csv", "ids", "json"])
@pytest.mark.parametrize("argv", [["ps"], ["session", "list", "--all-users"], ["ps", "--all"]], ids=" ".join)
def test_text_from_labels_never_acts(hostile: FrontDoor, argv: list[str], form: str) -> None:
    ran = hostile.ok(*argv, "-o", form)
    assert harmless(ran.out)
    if form == "json":
        assert ran.json[0]["title"] == HOSTILE
    elif form != "ids":
        assert "[bold]x[/bold]" in ran.out
        assert "\\u202e" in ran.out


def test_text_from_labels_never_acts_on_a_terminal_either(hostile: FrontDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("NO_COLOR", "1")
    text = hostile("ps", terminal=True).out
    assert harmless(re.sub(r"\x1b\[[01]m", "", text))
    assert "[bold]x[/bold]" in text


def test_a_single_session_is_shown_harmlessly_and_its_url_stays_on_this_machine(hostile: FrontDoor) -> None:
    [row] = hostile.json("ps")
    assert harmless(hostile.ok("session", "show", row["id"]).out)
    assert row["url"].startswith(f"http://127.0.0.1:{row['port']}/")
    assert harmless(row["url"])


def test_a_cell_of_csv_is_no_formula(hostile: FrontDoor) -> None:
    [head, line] = csv.reader(io.StringIO(hostile.ok("ps", "-o", "csv").out))
    assert dict(zip(head, line, strict=True))["image"].startswith("'=")


@pytest.mark.parametrize("name", ["+ann", "@ann", "@ann+b-c.d_e@example.org"])
def test_names_of_users_are_exact_in_csv(team: FrontDoor, name: str) -> None:
    team.ok("user", "add", name)
    team.ok("grant", "add", "desktop", name)
    for command in (["user", "list"], ["grant", "list"]):
        rows = list(csv.DictReader(io.StringIO(team.ok(*command, "-o", "csv").out)))
        assert name in [row.get("user", row.get("name")) for row in rows]


@pytest.mark.parametrize("label", ["=1+1", "+cmd|' /C calc'!A0", "@SUM(A1)", "-1"])
def test_only_what_can_be_the_name_of_a_user_is_exact(hostile: FrontDoor, label: str) -> None:
    assert hostile.engine is not None
    [(container_id, container)] = hostile.engine.stored.items()
    labels = dict(container.labels) | {"eu.simphony-project.docker.runinfo.user": label}
    hostile.engine.stored[container_id] = replace(container, labels=labels)
    ran = hostile.ok("session", "list", "--all-users", "-o", "csv")
    assert [row["user"] for row in csv.DictReader(io.StringIO(ran.out))] == [f"'{label}"]


def test_wide_characters_keep_columns_in_line(team: FrontDoor) -> None:
    for image, title in (("plain", "abcd"), ("mark", "e\u0301te\u0301"), ("wide", "部屋")):
        team.ok("app", "add", image, "--title", title, "--port", "8888", "--no-verify")
    mark, plain, wide = [line for line in team.ok("app", "list").lines if "8888" in line]
    assert plain.index("8888") == mark.index("8888") - 2 == wide.index("8888") + 2


@pytest.mark.parametrize(
    "argv",
    [
        ["user", "add", "--", HOSTILE],
        ["user", "show", HOSTILE], ["app", "show", HOSTILE], ["grant", "remove", HOSTILE],
        ["host", "check", HOSTILE], ["--realm", HOSTILE, "ps"], ["--config", HOSTILE.replace("/", ""), "ps"],
        ["session", "show", HOSTILE], ["start", HOSTILE], ["start", "srctl/web", "--env", HOSTILE],
        ["start", "srctl/web", "--set", HOSTILE], [HOSTILE], ["user", HOSTILE], ["user", "list", f"--{HOSTILE}"],
        ["host", "add", "x", HOSTILE], ["app", "add", "x", "--shm-size", HOSTILE],
        ["grant", "add", "srctl/web", "ann", "--volume", HOSTILE], ["user", "key", "add", "ann", "-"],
    ],
)  # fmt: skip
def test_an_error_never_acts(lab: FrontDoor, argv: list[str]) -> None:
    ran = lab(*argv, stdin=HOSTILE)
    assert ran.code in (2, 3)
    assert harmless(ran.err)


def test_log_lines_keep_tabs_and_lose_their_power(hostile: FrontDoor) -> None:
    assert hostile.engine is not None
    engine = hostile.engine
    log = FakeLog("")
    for piece in ("a\tb\r\n\x1b[31m€".encode()[:-1], "€".encode()[-1:], None):
        log.pieces.put(piece)
    engine.logs = lambda *_, **__: log  # type: ignore[method-assign]
    [session] = hostile.ok("ps", "-q").lines
    assert hostile.ok("logs", session).out == "a\tb\n\\u001b[31m€"


@pytest.mark.parametrize("name", [name for name, entry in tree.ENTRIES.items() if entry.verb is None])
def test_the_help_of_a_noun_cuts_no_sentence(bare: FrontDoor, name: str) -> None:
    assert "..." not in bare.ok(name, "--help").out.partition("Commands:")[2]
