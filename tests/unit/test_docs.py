"""What the documentation says is what the program does."""

import ast
import errno
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import typer
from typer._click.exceptions import ClickException

from srctl import config, errors, images, labels, views
from srctl.cli import tree
from srctl.commands.tree import leaves
from srctl.context import Context
from srctl.models import Policy, StartRequest, StoreStatus
from tools import docs

PAGES = [docs.ROOT / "README.md", docs.ROOT / "CHANGELOG.md", *docs.pages()]
REFERENCE = docs.ROOT / "docs" / "reference"
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(?:\$ )?(srctl [^`\n]+)`")
PLACEHOLDER = re.compile(r"[A-Z]{2,}[A-Z.:/-]*")


def name_of(page: Path) -> str:
    return str(page.relative_to(docs.ROOT))


@pytest.mark.parametrize("page", docs.pages(), ids=name_of)
def test_the_generated_parts_are_those_of_the_code(page: Path) -> None:
    assert page.read_text() == docs.fresh(page), f"{name_of(page)} is stale: run `make docs`"


def test_every_generated_part_stands_on_a_page() -> None:
    found = {match["name"] for page in docs.pages() for match in docs.PART.finditer(page.read_text())}
    assert found == set(docs.PARTS)


def test_every_command_has_a_section() -> None:
    titles = re.findall(r"^### (srctl .*)$", (REFERENCE / "commands.md").read_text(), re.MULTILINE)
    assert titles == [f"srctl {name}" for name, _ in leaves()]


def test_the_exit_codes_are_those_of_the_errors() -> None:
    rows = table(REFERENCE / "exit-codes.md", "exit code")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    wanted = {(str(kind.exit_code), kind.code) for kind in kinds if issubclass(kind, errors.SrctlError)}
    assert {(code, word) for code, word, *_ in rows if code != "0"} == wanted


def test_the_configuration_keys_are_those_that_are_read() -> None:
    keys = [row[0] for row in table(REFERENCE / "configuration.md", "key")]
    assert keys == [key.name for key in config.KEYS]
    assert [row[0] for row in table(REFERENCE / "configuration.md", "key", after="## Hosts")] == [*config.HOST_FIELDS]


def test_the_labels_of_containers_are_those_that_are_set() -> None:
    page = REFERENCE / "labels.md"
    runinfo = {labels.RUNINFO + row[0] for row in table(page, "label", after="## On containers")}
    extra = {labels.EXTRA + row[0] for row in table(page, "label", after="Prefix `io.srctl.`")}
    assert runinfo | extra == set(docs.example_plan({}).labels)


def test_the_labels_of_images_are_those_that_are_read() -> None:
    page = REFERENCE / "labels.md"
    documented = {row[0].replace("env.NAME", "env.") for row in table(page, "label", after="## On images")}
    read = set(re.findall(r'PREFIX \+ "([a-z0-9_.]+)"', Path(images.__file__).read_text()))
    assert documented == read | {"icon_128"}
    assert [row[0] for row in table(page, "label", after="Ours:")] == [images.PROFILE_LABEL]


def test_the_environment_of_containers_is_what_is_documented() -> None:
    offered = dict.fromkeys((f"{images.PREFIX}env.{name}" for name in ENV_LABELS), "")
    request = StartRequest("example/app:1.0", settings={"resolution": "800x600"}, startup_data="/data")
    plan = docs.example_plan(offered, Policy(allow_startup_data=True, license="text"), request)
    rows = table(REFERENCE / "labels.md", "variable")
    assert {name for row in rows for name in row[0].split(", ")} == set(plan.env)


ENV_LABELS = ("x11-width", "x11-height", "x11-depth", "startupdata")
ROWS = {
    "Session": views.SESSION,
    "Tunnel": views.TUNNEL,
    "Offer": views.AVAILABLE,
    "User": views.USER,
    "Key": views.KEY,
    "Offered key": views.OFFERED_KEY,
    "Identity": views.IDENTITY,
    "Share": views.SHARE,
    "Entry of the audit": views.AUDIT,
    "Application": views.APPLICATION,
    "Grant": views.GRANT,
    "Host": views.HOST,
    "Step": views.STEP,
    "Finding": views.FINDING,
    "Import": views.IMPORTED,
    "Change": views.DEED,
    "Group": views.GROUP,
    "Right": views.RIGHT,
    "Reaped": views.REAPED,
    "Tally": views.TALLY,
    "Explanation": views.EXPLANATION,
    "Policy": views.POLICY,
    "Database": tuple(field.name for field in fields(StoreStatus)),
}


@pytest.mark.parametrize("title", ROWS)
def test_the_keys_of_json_are_those_that_are_printed(title: str) -> None:
    rows = table(REFERENCE / "json.md", "key", after=f"## {title}\n")
    assert [key for row in rows for key in row[0].split(", ")] == list(ROWS[title])


def test_every_command_that_prints_json_is_listed() -> None:
    rows = table(REFERENCE / "json.md", "command")
    said = {name for row in rows for name in re.split(r", (?:and every )?", row[0])} - {"remove"}
    silent = {"logs", "session logs", "tunnel logs", "completion", "config edit", "tui"}
    removals = {name for name, _ in leaves() if name.endswith("remove")}
    short = {"session start", "session open", "session stop"}
    assert said == {name for name, _ in leaves()} - silent - removals - short


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_example_is_a_command_that_srctl_takes(page: Path) -> None:
    wrong = [f"{line}: {problem}" for line in examples(page.read_text()) if (problem := misread(line))]
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_in_a_sentence_exists(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    named = [match[1] for match in INLINE.finditer(text) if "..." not in match[1]]
    wrong = [f"{line}: {problem}" for line in named if (problem := misread(line, whole=False))]
    assert not wrong


@pytest.mark.parametrize(
    "line", ["srctl user ad ada", "srctl ps --al", "srctl open", "srctl user key add one", "srctl --hots lab ps"]
)
def test_a_wrong_example_would_be_noticed(line: str) -> None:
    assert misread(line)


@pytest.mark.parametrize("line", ["srctl user ad", "srctl ps --al", "srctl open --browsr", "srctl frob"])
def test_a_wrong_command_in_a_sentence_would_be_noticed(line: str) -> None:
    assert misread(line, whole=False)


def test_the_readme_has_at_most_400_words() -> None:
    assert len((docs.ROOT / "README.md").read_text().split()) <= 400


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = [link for link in links(page) if not leads_somewhere(page, link)]
    assert not dead


def test_every_page_can_be_reached_from_the_index() -> None:
    index = docs.ROOT / "docs" / "index.md"
    reached = {(index.parent / link).resolve() for link in links(index)}
    assert set((docs.ROOT / "docs").rglob("*.md")) - reached == {index}


def table(page: Path, head: str, after: str = "") -> list[list[str]]:
    """Return the cells of the first table whose first head is `head`, below the text `after`, without backquotes."""
    text = page.read_text()
    lines = iter(text[text.index(after) :].splitlines())
    for line in lines:
        if line.startswith(f"| {head}"):
            break
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
    return rows


def examples(text: str) -> Iterator[str]:
    """Yield the srctl commands of the shell examples of a page; in a session only what follows a `$` is one."""
    for language, body in FENCE.findall(text):
        if language not in ("sh", "console"):
            continue
        for line in body.replace("\\\n", " ").splitlines():
            if language == "sh" or line.startswith("$ "):
                yield from commands_in(line.removeprefix("$ "))


def commands_in(line: str) -> Iterator[str]:
    """Yield each srctl command of a line of shell, those in `$(...)` too."""
    while inner := re.search(r"\$\(([^()]*)\)", line):
        yield from commands_in(inner[1])
        line = line.replace(inner[0], "VALUE")
    line = re.sub(r"(^|\s)#.*", "", line)
    for part in re.split(r"\|\|?|&&?|;|[0-9]?>\s*\S+|<\s*\S+", line):
        if found := re.search(r"(?:^|\s)(srctl\s.*)", part):
            yield found[1] if not part.strip().startswith("xargs") else f"{found[1].strip()} VALUE"


def misread(line: str, *, whole: bool = True) -> str:
    """Return why srctl would not take a command line, empty if it would.

    Unless it has to be `whole`, only commands and options that do not exist are wrong.
    """
    try:
        parse(shlex.split(line)[1:])
    except typer.Exit:
        return ""
    except ClickException as error:
        message = error.format_message()
        return message if whole or message.startswith("No such") else ""
    return ""


def parse(words: list[str]) -> None:
    """Parse a command line as srctl would, without running it."""
    command: Any = typer.main.get_command(tree())
    context = None
    while True:
        context = command.make_context("srctl", list(words), parent=context, obj=Context({}))
        if not hasattr(command, "resolve_command"):
            return
        words = [*context._protected_args, *context.args]
        if PLACEHOLDER.fullmatch(words[0]):
            return
        _, command, words = command.resolve_command(context, words)


def links(page: Path) -> list[str]:
    """Return the relative links and pictures of a page."""
    found = re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text()))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = unquote(link).partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_message_to_be_troubled_by_is_one_that_srctl_gives() -> None:
    page = docs.ROOT / "docs" / "how-to" / "troubleshoot.md"
    cells = re.findall(r"^\| (`.*?) \|", page.read_text(), re.MULTILINE)
    quoted = [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]
    said = "\n".join(texts())
    assert [message for message in quoted if not all(part in said for part in parts(message))] == []


def parts(message: str) -> list[str]:
    """Return the fixed parts of a message: `...` stands for what varies, and words after a colon for a cause."""
    return [part.strip(" :") for part in message.split("...") if part.strip(" :")]


def texts() -> Iterator[str]:
    """Yield every text in the sources of srctl, what varies in it left out, and what the system says itself."""
    for source in (docs.ROOT / "srctl").rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
    yield from (os.strerror(number) for number in (errno.EACCES, errno.ENOENT, errno.ECONNREFUSED))
    yield from ("No such option", "No such command", "Missing argument")
