"""Configuration: where each value comes from, and which one wins.

Precedence is flag, environment, config file, default. Every key stands in `KEYS` with what it means; a key or a
host field that is not known is an error, so that a typing mistake never goes unnoticed. Reading creates nothing.
"""

import getpass
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srctl import config_file
from srctl.errors import UsageError

if TYPE_CHECKING:
    from srctl.models import Host

FORMATS = ("table", "json", "csv", "ids")

_WEEK = 7 * 86400
_PASSWORD = re.compile(r"(?<=://)([^:/?#]*):(?:[^/?#]*@|[^@]*@)|(?<=[?&])((?:ssl)?password)=[^&]*")
_REALM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


@dataclass(frozen=True, slots=True)
class Key:
    """A configuration key: its environment variables in their order, its check, its default and its meaning."""

    name: str
    env: tuple[str, ...]
    parse: Callable[[Any], Any]
    default: Any
    doc: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and who set it: `flag`, the name of an environment variable, `file` or `default`."""

    key: str
    value: Any
    source: str


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or "\x00" in value:
        raise ValueError("a text that is not empty")
    return value


def _format(value: Any) -> str:
    if value not in FORMATS:
        raise ValueError("one of " + ", ".join(FORMATS))
    return str(value)


def _realm(value: Any) -> str:
    if not _REALM.fullmatch(_text(value)):
        raise ValueError("up to 63 letters, digits and . _ -, starting with a letter or digit")
    return str(value)


def seconds(value: Any) -> float:
    """Return a duration as it was written, or raise `ValueError` saying what it must be."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0
    if isinstance(value, bool) or not 0 < number <= _WEEK:
        raise ValueError(f"a number of seconds above 0, and at most {_WEEK}")
    return number


def _switch(value: Any) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if isinstance(value, bool):
        return value
    if str(value).lower() not in words:
        raise ValueError("true or false")
    return words[str(value).lower()]


def _count(most: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise ValueError(f"a whole number from 1 to {most}")
        return value

    return parse


def _directory(value: Any) -> str:
    if not _text(value).startswith("/") or ".." in value.split("/") or ":" in value:
        raise ValueError("an absolute path on the Docker host")
    return str(value)


KEYS = (
    Key("db", ("SRCTL_DB",), _text, None, "the accounting database: a path, a SQLAlchemy URL or `csv:///PATH`"),
    Key("host", ("SRCTL_HOST", "DOCKER_HOST", "DOCKER_CONTEXT"), _text, None, "the Docker host: a name or a URL"),
    Key("realm", ("SRCTL_REALM",), _realm, "srctl", "the label that separates deployments sharing one engine"),
    Key("user", ("SRCTL_USER",), _text, None, "whom to act as in direct mode; else the login name"),
    Key("output", ("SRCTL_OUTPUT",), _format, "table", "table, json, csv or ids"),
    Key("debug", ("SRCTL_DEBUG",), _switch, False, "tracebacks and a log on stderr"),
    Key("timeout", (), seconds, 60.0, "seconds to wait until an application answers"),
    Key("connect_timeout", (), seconds, 10.0, "seconds to wait for a Docker host or SSH server"),
    Key("home_root", (), _directory, None, "directory of the Docker host for users' homes; else named volumes"),
    Key("max_sessions", (), _count(32), 16, "sessions that a user may have behind a gateway"),
    Key("starts_per_minute", (), _count(1000), 30, "how often a user may start or open behind a gateway in a minute"),
    Key("commands_at_once", (), _count(1000), 100, "commands that a user may have running at once behind a gateway"),
    Key("entries_per_minute", (), _count(100_000), 600, "entries of the audit that a user may cause in a minute"),
    Key("reap_warning", (), seconds, 900.0, "seconds for which `reap` warns the owner of a session before it ends it"),
    Key("reap_ungranted", (), _switch, False, "whether `reap` ends sessions whose user has no grant for them any more"),
    Key("browser", (), _switch, True, "whether `open` starts a browser where there is one"),
)
HOST_FIELDS = ("url", "ssh", "tls")


@dataclass(frozen=True, slots=True)
class Config:
    """All settings, resolved, and the hosts of the config file."""

    path: Path
    settings: Mapping[str, Setting]
    hosts: "tuple[Host, ...]"

    def get(self, key: str) -> Any:
        """Return the value of a key of `KEYS`."""
        return self.settings[key].value

    def source(self, key: str) -> str:
        """Return who set the key."""
        return self.settings[key].source

    @property
    def user(self) -> str:
        """The user to act as: configured, else the login name."""
        return str(self.get("user") or login_name())

    @property
    def database(self) -> str:
        """Path or URL of the accounting database."""
        return str(self.get("db") or default_database())

    def rows(self) -> list[Setting]:
        """Return every setting as it acts, without passwords and with its source in words, for `config show`."""
        acting: dict[str, Callable[[], str]] = {"user": lambda: self.user, "db": lambda: self.database}
        values = {name: setting.value for name, setting in self.settings.items()}
        for name, value in acting.items():
            if values[name] is None:
                with suppress(UsageError):  # a system that has no name for the person still has settings
                    values[name] = value()
        return [Setting(name, without_password(values[name]), _said(each)) for name, each in self.settings.items()]


def _said(setting: Setting) -> str:
    words = {"flag": "flag", "file": "config file", "default": "default"}
    return words.get(setting.source) or f"environment {setting.source}"


def without_password(value: Any) -> Any:
    """Return a value fit to be shown: the password of a URL is left out."""
    if not isinstance(value, str):
        return value
    return _PASSWORD.sub(lambda found: f"{found[2]}=***" if found[2] else f"{found[1]}:***@", value)


def login_name() -> str:
    """Return the login name of the person, or raise `UsageError` where the system knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError) as error:
        raise UsageError("This system has no name for you", "Say who you are with --user or SRCTL_USER") from error


def default_path() -> Path:
    """Return where the config file is looked for. Raises `UsageError` where there is no home."""
    from platformdirs import user_config_path

    return _own(user_config_path) / "config.toml"


def default_database() -> Path:
    """Return where the accounting database is looked for."""
    from platformdirs import user_data_path

    return _own(user_data_path) / "srctl.db"


def _own(folder: Callable[..., Path]) -> Path:
    try:
        return folder("srctl", appauthor=False)
    except RuntimeError as error:
        raise UsageError("There is no home directory", "Set HOME") from error


def chosen_path(flags: Mapping[str, Any], environ: Mapping[str, str]) -> Path:
    """Return the config file that flag or environment name, else the default one. Raises `UsageError`."""
    return _named_path(flags, environ) or default_path()


def _named_path(flags: Mapping[str, Any], environ: Mapping[str, str]) -> Path | None:
    named = flags.get("config", environ.get("SRCTL_CONFIG") or None)
    if named is None:
        return None
    if "\x00" in named:
        raise UsageError(f"Not a path: {named!r}", "Check --config and SRCTL_CONFIG")
    try:
        return Path(named).expanduser()
    except RuntimeError as error:
        raise UsageError(f"There is no home directory for {named!r}", "Give an absolute path") from error


def load(flags: Mapping[str, Any], environ: Mapping[str, str]) -> Config:
    """Resolve all settings from flags, environment and file. Raises `UsageError`, also for a missing file.

    `flags` holds the keys given on the command line and may name the file itself under `config`.
    """
    named = _named_path(flags, environ)
    path = named or default_path()
    found = config_file.read(path)
    if found is None and named is not None:
        raise UsageError(f"There is no config file {path}", "Check --config and SRCTL_CONFIG")
    file = found or {}
    hosts = _hosts(file.pop("hosts", {}), path)
    _refuse_unknown(file, [key.name for key in KEYS] + ["hosts"], path)
    return Config(path, {key.name: _resolve(key, flags, environ, file, path) for key in KEYS}, hosts)


def _resolve(
    key: Key, flags: Mapping[str, Any], environ: Mapping[str, str], file: Mapping[str, Any], path: Path
) -> Setting:
    candidates = [("flag", flags.get(key.name))]
    candidates += [(name, environ.get(name) or None) for name in key.env]
    candidates += [("file", file.get(key.name))]
    for source, value in candidates:
        if value is None:
            continue
        try:
            return Setting(key.name, key.parse(value), source)
        except ValueError as error:
            where = {"flag": f"--{key.name}", "file": f"{key.name} in {path}"}.get(source, source)
            raise UsageError(f"{where} is {value!r}, but must be {error}") from error
    return Setting(key.name, key.default, "default")


def _hosts(table: Any, path: Path) -> "tuple[Host, ...]":
    if not isinstance(table, dict):
        raise UsageError(f"hosts in {path} must be tables: [hosts.NAME]")
    if not table:
        return ()
    from srctl.models import Host

    hosts = []
    for name, fields in table.items():
        if not isinstance(fields, dict) or not isinstance(fields.get("url"), str):
            raise UsageError(f"[hosts.{name}] in {path} needs a url")
        _refuse_unknown(fields, HOST_FIELDS, path, f"hosts.{name}.")
        for field in ("ssh", "tls"):
            if not isinstance(fields.get(field, ""), str):
                raise UsageError(f"hosts.{name}.{field} in {path} must be a text")
        hosts.append(Host(name, fields["url"], "config", ssh=fields.get("ssh"), tls_dir=fields.get("tls")))
    return tuple(hosts)


def _refuse_unknown(table: Mapping[str, Any], known: list[str] | tuple[str, ...], path: Path, where: str = "") -> None:
    for name in table:
        if name not in known:
            import difflib

            close = difflib.get_close_matches(name, known, 1)
            hint = f"Did you mean {where}{close[0]}?" if close else f"Known are: {', '.join(known)}"
            raise UsageError(f"{path} has an unknown key {where}{name}", hint)
