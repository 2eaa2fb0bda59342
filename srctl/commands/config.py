"""`srctl config`: what is set, and by whom."""

import os
import shlex
import subprocess
from typing import Annotated

import typer

from srctl import config as configuration
from srctl.commands.options import noun, verb
from srctl.context import Context
from srctl.errors import NotFoundError, SrctlError

app = noun("The configuration.")

FieldsArgument = Annotated[str | None, typer.Argument(metavar="[KEY]")]


@verb(app, "show")
def show(context: Context, key: FieldsArgument = None) -> None:
    """Print each value with its source."""
    rows = [{"key": row.key, "value": row.value, "source": row.source} for row in context.config.rows()]
    if key is not None:
        rows = [row for row in rows if row["key"] == key]
        if not rows:
            raise NotFoundError(f"There is no key {key!r}", "srctl config show lists them")
    context.output.rows(rows, ids="key", columns=("key", "value", "source"), keys=("key", "value", "source"))


@verb(app, "path")
def path(context: Context) -> None:
    """Print where the config file is, or would be."""
    context.output.line(str(context.config_path))


@verb(app, "edit")
def edit(context: Context) -> None:
    """Open the config file in your editor, and check it afterwards."""
    target = context.config_path
    editor = context.environ.get("VISUAL") or context.environ.get("EDITOR") or ("notepad" if os.name == "nt" else "vi")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        result = subprocess.run([*shlex.split(editor), str(target)], check=False)
    except (OSError, ValueError) as error:
        raise SrctlError(f"Can't run the editor {editor!r}", "Name another one in EDITOR") from error
    if result.returncode:
        raise SrctlError(f"The editor {editor!r} ended with {result.returncode}")
    configuration.load({"config": context.flags.get("config")}, {})
