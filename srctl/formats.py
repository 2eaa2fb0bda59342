"""Documents as text: TOML, YAML or JSON, whose content tells which. Each entry of a list is one line.

Names that stand twice, which parsers of YAML and JSON take the last of, are refused.
"""

import json
import tomllib
from collections.abc import Callable
from typing import Any

from srctl.errors import UsageError

FORMATS = ("toml", "yaml", "json")

_YAML_HINT = "pip install 'srctl[yaml]', or write it as TOML"

Document = dict[str, Any]


def dump(document: Document, form: str) -> str:
    """Return a document as text in one of `FORMATS`."""
    return {"toml": _toml, "yaml": _yaml, "json": _json}[form](document)


def load(text: str) -> Document:
    """Read a document. Raises `UsageError` with the line."""
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith("{"):
        return _table(_loaded("JSON", lambda: json.loads(text, object_pairs_hook=_once)))
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise UsageError("The document is nested too deeply") from None
    except ValueError as error:
        if not _looks_like_yaml(text):
            raise UsageError(f"The document is no TOML: {error}") from error
    return _table(_loaded("YAML", lambda: _from_yaml(text)))


def _looks_like_yaml(text: str) -> bool:
    """Tell whether the first line that says something does so as in YAML."""
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return first in ("---", "%YAML 1.1", "%YAML 1.2") or first.partition("#")[0].rstrip().partition(":")[1] == ":"


def _table(found: Any) -> Document:
    if not isinstance(found, dict):
        raise UsageError("The document is no table", "See what `srctl export` writes")
    return found


def _loaded(form: str, parse: Callable[[], Any]) -> Any:
    try:
        return parse()
    except RecursionError:
        raise UsageError("The document is nested too deeply") from None
    except ValueError as error:
        raise UsageError(f"The document is no {form}: {error}") from error


def _once(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} stands twice")
        found[name] = value
    return found


def _from_yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError as error:
        raise UsageError("Reading YAML needs a library that is not installed", _YAML_HINT) from error
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        """Takes no name twice."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            del deep
            whole = (
                (self.construct_object(key, True), self.construct_object(value, True)) for key, value in node.value
            )
            return _once(list(whole))

    Loader.add_constructor("tag:yaml.org,2002:map", lambda loader, node: loader.construct_mapping(node))
    try:
        return _bounded(yaml.load(text, Loader), len(text))  # noqa: S506 - a safe one
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except (TypeError, AttributeError, LookupError, OverflowError) as error:  # it stumbles over them itself
        raise ValueError("a name is a list, or a value is not what its tag says") from error


def _bounded(found: Any, most: int) -> Any:
    """Return a document, whose aliases can't make it hold itself, or hold more values than it has letters."""
    count, rest = 0, [found]
    while rest:
        value = rest.pop()
        count += 1
        if count > most:
            raise ValueError("its aliases make more of it than it is long")
        if isinstance(value, dict | list):
            rest += value.values() if isinstance(value, dict) else value
    return found


# -- writing


def _json(document: Document) -> str:
    parts = []
    for name, value in document.items():
        rows = ",\n".join(f"  {json.dumps(row)}" for row in value) if isinstance(value, list) and value else ""
        parts.append(f"{json.dumps(name)}: " + (f"[\n{rows}\n ]" if rows else json.dumps(value)))
    return "{" + ",\n ".join(parts) + "}\n"


def _toml(document: Document) -> str:
    parts = [_HEAD]
    for name, value in document.items():
        rows = "".join(f"  {_inline(row, _TOML)},\n" for row in value) if isinstance(value, list) and value else ""
        parts.append(f"\n{name} = " + (f"[\n{rows}]\n" if rows else f"{_inline(value, _TOML)}\n"))
    return "".join(parts)


def _yaml(document: Document) -> str:
    parts = [_HEAD]
    for name, value in document.items():
        rows = "".join(f"  - {_inline(row, _YAML)}\n" for row in value) if isinstance(value, list) and value else ""
        parts.append(f"\n{name}:" + (f"\n{rows}" if rows else f" {_inline(value, _YAML)}\n"))
    return "".join(parts)


_HEAD = "# Read by `srctl plan` and `srctl apply`. Licences are in it.\n"
_TOML, _YAML = (" = ", "{{ {} }}"), (": ", "{{{}}}")


def _inline(value: Any, style: tuple[str, str]) -> str:
    """Return a value on one line, as TOML and YAML both have it but for tables."""
    if isinstance(value, dict):
        sign, braces = style
        return braces.format(", ".join(f"{name}{sign}{_inline(each, style)}" for name, each in value.items()))
    if isinstance(value, list):
        return f"[{', '.join(_inline(each, style) for each in value)}]"
    if isinstance(value, str):
        return _quoted(value)
    return str(value).lower() if isinstance(value, bool) else repr(value)


_SHORT = {'"': '"', "\\": "\\", "\n": "n", "\t": "t"}


def _quoted(text: str) -> str:
    """Return a text in quotes; what is not printed is written by its code."""
    return '"' + "".join(char if char.isprintable() and char not in _SHORT else _code(char) for char in text) + '"'


def _code(char: str) -> str:
    if char in _SHORT:
        return f"\\{_SHORT[char]}"
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
