"""The plan of an installation: which steps there are on this machine, in which order, and what has to hold before."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from srctl.errors import NotFoundError
from srctl.installation import layout as places
from srctl.installation import sshd, trust
from srctl.installation.account_steps import Membership, ServiceAccount
from srctl.installation.data_steps import Database, Logins
from srctl.installation.engine_steps import Engine, Firewall, Network
from srctl.installation.findings import Finding, refuse
from srctl.installation.layout import Layout
from srctl.installation.steps import File, Folder, Link, Standing, Step
from srctl.installation.system import find, run
from srctl.installation.timer import Started
from srctl.models import ISOLATED

_SYSTEMD = Path("/usr/lib/systemd/systemd")
_CRON = Path("/etc/cron.d")
_GATEWAY = Path(__file__).resolve().parent.parent / "gateway"


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in their order, and what people should know of them.

    sshd's part is judged when all of `steps` is done; `afterwards` stays even where it can't be undone.
    """

    layout: Layout
    steps: tuple[Step, ...]
    afterwards: tuple[Step, ...]
    warnings: tuple[str, ...]

    @property
    def all(self) -> tuple[Step, ...]:
        """Every step."""
        return self.steps + self.afterwards

    def open(self) -> list[Step]:
        """Return the steps that are not done yet."""
        return [step for step in self.all if step.standing() is not Standing.DONE]


def make_plan(layout: Layout, engine: Engine) -> Plan:
    """Return the plan for this machine; nothing is changed. Raises `SrctlError`."""
    account = layout.account
    commands = (
        File(places.KEYS, places.keys_command(keys_source()), "The keys command", 0o755),
        File(places.GATEWAY, layout.gateway_command(), "The forced command", 0o755),
    )
    steps: list[Step] = [
        ServiceAccount(account),
        Membership(account, layout.socket),
        Folder("/opt/srctl"),
        Folder(places.COMMANDS),
        Folder("/etc/srctl"),
        Folder(places.HOME, 0o700, account, emptied=True),
        Logins(account),
        *commands,
        File(places.CONFIG, layout.config(), "The configuration", 0o640, account, kept=True),
        Network(engine),
        Network(engine, ISOLATED),
        *_firewall(layout, engine),
        *_schedule(layout),
        File(places.DROP_IN, layout.drop_in(), "sshd's part"),
    ]
    return Plan(layout, tuple(steps), (Database(account, layout.python), Started()), tuple(_warnings()))


def keys_source() -> str:
    """Return the source of the keys command. Raises `NotFoundError` where this srctl has none."""
    try:
        return (_GATEWAY / "keys.py").read_text(encoding="utf-8")
    except OSError as error:
        raise NotFoundError(f"This srctl has no keys command: {error.strerror}", "Install srctl again") from error


def _firewall(layout: Layout, engine: Engine) -> Iterator[Step]:
    if find("iptables") is None:
        return
    yield Firewall(layout, engine)
    if _SYSTEMD.exists():
        yield File(places.UNIT, layout.unit(), "The rules at boot")
        yield Link(places.UNIT_LINK, places.UNIT)


def _schedule(layout: Layout) -> Iterator[Step]:
    if _SYSTEMD.exists():
        yield File(places.REAP_SERVICE, layout.reap_service(), "What ends sessions that are over")
        yield File(places.REAP_TIMER, layout.reap_timer(), "Its timer")
        yield Link(places.REAP_TIMER_LINK, places.REAP_TIMER)
    elif _CRON.is_dir():
        yield File(places.REAP_CRON, layout.reap_cron(), "What ends sessions that are over")


def _warnings() -> Iterator[str]:
    if find("iptables") is None:
        yield (
            "There is no iptables: on older engines, neighbours on the network can reach sessions past the gateway. "
            "Install it (apt install iptables), and run this again"
        )
    elif not _SYSTEMD.exists():
        yield f"There is no systemd: see that {places.FIREWALL} start runs at boot"
    if not _SYSTEMD.exists() and not _CRON.is_dir():
        yield "There is neither systemd nor cron: sessions end by themselves only if you see that srctl reap is run"


def removal_plan(layout: Layout, engine: Engine) -> Plan:
    """Return the steps whose things are to be taken away, sshd's part first, whatever of them is installed here."""
    files = {
        places.DROP_IN: "sshd's part",
        places.CONFIG: "The configuration",
        places.GATEWAY: "The forced command",
        places.KEYS: "The keys command",
    }
    dropped = [File(path, "", what) for path, what in files.items()]
    timer: list[Step] = [Started(), Link(places.REAP_TIMER_LINK, places.REAP_TIMER)]
    timer += [File(path, "", "A unit") for path in (places.REAP_TIMER, places.REAP_SERVICE)]
    timer += [File(places.REAP_CRON, "", "What ends sessions that are over")]
    rules: list[Step] = [Link(places.UNIT_LINK, places.UNIT), File(places.UNIT, "", "The rules at boot")]
    # While the account is there, whose name stands in a rule.
    rules += [Firewall(layout, engine), Network(engine), Network(engine, ISOLATED)]
    account: list[Step] = [ServiceAccount(layout.account), Folder(places.HOME, 0o700, layout.account, emptied=True)]
    folders = [Folder(path) for path in (places.COMMANDS, "/opt/srctl", "/etc/srctl")]
    return Plan(layout, (*dropped, *timer, *rules, *account, *folders), (), ())


def preflight(layout: Layout) -> None:
    """Raise `SrctlError` where this machine lacks something, or root could not trust what it would run."""
    refuse(Finding("sshd", problem, "Mend it first") for problem in [sshd.config_error()] if problem)
    done = run(places.KEYS_INTERPRETER, "-ISE", "-c", "import sqlite3")
    if done.code != 0:
        raise NotFoundError(f"The keys command needs {places.KEYS_INTERPRETER} with sqlite3", "apt install python3")
    refuse(trust.python_weaknesses(layout.python), "The gateway would not be safe: ")
    refuse(_parents(), "The gateway would not be safe: ")


def _parents() -> Iterator[Finding]:
    """Yield what is wrong with the folders that are there already."""
    for path in (places.KEYS, places.CONFIG, places.HOME, places.DROP_IN, places.KEYS_INTERPRETER):
        folder = Path(path).parent
        while not folder.exists():
            folder = folder.parent
        yield from trust.weaknesses(str(folder))
