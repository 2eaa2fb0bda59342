"""`srctl gateway`: the gateway on this machine, for its administrator."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from srctl import views
from srctl.commands.options import YesOption, confirm, noun, read_text, verb
from srctl.context import Context
from srctl.errors import SrctlError, UsageError
from srctl.models import Host

if TYPE_CHECKING:
    from srctl.hosts.engine import DockerHost
    from srctl.installation.installer import Outcome
    from srctl.installation.layout import Layout
    from srctl.installation.plan import Plan

app = noun("The gateway on this machine: grants enforced by sshd.")

_STATES = {"done": "is there", "missing": "will be made", "different": "will be changed"}


@verb(app, "install")
def install(  # noqa: PLR0913, PLR0917 - one parameter an option
    context: Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show all that would be done, and do nothing.")] = False,
    uninstall: Annotated[
        bool, typer.Option("--uninstall", help="Remove the gateway with its database, users and keys.")
    ] = False,
    firewall: Annotated[
        bool | None,
        typer.Option("--firewall/--no-firewall", help="Keep this machine's own accounts from sessions; else as it is."),
    ] = None,
    realm: Annotated[str | None, typer.Option("--realm", metavar="NAME", help="Which deployment.")] = None,
    account: Annotated[
        str | None, typer.Option("--account", metavar="NAME", help="The service account; srctl where none is named.")
    ] = None,
    yes: YesOption = False,
) -> None:
    """Install the gateway on this machine, or bring one up to date; only root can.

    sshd reads its new part only after it has been found right; otherwise all is undone. Running it again repairs and
    upgrades what is there. --uninstall leaves nothing, also not the database, once you have said yes or --yes.
    """
    _require_server()
    if context.flags.get("db"):
        raise UsageError("A gateway has its database at a place of its own", "Leave --db out")
    if uninstall:
        _uninstall(context, account, yes, dry_run)
        return
    from srctl.installation import installer, plan

    layout = _layout(context, account, realm, firewall)
    plan.preflight(layout)
    steps = plan.make_plan(layout, _engine(context, layout))
    _show(context, steps, dry_run)
    if dry_run:
        return
    if steps.open():
        confirm(context, yes, "Do this?")
    else:
        context.output.note("All of it is there, nothing has to be done.")
    _report(context, installer.install(steps, context.output.note))


@verb(app, "check")
def check(context: Context) -> None:
    """Check the gateway on this machine, and say how to mend what is wrong; only root can."""
    _require_server()
    from srctl.installation import checks

    findings = checks.run_all(lambda layout: _engine(context, layout))
    rows = [{"check": each.check, "ok": each.ok, "problem": each.problem, "fix": each.fix} for each in findings]
    context.output.rows(rows, ids="check", columns=views.FINDING, keys=views.FINDING)
    wrong = sum(not each.ok for each in findings)
    if wrong:
        raise SrctlError(f"The gateway has {wrong} problem{'s' if wrong > 1 else ''}")


@verb(app, "admin")
def admin(
    context: Context,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    file: Annotated[str, typer.Argument(metavar="KEYFILE|-", help="Public keys, one a line; - reads stdin.")],
) -> None:
    """Make a user an administrator of the gateway, and add keys: on this machine, as root or the service account."""
    from srctl.accounting import Accounting, UserDetails
    from srctl.installation import administrator

    text = read_text(context, file, errors="replace")
    database = administrator.database_as_account()
    from srctl.db.store import open_store

    with open_store(database) as store:
        user = Accounting(store).appoint(name, text)
    context.output.made(name, views.user(UserDetails(user)))


def _require_server() -> None:
    from srctl.installation import system

    system.require_debian()
    system.require_root()


def _layout(context: Context, account: str | None, realm: str | None, firewall: bool | None) -> "Layout":
    """Return what is to be installed; what stands in the gateway's configuration counts, and can't be overruled."""
    from srctl.installation import administrator
    from srctl.installation.layout import ACCOUNT, CONFIG, HOST, Layout

    asked = {"host": context.flags.get("host"), "realm": realm or context.flags.get("realm")}
    installed = administrator.installed_account()
    if account and installed and account != installed:
        raise UsageError(f"The gateway's account here is {installed}", "Uninstall it first, or leave --account out")
    there = administrator.configured()
    for name, value in asked.items():
        if value and there.get(name, value) != value:
            raise UsageError(f"{name} in {CONFIG} is {there[name]}", f"Change it there, and leave --{name} out")
    host = str(there.get("host") or asked["host"] or HOST)
    named = _checked_realm(str(there.get("realm") or asked["realm"] or "srctl"))
    return Layout(
        account or installed or ACCOUNT,
        host,
        named,
        strict=administrator.strict_firewall() if firewall is None else firewall,
    )


def _checked_realm(value: str) -> str:
    from srctl.config import KEYS

    [key] = [key for key in KEYS if key.name == "realm"]
    try:
        return str(key.parse(value))
    except ValueError as error:
        raise UsageError(f"The realm is {value!r}, but must be {error}") from error


def _engine(context: Context, layout: "Layout") -> "DockerHost":
    return context.host_of(Host("this machine", layout.host, "config"))


def _show(context: Context, steps: "Plan", dry_run: bool) -> None:
    """Show the plan: as talk before a question, as data where it is all that is wanted."""
    rows = [{"step": step.words, "state": step.standing().value, "content": step.content} for step in steps.all]
    for warning in steps.warnings:
        context.output.note(f"warning: {warning}")
    if dry_run and context.output.format != "table":
        context.output.rows(rows, ids="step", columns=views.STEP, keys=views.STEP)
        return
    tell = context.output.line if dry_run else context.output.note
    for row in rows:
        tell(f"{row['step']}: {_STATES[str(row['state'])]}")
        for line in (row["content"] or "").splitlines() if dry_run else ():
            tell(f"    {line}")


def _report(context: Context, outcomes: "list[Outcome]") -> None:
    rows: list[dict[str, Any]] = [{"step": each.step.words, "state": each.state} for each in outcomes]
    context.output.rows(rows, ids="step", columns=views.STEP[:2], keys=views.STEP[:2])


def _uninstall(context: Context, account: str | None, yes: bool, dry_run: bool) -> None:
    from srctl.installation import administrator, installer, plan
    from srctl.installation.layout import ACCOUNT, DATABASE, HOST, Layout

    host = str(administrator.configured().get("host") or context.flags.get("host") or HOST)
    layout = Layout(administrator.installed_account() or account or ACCOUNT, host)
    steps = plan.removal_plan(layout, _engine(context, layout))
    if dry_run:
        context.output.note(f"This would remove the gateway, the account {layout.account} and {DATABASE}.")
        return
    question = f"Remove the gateway, the account {layout.account}, and {DATABASE} with all users, keys and grants?"
    confirm(context, yes, question)
    _report(context, installer.uninstall(steps, context.output.note))
