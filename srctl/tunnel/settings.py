"""What `ssh ALIAS` would do, as a frozen value: `resolve` turns a target into `Settings`.

The options come from `ssh -G` (options.py). This module keeps those that we honour and refuses, by name, those that
change how one connects or authenticates and that we do not honour: never connect another way than ssh would.
Options that only add comfort, or that would only loosen a check, are left out without a word.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from srctl.errors import UsageError
from srctl.tunnel.options import Options, config_home, read_options
from srctl.tunnel.target import SSHTarget, parse_hop
from srctl.tunnel.tokens import expand

DEFAULT_METHODS = ("publickey", "keyboard-interactive", "password")
_DEFAULT_KEY_NAMES = frozenset(
    f"id_{kind}" for kind in ("rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk", "xmss", "dsa")
)

_REFUSED = {
    "knownhostscommand": ("none",),
    "verifyhostkeydns": ("false", "no"),
    "pkcs11provider": ("none",),
    "revokedhostkeys": ("none",),
    "proxyusefdpass": ("no", "false"),
    "bindinterface": ("none",),
    "refuseconnection": (),
}
"""Options that change how one connects, and the values under which they do nothing."""

_STRICTNESS = {"true": "yes", "yes": "yes", "ask": "ask", "accept-new": "accept-new"}


@dataclass(frozen=True, slots=True)
class Algorithms:
    """Names that the configuration permits; `None` means: no restriction known."""

    ciphers: tuple[str, ...] | None = None
    macs: tuple[str, ...] | None = None
    kex: tuple[str, ...] | None = None
    host_keys: tuple[str, ...] | None = None
    public_keys: tuple[str, ...] | None = None
    authorities: tuple[str, ...] | None = None
    """Of signatures below certificates of hosts (CASignatureAlgorithms)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is needed to reach and to check one host. Times are in seconds."""

    alias: str
    hostname: str
    port: int
    user: str
    identity_files: tuple[Path, ...] = ()
    default_identities: bool = True
    certificate_files: tuple[Path, ...] = ()
    identities_only: bool = False
    identity_agent: str | None = None
    """A socket path; `none` = no agent; `None` = SSH_AUTH_SOCK or what the system has."""
    known_hosts: tuple[Path, ...] = ()
    global_known_hosts: tuple[Path, ...] = ()
    host_key_alias: str | None = None
    strict: str = "ask"
    """`yes`, `ask` or `accept-new`."""
    hash_known_hosts: bool = False
    proxy_jump: tuple[SSHTarget, ...] = ()
    proxy_command: str | None = None
    """With its tokens expanded."""
    connect_timeout: float | None = None
    address_family: str = "any"
    bind_address: str | None = None
    methods: tuple[str, ...] = DEFAULT_METHODS
    password_prompts: int = 3
    batch_mode: bool = False
    required_rsa_size: int = 1024
    alive_interval: int = 0
    alive_count: int = 3
    algorithms: Algorithms = field(default_factory=Algorithms)

    def __str__(self) -> str:
        """Return `user@host` with the port where it is unusual."""
        return f"{self.user}@{self.hostname}" + (f":{self.port}" if self.port != 22 else "")


def resolve(target: SSHTarget) -> Settings:
    """Return what the person's ssh configuration says about `target`. Raises `UsageError` for what we refuse."""
    return settings_from(target, read_options(target))


def settings_from(target: SSHTarget, options: Options) -> Settings:
    """Turn the options of `ssh -G` into settings; pure but for looking up the home folder and the machine's name."""
    for refusal in refusals(target, options).values():
        raise refusal
    hostname, user, port = options.one("hostname", target.alias), options.one("user"), _number(options, "port", 22)
    tokens = {"h": hostname, "n": target.alias, "p": str(port), "r": user}
    tokens["k"] = options.one("hostkeyalias", target.alias)
    tokens["j"] = _unless_none(options.one("proxyjump", "none")) or ""
    identities = _files(options.all("identityfile"), tokens)
    timeout = options.one("connecttimeout", "none")
    return Settings(
        alias=target.alias,
        hostname=hostname,
        port=port,
        user=user,
        identity_files=identities,
        default_identities=_are_defaults(identities),
        certificate_files=_files(options.all("certificatefile"), tokens),
        identities_only=options.flag("identitiesonly"),
        identity_agent=_agent(options.one("identityagent", ""), tokens),
        known_hosts=_files(_words(options.one("userknownhostsfile", "~/.ssh/known_hosts")), tokens),
        global_known_hosts=_files(_words(options.one("globalknownhostsfile", "")), tokens),
        host_key_alias=options.one("hostkeyalias", "") or None,
        strict=_STRICTNESS[options.one("stricthostkeychecking", "ask").lower()],
        hash_known_hosts=options.flag("hashknownhosts"),
        proxy_jump=_hops(target, options.one("proxyjump", "none")),
        proxy_command=_proxy_command(options.one("proxycommand", "none"), tokens),
        connect_timeout=float(timeout) if timeout.isdigit() else None,
        address_family=options.one("addressfamily", "any"),
        bind_address=_unless_none(options.one("bindaddress", "none")),
        methods=_methods(options),
        password_prompts=_number(options, "numberofpasswordprompts", 3),
        batch_mode=options.flag("batchmode"),
        required_rsa_size=_number(options, "requiredrsasize", 1024),
        alive_interval=_number(options, "serveraliveinterval", 0),
        alive_count=_number(options, "serveralivecountmax", 3),
        algorithms=_algorithms(options),
    )


def refusals(target: SSHTarget, options: Options) -> dict[str, UsageError]:
    """Return the options that we refuse because of their value, in lower case, with the reason."""
    found: dict[str, UsageError] = {}
    for name, harmless in _REFUSED.items():
        value = options.one(name, "")
        if value and value.lower() not in harmless:
            found[name] = UsageError(
                f"The ssh configuration for {target} sets {name} to {value!r}, which srctl does not support",
                f"Take {name} out for this host, or reach it by another entry of ssh_config",
            )
    value = options.one("stricthostkeychecking", "ask")
    if value.lower() not in _STRICTNESS:
        found["stricthostkeychecking"] = UsageError(
            f"The ssh configuration for {target} sets StrictHostKeyChecking to {value!r}: anybody could pose as it",
            "srctl always checks host keys; use `accept-new` to accept unknown keys without a question",
        )
    return found


def _methods(options: Options) -> tuple[str, ...]:
    switches = {
        "publickey": options.one("pubkeyauthentication", "yes").lower() not in ("no", "false"),
        "keyboard-interactive": options.flag("kbdinteractiveauthentication", default=True),
        "password": options.flag("passwordauthentication", default=True),
    }
    preferred = options.one("preferredauthentications", "")
    wanted: Sequence[str] = preferred.split(",") if preferred else DEFAULT_METHODS
    return tuple(method for method in wanted if switches.get(method, False))


def _algorithms(options: Options) -> Algorithms:
    def names(option: str) -> tuple[str, ...] | None:
        value = options.one(option, "")
        return tuple(value.split(",")) if value else None

    return Algorithms(
        ciphers=names("ciphers"),
        macs=names("macs"),
        kex=names("kexalgorithms"),
        host_keys=names("hostkeyalgorithms"),
        public_keys=names("pubkeyacceptedalgorithms") or names("pubkeyacceptedkeytypes"),
        authorities=names("casignaturealgorithms"),
    )


def _hops(target: SSHTarget, value: str) -> tuple[SSHTarget, ...]:
    jumps = _unless_none(value)
    if jumps is None:
        return ()
    if jumps.lower() == "none":
        return ()
    try:
        return tuple(parse_hop(hop.strip()) for hop in jumps.split(","))
    except UsageError as error:
        raise UsageError(f"ProxyJump for {target} cannot be used: {error.message}", error.hint) from error


def _proxy_command(value: str, tokens: Mapping[str, str]) -> str | None:
    command = _unless_none(value)
    return expand(command, tokens, "ProxyCommand") if command else None


def _agent(value: str, tokens: Mapping[str, str]) -> str | None:
    if value in ("", "SSH_AUTH_SOCK"):
        return None
    if value.lower() == "none":
        return "none"
    if value.startswith("$"):
        return os.environ.get(value[1:].strip("{}"), "none")
    return str(_path(expand(value, tokens, "IdentityAgent")))


def _files(values: Sequence[str], tokens: Mapping[str, str]) -> tuple[Path, ...]:
    kept = (value for value in values if value.lower() != "none")
    return tuple(_path(expand(value, tokens, "a file name")) for value in kept)


def _path(value: str) -> Path:
    return config_home() / value[2:] if value.startswith(("~/", "~\\")) else Path(value)


def _are_defaults(paths: Sequence[Path]) -> bool:
    folder = config_home() / ".ssh"
    return all(path.parent == folder and path.name in _DEFAULT_KEY_NAMES for path in paths)


def _words(value: str) -> list[str]:
    return value.split()


def _unless_none(value: str) -> str | None:
    return None if value.lower() in ("", "none") else value


def _number(options: Options, name: str, default: int) -> int:
    value = options.one(name, str(default))
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise UsageError(f"{name} in the ssh configuration is not a number: {value!r}")
    return int(value)
