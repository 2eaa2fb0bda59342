"""`srctl export`, `plan` and `apply`: who may run what as one file, to be kept beside other code."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from srctl import views
from srctl.commands.options import YesOption, confirm, noun, read_text, verb
from srctl.contents import Changes, Contents
from srctl.context import Context
from srctl.errors import SrctlError, UsageError

app = noun("The accounting database as one file.")

_LARGEST = 256 * 1024**2
_FORMS = {".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".json": "json"}

FileArgument = Annotated[
    str, typer.Argument(metavar="FILE|-", help="TOML, YAML or JSON as export writes it; - reads stdin.")
]
PruneOption = Annotated[
    bool, typer.Option("--prune", help="What the file does not have goes, in those lists that it has.")
]


@verb(app, "export")
def export(
    context: Context,
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="Where to write; without one, or with -, it is printed.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", metavar="FORMAT", help="toml, yaml or json; else as FILE ends, or toml.")
    ] = None,
) -> None:
    """Write users, groups, keys, applications and grants as one file, in an order that stays.

    Grants keep their ids. Licences are in it, so a file is written for its owner alone (mode 0600).
    """
    from srctl import document, formats

    path = None if file is None or file == "-" else _path(file)
    chosen = form or (_FORMS.get(path.suffix.lower(), "toml") if path is not None else None)
    if chosen is None:
        chosen = "json" if context.output.format == "json" else "toml"
    if chosen not in formats.FORMATS:
        raise UsageError(f"There is no format {chosen!r}", f"Choose {', '.join(formats.FORMATS)}")
    text = formats.dump(document.write(context.declaring.contents()), chosen)
    if path is None:
        context.output.verbatim(text)
    else:
        _write(path, text)


@verb(app, "plan")
def plan(context: Context, file: FileArgument, prune: PruneOption = False) -> None:
    """Show what `srctl apply` would change, and change nothing."""
    before, changes = _planned(context, file, prune=prune)
    _show(context, before, changes)
    if changes and context.output.format == "table":
        context.output.note(f"{_counted(before, changes)}: {_apply(file, prune=prune)} does it")


@verb(app, "apply")
def apply(context: Context, file: FileArgument, prune: PruneOption = False, yes: YesOption = False) -> None:
    """Make the database as a file says, all of it or nothing; without --prune nothing is removed.

    Each entry in the file is complete: what it does not say is as by default. Sessions run on; those whose grant goes
    can be listed and stopped.
    """
    from srctl import declaring, revising

    before, changes = _planned(context, file, prune=prune)
    if changes:
        for step in () if yes else revising.steps(before, changes):
            context.output.note(f"{step.action} {step.kind} {step.name}  {revising.in_words(step)}")
        confirm(context, yes, "Do this?")
        context.declaring.carry_out(changes, declaring.mark(before))
    _show(context, before, changes)


def _counted(before: Contents, changes: Changes) -> str:
    from srctl import revising

    actions = [step.action for step in revising.steps(before, changes)]
    return ", ".join(f"{actions.count(action)} to {action}" for action in ("add", "change", "remove"))


def _apply(file: str, *, prune: bool) -> str:
    return shlex.join(["srctl", "apply", file, *(["--prune"] if prune else [])])


def _planned(context: Context, file: str, *, prune: bool) -> tuple[Contents, Changes]:
    from srctl import document, formats, revising

    declared = document.read(formats.load(read_text(context, file, largest=_LARGEST)))
    before = context.declaring.contents()
    return before, revising.plan(before, declared, prune=prune)


def _show(context: Context, before: Contents, changes: Changes) -> None:
    from srctl import revising

    found = revising.steps(before, changes)
    if context.output.format == "table":
        if not found:
            context.output.note("Nothing is to be changed")
            return
        rows = [views.deed(step) | {"what": revising.in_words(step)} for step in found]
        context.output.rows(rows, ids="name", columns=("action", "kind", "name", "what"))
    else:
        context.output.rows([views.deed(step) for step in found], ids="name", columns=(), keys=views.DEED)


def _path(file: str) -> Path:
    try:
        return Path(file).expanduser()
    except (RuntimeError, ValueError) as error:
        raise UsageError(f"Not a file: {file!r}", "Give its path") from error


def _write(path: Path, text: str) -> None:
    from srctl.shared_files import replace_file

    try:
        replace_file(path, text.encode())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise SrctlError(f"Can't write {path}: {reason}", "Name another file") from error
