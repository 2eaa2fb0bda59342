"""Spare short commands the cost of validating what needs no validation.

Typer builds a pydantic adapter for every option of a command, given or not, and importing pydantic takes longer than
most of our commands. Texts are texts already and an option that was not given has nothing to check, so both pass as
they are; everything else goes the usual way. This leans on a method of Typer's that is not documented: where it is
missing, nothing changes but the speed.
"""

from typing import Any

from typer.core import TyperCommand, TyperGroup

_TEXTS = (str, list[str])


class Lean:
    """Stands in for the run-time half of one parameter."""

    def __init__(self, parameter: Any) -> None:
        self._usual = parameter.get_runtime_param
        self._is_text = parameter.type_descriptor.annotation in _TEXTS

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the value as the command gets it."""
        many = param.multiple or param.nargs == -1
        if value is None:
            return [] if many else None
        if self._is_text:
            return list(value) if many else value
        return self._usual().coerce(value, param=param, ctx=ctx)


def _spare(parameters: list[Any]) -> None:
    for parameter in parameters:
        if hasattr(parameter, "get_runtime_param") and hasattr(parameter, "type_descriptor"):
            parameter.get_runtime_param = _constantly(Lean(parameter))
            _name_plainly(parameter)


def _name_plainly(parameter: Any) -> None:
    """Let the help show an argument as its metavar says (`NAME...`), without braces and types of Python."""
    if parameter.param_type_name == "argument" and parameter.metavar:
        usage = parameter.metavar if parameter.required else f"[{parameter.metavar}]"
        parameter.get_usage_pieces = _constantly([usage])
        parameter.display_type_rich = _constantly("")


def _constantly(value: Any) -> Any:
    return lambda *_, **__: value


class _LeanParameters:
    """Makes the parameters of a command lean, and its `--help` too."""

    params: list[Any]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _spare(self.params)

    def get_help_option_names(self, ctx: Any) -> list[str]:
        """Return the names of the option `--help`, always in the same order."""
        return sorted(super().get_help_option_names(ctx), key=len)  # type: ignore[misc]

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option `--help`, which prints as everything else does."""
        option = super().get_help_option(ctx)  # type: ignore[misc]
        option.callback = _show_help
        _spare([option])
        return option


def _show_help(ctx: Any, _option: Any, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        ctx.obj.output.verbatim(ctx.get_help() + "\n")
        ctx.exit()


class Verb(_LeanParameters, TyperCommand):
    """A command with lean parameters."""


_WHOLE = 1000


class Noun(_LeanParameters, TyperGroup):
    """A group of commands with lean parameters."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the help's list of commands, each with its whole first sentence: one that is cut helps nobody."""
        with formatter.section("Commands"):
            found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
            formatter.write_dl([(name, each.get_short_help_str(limit=_WHOLE)) for name, each in found if each])
