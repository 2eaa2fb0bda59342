"""What was resolved for one host, and which line of which file says so.

The values are those that a connection would use. A source is named only where it is certain: a line is taken for the
origin of a value when our own reading of the files agrees with ssh about everything, or at least about this value.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from srctl.errors import UsageError
from srctl.tunnel.config_reader import Line
from srctl.tunnel.keywords import SEVERAL
from srctl.tunnel.options import Options, read_defaults, read_lines, read_options
from srctl.tunnel.settings import Settings, refusals, settings_from
from srctl.tunnel.target import SSHTarget

CONNECT_TIMEOUT = 10.0
"""Seconds for TCP and the key exchange where the configuration says nothing."""

_ADDRESS, _DEFAULT, _OURS, _SOMEWHERE = "address", "default", "srctl default", "ssh_config"
_SAID = {"true": "yes", "false": "no"}
_ALGORITHMS = (
    "Ciphers",
    "MACs",
    "KexAlgorithms",
    "HostKeyAlgorithms",
    "PubkeyAcceptedAlgorithms",
    "CASignatureAlgorithms",
)
_REFUSABLE = (
    "KnownHostsCommand",
    "VerifyHostKeyDNS",
    "PKCS11Provider",
    "RevokedHostKeys",
    "ProxyUseFdpass",
    "BindInterface",
    "RefuseConnection",
)


@dataclass(frozen=True, slots=True)
class Origin:
    """One option as it acts; `refused` is why srctl does not connect with it."""

    option: str
    value: str | None
    source: str
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """All options that count for a host, and what keeps srctl from connecting, if anything."""

    origins: tuple[Origin, ...]
    refusals: tuple[UsageError, ...]


def explain(target: SSHTarget) -> Explanation:
    """Return what the configuration says about `target`. Raises `UsageError` where nothing can be read from it."""
    options = read_options(target)
    refused = refusals(target, options)
    errors = tuple(refused.values())
    rows = _Rows(target, options, {name: error.message for name, error in refused.items()})
    if errors:
        return Explanation(tuple(rows.as_written()), errors)
    try:
        settings = settings_from(target, options)
    except UsageError as error:
        return Explanation(tuple(rows.as_written()), (error,))
    return Explanation(tuple(rows.resolved(settings)), ())


class _Rows:
    """Builds the rows for one host."""

    def __init__(self, target: SSHTarget, options: Options, refused: dict[str, str]) -> None:
        self._target, self._options, self._refused = target, options, refused
        self._defaults = read_defaults(target)
        self._lines, self._certain = _read(target)

    def resolved(self, settings: Settings) -> Iterator[Origin]:
        """Yield the options with the values that a connection uses."""
        known = {**_values(settings), **_lists(settings)}
        for option, value in known.items():
            yield from self._rows(option, value)
        yield from self._liveness(settings)
        yield from self._algorithms()

    def as_written(self) -> Iterator[Origin]:
        """Yield the options as ssh has them; they may not all make sense."""
        for option in (*_NAMES, *_REFUSABLE):
            values = self._options.all(option.lower())
            if option not in _REFUSABLE or option.lower() in self._refused:
                yield from self._rows(option, values if option.lower() in SEVERAL else values[0] if values else None)
        yield from self._algorithms()

    def _rows(self, option: str, value: str | list[str] | None) -> Iterator[Origin]:
        refused = self._refused.get(option.lower())
        if isinstance(value, list):
            raw = self._options.all(option.lower())
            for number, item in enumerate(value):
                source = self._source(option, raw[number] if len(raw) == len(value) else None)
                yield Origin(option, item, source, refused)
        else:
            yield Origin(option, value, self._source(option), refused)

    def _liveness(self, settings: Settings) -> Iterator[Origin]:
        from srctl.tunnel.liveness import COUNT, INTERVAL

        timeout = settings.connect_timeout
        for option, value, ours in (
            ("ConnectTimeout", timeout, CONNECT_TIMEOUT),
            ("ServerAliveInterval", settings.alive_interval, INTERVAL),
            ("ServerAliveCountMax", settings.alive_count, COUNT),
        ):
            yield Origin(option, f"{value or ours:g}", self._source(option) if value else _OURS)

    def _algorithms(self) -> Iterator[Origin]:
        """Yield the lists of algorithms that somebody has set; the defaults are long and say little."""
        for option in _ALGORITHMS:
            source = self._source(option)
            if source != _DEFAULT:
                yield Origin(option, self._options.one(option.lower(), ""), source)

    def _source(self, option: str, item: str | None = None) -> str:
        name = option.lower()
        if (name == "user" and self._target.user) or (name == "port" and self._target.port):
            return _ADDRESS
        values = self._options.all(name)
        for line in self._lines:
            if line.name == name and (item is None or line.value == item) and (self._certain or _agree(line, values)):
                return line.where
        unset = values == self._defaults.all(name) or (not self._defaults.all(name) and values in ([], ["none"]))
        return _DEFAULT if unset or (self._certain and name != "hostname") else _SOMEWHERE


def _read(target: SSHTarget) -> tuple[list[Line], bool]:
    """Return the lines that apply, and whether we can be sure that ssh sees it so."""
    try:
        reading = read_lines(target)
    except UsageError:
        return read_lines(target, lenient=True).lines, False
    return reading.lines, (reading.first("canonicalizehostname") or "no").lower() in ("no", "false")


def _agree(line: Line, values: list[str]) -> bool:
    return _SAID.get(line.value, line.value) in [_SAID.get(value, value) for value in values]


def _values(settings: Settings) -> dict[str, str | list[str] | None]:
    def word(switch: bool) -> str:
        return "yes" if switch else "no"

    jumps = ",".join(map(str, settings.proxy_jump))
    return {
        "HostName": settings.hostname,
        "Port": str(settings.port),
        "User": settings.user,
        "ProxyJump": jumps or None,
        "ProxyCommand": settings.proxy_command,
        "AddressFamily": settings.address_family,
        "BindAddress": settings.bind_address,
        "StrictHostKeyChecking": settings.strict,
        "HostKeyAlias": settings.host_key_alias,
        "HashKnownHosts": word(settings.hash_known_hosts),
        "UserKnownHostsFile": _joined(settings.known_hosts),
        "GlobalKnownHostsFile": _joined(settings.global_known_hosts),
        "RequiredRSASize": str(settings.required_rsa_size),
        "IdentitiesOnly": word(settings.identities_only),
        "IdentityAgent": settings.identity_agent or "SSH_AUTH_SOCK",
        "BatchMode": word(settings.batch_mode),
        "PreferredAuthentications": ",".join(settings.methods),
        "NumberOfPasswordPrompts": str(settings.password_prompts),
    }


def _lists(settings: Settings) -> dict[str, list[str]]:
    return {
        "IdentityFile": [str(path) for path in settings.identity_files],
        "CertificateFile": [str(path) for path in settings.certificate_files],
    }


def _joined(paths: tuple[Path, ...]) -> str | None:
    return " ".join(map(str, paths)) or None


_NAMES = (
    *_values(Settings("", "", 22, "")),
    *_lists(Settings("", "", 22, "")),
    "ConnectTimeout",
    "ServerAliveInterval",
    "ServerAliveCountMax",
)
