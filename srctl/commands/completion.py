"""Shell completion: the scripts, and the names that only srctl knows.

A completion never prints an error, asks nothing and creates nothing: where it can't look, it offers nothing. It
looks at the database and at engines of this machine only; a remote host is not contacted for a Tab.
"""

import re
from collections.abc import Callable, Iterable
from typing import Annotated

import typer

from srctl.commands.options import noun, take_flags, verb
from srctl.context import Context
from srctl.errors import SrctlError, UsageError

app = noun("Shell completion.")

SHELLS = ("bash", "zsh", "fish")

_FLAGS = ("config", "db", "host", "realm", "user")
_HARMLESS = re.compile(r"[A-Za-z0-9._@+:/-]+")
"""The names that are offered: shells evaluate part of what a completion prints."""

_BASH = """\
_srctl_completion() {
    local line="${COMP_LINE:0:COMP_POINT}" word="" words count
    read -ra words <<< "$line"
    count=${#words[@]}
    if [[ $line != *[[:space:]] ]]; then
        count=$((count - 1))
        word="${words[count]}"
    fi
    local IFS=$'\\n'
    COMPREPLY=( $(COMP_WORDS="$line" COMP_CWORD=$count _SRCTL_COMPLETE=complete_bash "$1") )
    if [[ $word == *:* && $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=( "${COMPREPLY[@]#"${word%:*}:"}" )
    fi
}

complete -o default -F _srctl_completion srctl
"""
"""Typer's own script takes `image:tag` for three words, as bash does."""


def _names(ctx: typer.Context, incomplete: str, look: Callable[[Context], Iterable[str]]) -> list[str]:
    context: Context = ctx.obj
    for given in (ctx.find_root().params, ctx.params):
        take_flags(context, {name: given.get(name) for name in _FLAGS})
    try:
        return sorted({name for name in look(context) if name.startswith(incomplete) and _HARMLESS.fullmatch(name)})
    except (SrctlError, OSError):
        return []


def users(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the users whose name begins so."""
    return _names(ctx, incomplete, lambda context: (user.name for user in context.store.users()))


def groups(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the groups whose name begins so."""
    return _names(ctx, incomplete, lambda context: (group.name for group in context.store.groups.groups()))


def applications(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the applications whose image begins so."""
    return _names(ctx, incomplete, lambda context: (found.image for found in context.store.applications()))


def hosts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the hosts whose name begins so."""
    from srctl.hosts.endpoints import named_hosts

    return _names(ctx, incomplete, lambda context: (host.name for host in named_hosts(context.config, context.environ)))


def sessions(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the ids of this user's sessions that begin so."""

    def look(context: Context) -> Iterable[str]:
        if not context.local:
            return ()
        return (session.id for session in context.sessions.find(stopped=True))

    return _names(ctx, incomplete, look)


def tunnels(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the ids of this user's tunnels that begin so."""

    def look(_: Context) -> Iterable[str]:
        from srctl.tunnel.registry import Registry

        return (record.plan.id for record in Registry().records())

    return _names(ctx, incomplete, look)


@verb(app, "completion")
def completion(
    context: Context, shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]
) -> None:
    """Print the completion script of a shell, e.g. for bash: eval "$(srctl completion bash)"."""
    from typer._completion_shared import get_completion_script

    if shell not in SHELLS:
        raise UsageError(f"There is no completion for {shell!r}", f"Choose {', '.join(SHELLS)}")
    if shell == "bash":
        script = _BASH
    else:
        script = get_completion_script(prog_name="srctl", complete_var="_SRCTL_COMPLETE", shell=shell) + "\n"
    context.output.verbatim(script)
