"""What crosses a gateway: values, errors and calls as JSON, each checked against the types that it must have.

Both ends hold the same table of calls (`calls.py`); types are those of the use cases' own signatures, and pydantic
checks and converts. Whatever comes over the wire is hostile: names that are not known, values too many, wrong types
end in an error and nothing else.
"""

import inspect
import types
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Union, get_args, get_origin, get_type_hints

from srctl import errors
from srctl.errors import SeveralErrors, SrctlError, UnreachableError, UsageError
from srctl.outcome import Outcome

_ERRORS: dict[str, type[SrctlError]] = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, SrctlError)
}


def dump_error(error: SrctlError) -> dict[str, Any]:
    """Return an error as JSON; `kind` is its class."""
    kind = next(each.__name__ for each in type(error).__mro__ if each.__name__ in _ERRORS)
    said: dict[str, Any] = {"kind": kind, "code": error.code, "message": error.message, "hint": error.hint}
    if log := getattr(error, "log", ()):
        said["log"] = list(log)
    if isinstance(error, SeveralErrors):
        said["errors"] = [dump_error(each) for each in error.errors]
    return said


def load_error(said: Any) -> SrctlError:
    """Return the error that was said; one that makes no sense is an `UnreachableError`."""
    if not isinstance(said, dict):
        return nonsense("an error that is none")
    several = said.get("errors")
    if isinstance(several, list) and several:
        return SeveralErrors([load_error(each) for each in several])
    kind = _ERRORS.get(str(said.get("kind")), SrctlError)
    if kind is SeveralErrors:
        return nonsense("an error that is none")
    error = kind(str(said.get("message", "")), str(said.get("hint", "")))
    log = said.get("log")
    if isinstance(log, list) and hasattr(error, "log"):
        error.log = tuple(map(str, log))
    return error


def nonsense(what: str) -> UnreachableError:
    """Return the error for a peer that does not speak as it should."""
    return UnreachableError(f"The gateway said {what}", "Is it an srctl gateway? Versions that differ are told apart")


class Signature:
    """What a call takes and gives, read off the function that does it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the arguments."""
        return tuple(inspect.signature(self._function).parameters)[1:]

    def prepare(self) -> None:
        """Build already what reads results, which takes its time."""
        self._result  # noqa: B018 - made at the first look

    def load_arguments(self, given: Any) -> dict[str, Any]:
        """Return arguments out of JSON. Raises `UsageError` naming the one that is wrong."""
        from pydantic import ValidationError

        try:
            model = self._arguments.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(map(str, first["loc"])) or "the arguments"
            raise UsageError(f"{where[:100]}: {first['msg'][:200]}") from error
        return {name: getattr(model, name) for name in model.model_fields_set}

    def dump_arguments(self, given: Mapping[str, Any]) -> Any:
        """Return arguments as JSON."""
        return self._arguments.model_construct(**given).model_dump(mode="json", exclude_unset=True, warnings="error")

    def bind(self, *given: Any, **named: Any) -> dict[str, Any]:
        """Return the arguments of a call by name."""
        signature = inspect.signature(self._function)
        return dict(list(signature.bind(None, *given, **named).arguments.items())[1:])

    def dump(self, result: Any) -> Any:
        """Return a result as JSON."""
        if isinstance(result, Outcome):
            done = self._result.dump_python(result.done, mode="json")
            return {"done": done, "errors": [dump_error(error) for error in result.errors]}
        return self._result.dump_python(result, mode="json")

    def load(self, said: Any) -> Any:
        """Return a result out of JSON. Raises `UnreachableError` for what is none."""
        from pydantic import ValidationError

        try:
            if not self._is_outcome:
                return self._result.validate_python(said)
            failures = said.get("errors") if isinstance(said, dict) else None
            if not isinstance(failures, list):
                raise nonsense("a result that is none")
            return Outcome(self._result.validate_python(said.get("done")), tuple(map(load_error, failures)))
        except ValidationError as error:
            raise nonsense("a result that is none") from error

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self._function)

    @property
    def _is_outcome(self) -> bool:
        return get_origin(self._hints["return"]) is Outcome

    @cached_property
    def _result(self) -> Any:
        from pydantic import TypeAdapter

        kind = self._hints["return"]
        if self._is_outcome:
            kind = types.GenericAlias(tuple, (get_args(kind)[0], ...))
        return TypeAdapter(kind)

    @cached_property
    def _arguments(self) -> Any:
        from pydantic import ConfigDict, create_model

        parameters = list(inspect.signature(self._function).parameters.values())[1:]
        fields: dict[str, Any] = {
            each.name: (_plain(self._hints[each.name]), ... if each.default is each.empty else each.default)
            for each in parameters
        }
        return create_model("Arguments", __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=False), **fields)


def _plain(kind: Any) -> Any:
    """Return the type to check for; abstract sequences become lists, so that a text is never taken for one."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return Union[tuple(_plain(each) for each in inner)]  # noqa: UP007 - made of what was found
    if getattr(origin, "__name__", "") == "Sequence":
        return types.GenericAlias(list, inner)
    return kind
