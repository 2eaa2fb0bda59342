"""Write the parts of docs/ that come from the code: `python -m tools.docs`; `--check` only tells which are stale.

A page marks such a part with `<!-- generated: NAME -->` and `<!-- end of NAME -->`; all else in it is written by hand.
What people read here and what the program does have one source: the tree of commands, the table of configuration
keys, the classes of errors, and the plan of a container.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import typer

from srctl import config, errors, planning
from srctl.cli import tree
from srctl.commands import tree as commands
from srctl.hosts import create
from srctl.images import PROFILE_LABEL
from srctl.models import Application, ContainerSpec, Grant, Image, Policy, StartRequest, User

ROOT = Path(__file__).resolve().parent.parent
PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end of (?P=name) -->)", re.DOTALL)
MAPPED = {
    "srctl": "*.py",
    "srctl/commands": "*.py",
    "srctl/installation": "*.py",
    "srctl/hosts": "*.py",
    "srctl/db": "*.py",
    "srctl/gateway": "*.py",
    "srctl/logins": "*.py",
    "srctl/tunnel": "*.py",
    "srctl/tui": "*.py",
    "tools": "*.py",
    "bench": "*.py",
    "bench/db": "*.py",
    "bench/gateway": "*.py",
    "bench/tunnel": "*.py",
    "bench/tui": "*.py",
}
HOST_FIELDS = {
    "url": "where the engine is: `unix://`, `ssh://` or `tcp://`",
    "ssh": "an `ssh://` URL of the same machine, for tunnels, where `url` is `tcp://`",
    "tls": "folder on this machine with `ca.pem`, `cert.pem` and `key.pem`, where `url` is `tcp://`",
}


def main(arguments: list[str]) -> int:
    """Write the generated parts; return 1 when `--check` finds one that differs."""
    stale = [path for path in pages() if fresh(path) != path.read_text(encoding="utf-8")]
    for path in stale:
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
        if "--check" not in arguments:
            path.write_text(fresh(path), encoding="utf-8")
    return int(bool(stale) and "--check" in arguments)


def pages() -> list[Path]:
    """Return the pages that may have generated parts."""
    return [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def fresh(path: Path) -> str:
    """Return the text of a page with its generated parts made anew."""

    def part(match: re.Match[str]) -> str:
        return f"{match[1]}\n{PARTS[match['name']]().strip()}\n\n{match[3]}"

    return PART.sub(part, path.read_text(encoding="utf-8"))


def table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines) + "\n"


# -- commands


def global_options() -> str:
    """Return the options of the root."""
    return options(typer.main.get_command(tree()).params)


def all_commands() -> str:
    """Return a section for each command, in the order of `srctl --help`."""
    return "\n".join(section(name, command) for name, command in commands.leaves())


def section(name: str, command: Any) -> str:
    """Return the section of one command: usage, what it does, its arguments and its own options."""
    entry = commands.ENTRIES.get(name)
    if entry is not None and entry.module == "session":
        return f"### srctl {name}\n\nThe short form of [srctl session {entry.verb}](#srctl-session-{entry.verb}).\n"
    named = [each for each in command.params if is_argument(each)]
    own = [each for each in command.params if not is_argument(each) and (each.name, each.help) not in shared()]
    usage = ["srctl", name, *(["[OPTIONS]"] if own else []), *(usage_of(each) for each in named)]
    parts = [
        f"### srctl {name}\n",
        f"```text\n{' '.join(usage)}\n```\n",
        re.sub(r"\s*\n\s*\n\s*", "\n\n", command.help.strip()) + "\n",
        arguments(named),
        options(own),
    ]
    return "\n".join(part for part in parts if part)


@cache
def shared() -> frozenset[tuple[str, str]]:
    """Return name and help of the options that every command takes; `db status` has no others."""
    plainest = dict(commands.leaves())["db status"]
    return frozenset((each.name, each.help) for each in plainest.params)


def usage_of(argument: Any) -> str:
    """Return an argument as it stands in the line of usage."""
    return str(argument.metavar if argument.required else f"[{argument.metavar}]")


def is_argument(parameter: Any) -> bool:
    """Tell arguments from options."""
    return bool(parameter.param_type_name == "argument")


def arguments(parameters: list[Any]) -> str:
    """Return the arguments that have an explanation, as a list."""
    return "".join(f"- `{each.metavar or each.name}`: {each.help}\n" for each in parameters if each.help)


def options(parameters: list[Any]) -> str:
    """Return a table of options."""
    rows = [(spelling(each), each.help or "") for each in parameters if each.name != "help"]
    return table(("option", "meaning"), rows) if rows else ""


def spelling(option: Any) -> str:
    """Return an option as people type it, with its value."""
    names = ", ".join(sorted(option.opts, key=len)) + "".join(f" / {name}" for name in option.secondary_opts)
    value = "" if option.is_flag else f" {option.metavar or option.type.name.upper()}"
    return f"`{names}{value}`" + (", repeatable" if option.multiple else "")


# -- words


def exit_codes() -> str:
    """Return the exit codes, from the classes of errors."""
    kinds = {kind.exit_code: kind for kind in reversed(list(error_classes()))}
    rows = [
        ("0", "", "It went well."),
        *((str(code), f"`{kind.code}`", doc(kind)) for code, kind in sorted(kinds.items())),
    ]
    return table(("exit code", "`code` in JSON", "meaning"), rows)


def error_classes() -> Iterator[type[errors.SrctlError]]:
    """Yield the classes that give an exit code its meaning, the general one of each first."""
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.SrctlError) and "exit_code" in vars(kind):
            yield kind


def doc(kind: type[errors.SrctlError]) -> str:
    """Return the first line of a class's docstring; the root of all errors stands for the rest."""
    return "Any other failure." if kind is errors.SrctlError else (kind.__doc__ or "").splitlines()[0]


def configuration() -> str:
    """Return the keys of the config file with their variables and defaults."""
    rows = [
        (f"`{key.name}`", ", ".join(f"`{name}`" for name in key.env) or "-", default(key), key.doc)
        for key in config.KEYS
    ]
    return table(("key", "environment, first one wins", "default", "meaning"), rows)


def default(key: config.Key) -> str:
    """Return a default as it is written in TOML."""
    return "-" if key.default is None else f"`{str(key.default).lower()}`"


def host_fields() -> str:
    """Return the keys of a host in the config file."""
    return table(("key", "meaning"), [(f"`{name}`", HOST_FIELDS[name]) for name in config.HOST_FIELDS])


# -- containers


def example_plan(
    labels: dict[str, str], permits: Policy | None = None, request: StartRequest | None = None
) -> ContainerSpec:
    """Return the plan of a container for an image with these labels."""
    then = datetime(2026, 1, 1, tzinfo=UTC)
    grant = Grant("0" * 32, "ada", Application("example/app:1.0"), permits or Policy(), then)
    image = Image("sha256:0", labels=labels)
    order = planning.Order(
        User(1, "ada", then), grant, image, request or StartRequest("example/app:1.0"), "srctl", "1" * 32
    )
    return planning.plan(order)


def profiles() -> str:
    """Return how containers of both profiles are confined, in the words of Docker's API."""
    strict, standard = (confinement({PROFILE_LABEL: name}) for name in ("strict", "standard"))
    rows = [(f"`{name}`", strict[name], standard[name]) for name in strict]
    return table(("setting", "`strict`", "`standard`"), rows)


def confinement(labels: dict[str, str]) -> dict[str, str]:
    """Return the settings of one container, each as a text."""
    body = create.body(example_plan(labels))
    settings = {"User": body.get("User"), **body["HostConfig"]}
    return {name: shown(value) for name, value in settings.items() if name not in ("Mounts", "Binds")}


def shown(value: Any) -> str:
    """Return a setting as it stands in a table."""
    if isinstance(value, dict):
        return "<br>".join(f"`{name}`: {shown(item)}" for name, item in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(shown(item) for item in value) or "-"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`" if value else "-"


# -- sources


def module_map() -> str:
    """Return the folders of the sources with their files, each with the first sentence of its docstring."""
    return "\n".join(folder_map(folder, pattern) for folder, pattern in MAPPED.items())


def folder_map(folder: str, pattern: str) -> str:
    """Return a heading and a table of the Python files of one folder."""
    files = [path for path in sorted((ROOT / folder).glob(pattern)) if not path.name.startswith("__")]
    rows = [(f"`{path.relative_to(ROOT / folder)}`", first_sentence(path)) for path in files]
    purpose = first_sentence(ROOT / folder / "__init__.py")
    return f"### {folder}/\n\n{purpose}\n\n{table(('file', 'what it owns'), rows)}"


def first_sentence(path: Path) -> str:
    """Return the first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = " ".join(text.partition("\n\n")[0].split())
    return re.split(r"(?<=\.) (?=[A-Z])", first)[0]


PARTS: dict[str, Callable[[], str]] = {
    "global-options": global_options,
    "commands": all_commands,
    "exit-codes": exit_codes,
    "configuration": configuration,
    "host-fields": host_fields,
    "profiles": profiles,
    "module-map": module_map,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
