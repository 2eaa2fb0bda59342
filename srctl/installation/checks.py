"""The checks of an installed gateway: everything that it needs, looked at as it is now, each problem with its fix.

What the service account must be able to do is tried as the service account. Nothing is changed.
"""

import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from srctl import slots
from srctl.errors import SrctlError
from srctl.installation import layout as places
from srctl.installation import listeners, schedule, sshd, system, trust
from srctl.installation.administrator import configured, installed_account, strict_firewall
from srctl.installation.engine_steps import Engine, Firewall
from srctl.installation.findings import Finding
from srctl.installation.layout import Layout, keys_command
from srctl.installation.plan import keys_source
from srctl.installation.steps import Standing
from srctl.installation.system import Account, run
from srctl.installation.timer import Started

INSTALL = "srctl gateway install"
Check = Callable[[], Iterator[Finding]]


def run_all(engine_of: Callable[[Layout], Engine]) -> list[Finding]:
    """Run every check; one without a problem is a finding too."""
    name = installed_account()
    if name is None:
        return [Finding("sshd part", f"There is no gateway's part in {places.DROP_IN}", INSTALL)]
    account = system.account(name)
    if account is None:
        return [Finding("account", f"There is no account {name}", INSTALL)]
    host = str(_configured().get("host") or places.HOST)
    layout = Layout(name, host, python=_python_of_command(), strict=strict_firewall())
    return Installed(layout, account, engine_of(layout)).findings()


@dataclass(frozen=True, slots=True)
class Installed:
    """The gateway that is installed here, and its checks: each yields the problems that it finds."""

    layout: Layout
    account: Account
    engine: Engine

    def findings(self) -> list[Finding]:
        """Run every check."""
        checks = {
            "account": self._account,
            "commands": self._commands,
            "python": self._python,
            "configuration": self._configuration,
            "database": self._database,
            "engine": self._engine,
            "sshd settings": self._sshd,
            "sshd running": self._sshd_running,
            "sshd limits": self._sshd_limits,
            "firewall": self._firewall,
            "reap": self._reap,
            "ports": self._ports,
        }
        return [finding for title, check in checks.items() for finding in _run(title, check)]

    def _account(self) -> Iterator[Finding]:
        name = self.account.name
        if self.account.shell != places.SHELL:
            problem = f"The shell of {name} is {self.account.shell}, which does not run the forced command"
            yield Finding("", problem, f"usermod --shell {places.SHELL} {name}")
        if self.account.password is None or self.account.password.startswith("!"):
            problem = f"The account {name} is locked, so sshd lets nobody in"
            yield Finding("", problem, f"usermod --password '{places.UNMATCHABLE}' {name}")
        elif self.account.password != places.UNMATCHABLE:
            problem = f"The account {name} has a password"
            yield Finding("", problem, f"usermod --password '{places.UNMATCHABLE}' {name}")
        if self.account.home != places.HOME:
            yield Finding("", f"The home of {name} is {self.account.home}", f"usermod --home {places.HOME} {name}")

    def _commands(self) -> Iterator[Finding]:
        for path in (places.KEYS, places.GATEWAY):
            yield from trust.weaknesses(path)
            found = system.read(path)
            if found is not None and found.mode & 0o111 != 0o111:
                yield Finding("", f"{path} can't be run by everybody", f"chmod 0755 {path}")
        keys = system.read(places.KEYS)
        if keys is not None and keys.data != keys_command(keys_source()).encode():
            yield Finding("", f"{places.KEYS} is not the one of this srctl", INSTALL)
        gateway = system.read(places.GATEWAY)
        if gateway is not None and gateway.data != self.layout.gateway_command().encode():
            yield Finding("", f"{places.GATEWAY} is not the one of this srctl", INSTALL)

    def _reap(self) -> Iterator[Finding]:
        wanted = {places.REAP_SERVICE: self.layout.reap_service(), places.REAP_CRON: self.layout.reap_cron()}
        found = {path: content for path in wanted if (content := system.read(path)) is not None}
        if not found or (places.REAP_SERVICE in found and not os.path.lexists(places.REAP_TIMER_LINK)):
            yield Finding("", "Nothing runs srctl reap, so no session ends by its limits in time", INSTALL)
        for path, content in found.items():
            if content.data != wanted[path].encode():
                yield Finding("", f"{path} is not the one of this srctl", INSTALL)
        if Started().standing() is not Standing.DONE:
            yield Finding("", "The timer that runs srctl reap is stopped", f"systemctl start {schedule.TIMER}")

    def _python(self) -> Iterator[Finding]:
        found = list(trust.python_weaknesses(self.layout.python))
        yield from found
        done = run(self.layout.python, "-I", "-c", "import srctl.cli", account=self.account)
        if done.code != 0 and not found:
            yield Finding("", f"{self.account.name} can't run srctl: {done.said[-200:]}", trust.OWN_ENVIRONMENT)

    def _configuration(self) -> Iterator[Finding]:
        yield from trust.weaknesses(os.path.dirname(places.CONFIG))
        found = system.read(places.CONFIG)
        if found is None:
            yield Finding("", f"There is no {places.CONFIG}", INSTALL)
            return
        yield from _mode(places.CONFIG, 0, self.account.gid, 0o640)
        values = configured()
        if values.get("db") != places.DATABASE:
            yield Finding("", f"db in {places.CONFIG} is not {places.DATABASE}", f'Set db = "{places.DATABASE}"')
        if values.get("host") is None:
            yield Finding("", f"{places.CONFIG} names no host", f'Set host = "{places.HOST}"')

    def _database(self) -> Iterator[Finding]:
        yield from _mode(places.HOME, self.account.uid, self.account.gid, 0o700)
        yield from _mode(places.LOGINS, self.account.uid, self.account.gid, 0o700)
        if not os.path.lexists(places.DATABASE):
            yield Finding("", f"There is no database {places.DATABASE}", INSTALL)
            return
        yield from _mode(places.DATABASE, self.account.uid, self.account.gid, 0o600)
        answer, problem = self._ask("--db", places.DATABASE, "db", "status")
        if problem is not None:
            yield problem
        elif answer.get("pending"):
            yield Finding("", f"The database is older than this srctl: {answer.get('revision')}", INSTALL)

    def _engine(self) -> Iterator[Finding]:
        group = system.group_of(self.layout.socket)
        if group is None:
            yield Finding("", f"There is no engine at {self.layout.socket}", "systemctl start docker")
            return
        if group not in self.account.groups:
            name = system.group_name(group)
            problem = f"{self.account.name} is not in the group {name}, so it may not use the engine"
            yield Finding("", problem, f"usermod --append --groups {name} {self.account.name}")
            return
        _, failure = self._ask("--host", self.layout.host, "host", "check")
        if failure is not None:
            yield failure

    def _sshd(self) -> Iterator[Finding]:
        found = system.read(places.DROP_IN)
        if found is None or found.data != self.layout.drop_in().encode():
            yield Finding("", f"{places.DROP_IN} is not the one of this srctl", INSTALL)
        yield from trust.weaknesses(places.DROP_IN)
        if error := sshd.config_error():
            yield Finding("", f"sshd does not take its configuration: {error}", f"Mend {sshd.CONFIG}")
            return
        yield from sshd.effective(self.layout, [system.group_name(gid) for gid in self.account.groups])

    def _sshd_running(self) -> Iterator[Finding]:
        if pending := sshd.restart_pending():
            yield Finding("", pending, "systemctl reload ssh")

    def _sshd_limits(self) -> Iterator[Finding]:
        yield from sshd.low_limits(sshd.settings(self.account.name))

    def _firewall(self) -> Iterator[Finding]:
        if system.find("iptables") is None:
            yield Finding("", "There is no iptables, so there is no firewall", f"apt install iptables, then: {INSTALL}")
            return
        if system.read(places.FIREWALL) is None:
            yield Finding("", f"There is no {places.FIREWALL}", INSTALL)
            return
        weak = list(trust.weaknesses(places.FIREWALL))
        yield from weak
        if not weak and run(places.FIREWALL, "status").code != 0:
            yield Finding("", "The firewall's rules are not set", f"{places.FIREWALL} start")
        elif Firewall(self.layout, self.engine).standing() is not Standing.DONE:
            yield Finding("", "The firewall's rules are not those that sessions need now", INSTALL)

    def _ports(self) -> Iterator[Finding]:
        for port in sorted(listeners.everywhere().intersection(slots.SLOTS)):
            problem = (
                f"What listens on every address at port {port} is open to all who may log in, by their own address"
            )
            yield Finding(
                "", problem, f"See what it is: ss -ltnp 'sport = {port}'; give it one address, or another port"
            )

    def _ask(self, *words: str) -> tuple[dict[str, object], Finding | None]:
        """Run a command of srctl as the account; return its answer, or what it has to complain of."""
        command = (self.layout.python, "-I", "-m", "srctl", "--config", os.devnull, *words, "-o", "json")
        done = run(*command, account=self.account)
        if done.code == 0:
            return json.loads(done.out), None
        with suppress(ValueError, KeyError, TypeError):
            error = json.loads(done.err)["error"]
            return {}, Finding("", str(error["message"]), str(error["hint"] or INSTALL))
        return {}, Finding("", f"{' '.join(words)}: {done.said[-200:]}", None)


def _run(title: str, check: Check) -> list[Finding]:
    try:
        problems = list(check())
    except SrctlError as error:
        problems = [Finding(title, error.message, error.hint or None)]
    return [Finding(title, each.problem, each.fix) for each in problems] or [Finding(title)]


def _configured() -> dict[str, object]:
    try:
        return configured()
    except SrctlError:  # a check says so
        return {}


def _mode(path: str, uid: int, gid: int, mode: int) -> Iterator[Finding]:
    """Compare owner and mode, without following a link."""
    try:
        status = os.lstat(path)
    except OSError as error:
        yield Finding("", f"{path}: {error.strerror}", INSTALL)
        return
    if stat.S_ISLNK(status.st_mode):
        yield Finding("", f"{path} is a link", f"Put in its place what it leads to, or remove it; then: {INSTALL}")
    elif (status.st_uid, status.st_gid) != (uid, gid):
        yield Finding("", f"{path} belongs to somebody else", f"chown {uid}:{gid} {path}")
    elif stat.S_IMODE(status.st_mode) != mode:
        yield Finding("", f"{path} has mode {stat.S_IMODE(status.st_mode):04o}", f"chmod {mode:04o} {path}")


def _python_of_command() -> str:
    """Return the Python that the forced command runs, ours where that can't be read, or others may have written it."""
    if any(trust.weaknesses(places.GATEWAY)):
        return Layout().python  # what is named there would be run as root
    with suppress(SrctlError):
        found = system.read(places.GATEWAY)
        if found and (match := re.search(r"^exec (\S+) -I -m srctl\.gateway", found.data.decode(), re.MULTILINE)):
            return match[1]
    return Layout().python
