"""`srctl config`: what is set, and by whom."""

import os
import shlex
import subprocess
from dataclasses import asdict
from typing import Annotated

import typer

from srctl import config as configuration
from srctl.commands.options import noun, verb
from srctl.context import Context
from srctl.errors import NotFoundError, SrctlError, UsageError
from srctl.folders import make_private

app = noun("The configuration.")


@verb(app, "show")
def show(context: Context, key: Annotated[str | None, typer.Argument(metavar="KEY")] = None) -> None:
    """Print each value with its source."""
    rows = [asdict(row) for row in context.config.rows()]
    if key is not None:
        rows = [row for row in rows if row["key"] == key]
        if not rows:
            raise NotFoundError(f"There is no key {key!r}", "srctl config show lists them")
    context.output.rows(rows, ids="key", columns=("key", "value", "source"), keys=("key", "value", "source"))


@verb(app, "path")
def path(context: Context) -> None:
    """Print where the config file is, or would be."""
    found = str(context.config_path)
    context.output.made(found, {"path": found})


@verb(app, "edit")
def edit(context: Context) -> None:
    """Open the config file in your editor, and check it afterwards."""
    if not context.interactive:
        raise UsageError("An editor needs a terminal", "Change the file that `srctl config path` names")
    target = context.config_path
    editor = context.environ.get("VISUAL") or context.environ.get("EDITOR") or ("notepad" if os.name == "nt" else "vi")
    try:
        make_private(target.parent)
    except OSError as error:
        raise SrctlError(f"Can't make the folder {target.parent}: {error.strerror}") from error
    try:
        result = subprocess.run([*shlex.split(editor, posix=os.name != "nt"), str(target)], check=False)
    except (OSError, ValueError) as error:
        raise SrctlError(f"Can't run the editor {editor!r}", "Name another one in EDITOR") from error
    if result.returncode:
        raise SrctlError(f"The editor {editor!r} ended with {result.returncode}")
    if os.path.exists(target):
        configuration.load({"config": str(target)}, {})
