"""What an installation of the gateway consists of: its paths, and the text of each file. Pure.

Nothing that people choose gets into these texts but the account's name, the realm and the engine's socket, which are
checked here, and the path of the Python that runs us.
"""

import json
import re
import shlex
import sys
from dataclasses import dataclass

from srctl.errors import UnsupportedError, UsageError
from srctl.installation import firewall, schedule

COMMANDS = "/opt/srctl/bin"
KEYS = f"{COMMANDS}/srctl-keys"
GATEWAY = f"{COMMANDS}/srctl-gateway"
FIREWALL = f"{COMMANDS}/srctl-firewall"
CONFIG = "/etc/srctl/gateway.toml"
HOME = "/var/lib/srctl"
DATABASE = f"{HOME}/srctl.db"
LOGINS = f"{HOME}/logins"
DROP_IN = "/etc/ssh/sshd_config.d/srctl.conf"
UNIT = f"/etc/systemd/system/{firewall.SERVICE}"
UNIT_LINK = f"/etc/systemd/system/multi-user.target.wants/{firewall.SERVICE}"

REAP_SERVICE = f"/etc/systemd/system/{schedule.SERVICE}"
REAP_TIMER = f"/etc/systemd/system/{schedule.TIMER}"
REAP_TIMER_LINK = f"/etc/systemd/system/timers.target.wants/{schedule.TIMER}"
REAP_CRON = "/etc/cron.d/srctl-reap"

ACCOUNT = "srctl"
HOST = "unix:///var/run/docker.sock"
SHELL = "/bin/sh"
UNMATCHABLE = "*"
"""No password fits it; with `!` sshd would take the account for locked."""

KEYS_INTERPRETER = "/usr/bin/python3"
MARK = "# Written by `srctl gateway install`."
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_SOCKET = re.compile(r"/[A-Za-z0-9_./-]+")


@dataclass(frozen=True, slots=True)
class Layout:
    """What may differ between installations. Raises `UsageError` and `UnsupportedError` for what can't be one."""

    account: str = ACCOUNT
    host: str = HOST
    realm: str = "srctl"
    python: str = sys.executable
    strict: bool = False
    """Whether local accounts are kept from the sessions."""
    ranges: tuple[str, ...] = ()
    """The address ranges of the sessions' networks."""
    isolated: tuple[str, ...] = ()
    """Those of the one that leads nowhere."""

    def __post_init__(self) -> None:
        if not _ACCOUNT.fullmatch(self.account) or self.account == "root":
            raise UsageError(f"{self.account!r} can't be the gateway's account", "Take a name like srctl")
        if not self.host.startswith("unix://") or not _SOCKET.fullmatch(self.socket):
            raise UnsupportedError(
                f"A gateway serves the engine of its own machine, not {self.host}", "Give --host unix:///PATH"
            )

    @property
    def socket(self) -> str:
        """The engine's socket."""
        return self.host.removeprefix("unix://")

    @property
    def sshd_settings(self) -> dict[str, str]:
        """What sshd must do for the account, by the names of sshd_config(5)."""
        return {
            "AuthenticationMethods": "publickey",
            "AuthorizedKeysFile": "none",
            "AuthorizedKeysCommand": f"{KEYS} {DATABASE} %u %f %t %k",
            "AuthorizedKeysCommandUser": self.account,
            "AuthorizedPrincipalsFile": "none",
            "TrustedUserCAKeys": "none",
            "ForceCommand": GATEWAY,
            "ExposeAuthInfo": "yes",
            "AcceptEnv": "SRCTL_NOTHING",
            "PermitTTY": "no",
            "PermitUserRC": "no",
            "PermitTunnel": "no",
            "X11Forwarding": "no",
            "AllowAgentForwarding": "no",
            "AllowTcpForwarding": "local",
            "AllowStreamLocalForwarding": "no",
            "PermitListen": "none",
            "GatewayPorts": "no",
            "MaxSessions": "32",
            "ClientAliveInterval": "15",
            "ClientAliveCountMax": "4",
        }

    def drop_in(self) -> str:
        """Return sshd's part: a file of sshd_config.d."""
        lines = "".join(f"    {name} {value}\n" for name, value in self.sshd_settings.items())
        return f"{MARK} `srctl gateway check` tells whether it is in force.\nMatch User {self.account}\n{lines}"

    def gateway_command(self) -> str:
        """Return the forced command."""
        run = f"exec {shlex.quote(self.python)} -I -m srctl.gateway --config {CONFIG}"
        return f"#!/bin/sh\n{MARK} sshd runs it for everybody who logs in as {self.account}.\n{run}\n"

    def config(self) -> str:
        """Return the gateway's configuration, to which an administrator may add."""
        values = {"db": DATABASE, "host": self.host, "realm": self.realm}
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
        return f"{MARK} It is yours to change.\n{lines}"

    def firewall_command(self) -> str:
        """Return the script that sets and removes the firewall's rules."""
        return firewall.script(MARK, firewall.rules(self.account, self.ranges if self.strict else None, self.isolated))

    def reap_service(self) -> str:
        """Return systemd's unit that ends what is over."""
        return schedule.service(MARK, self.account, schedule.command(self.python, CONFIG))

    def reap_timer(self) -> str:
        """Return systemd's unit that does so now and then."""
        return schedule.timer(MARK)

    def reap_cron(self) -> str:
        """Return the same for cron."""
        return schedule.cron(MARK, self.account, schedule.command(self.python, CONFIG))

    def unit(self) -> str:
        """Return systemd's unit that sets the rules at boot."""
        return firewall.unit(MARK, FIREWALL)


def keys_command(source: str) -> str:
    """Return the keys command from its source: run by the system's Python, isolated, without site packages."""
    body = source.partition("\n")[2] if source.startswith("#!") else source
    return f"#!{KEYS_INTERPRETER} -ISE\n{body}"
