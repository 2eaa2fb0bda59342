"""Doing and undoing a plan: all of it or nothing, and sshd only reads what has been found right."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from srctl.errors import ConflictError, SrctlError
from srctl.installation import sshd, system
from srctl.installation.findings import refuse
from srctl.installation.plan import Plan
from srctl.installation.steps import Standing, Step, required
from srctl.installation.system import find, must

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step: `done` (it was), `made`, `changed` or `removed`."""

    step: Step
    state: str


def install(plan: Plan, tell: Tell) -> list[Outcome]:
    """Do every step that is not done, let sshd's part be judged by sshd, then have sshd read it.

    Whatever fails before sshd has read it is undone with all that this run has made. Raises `SrctlError`.
    """
    outcomes: list[Outcome] = []
    with ExitStack() as undo:
        for step in plan.steps:
            outcomes.append(_do(step, undo))
        _judge(plan)
        for step in plan.afterwards:
            outcomes.append(_do(step, undo))
        undo.pop_all()
    if any(outcome.state != "done" for outcome in outcomes):
        _reload(tell)
    return outcomes


def uninstall(plan: Plan, tell: Tell) -> list[Outcome]:
    """Take away all that belongs to a gateway, sshd's part first. Raises `SrctlError`."""
    first, *rest = plan.steps
    removed = [first] if first.remove() else []
    if removed:
        if error := sshd.config_error():
            raise ConflictError(f"sshd does not take its configuration: {error}", "Mend it, and run this again")
        _reload(tell)
    removed += [step for step in rest if step.remove()]
    _reload_units()
    return [Outcome(step, "removed") for step in removed]


def _do(step: Step, undo: ExitStack) -> Outcome:
    standing = step.standing()
    if standing is Standing.DONE:
        return Outcome(step, "done")
    try:
        undo.callback(step.make())
    except OSError as error:
        raise SrctlError(f"{step.words}: {error.strerror}") from error
    if step.standing() is not Standing.DONE:
        raise SrctlError(f"This could not be done: {step.words}")
    return Outcome(step, "made" if standing is Standing.MISSING else "changed")


def _judge(plan: Plan) -> None:
    nothing = "Nothing was changed, since the gateway would not work: "
    if error := sshd.config_error():
        raise ConflictError(f"{nothing}sshd does not take its configuration: {error}")
    account = required(plan.layout.account)
    groups = [system.group_name(gid) for gid in account.groups]
    refuse(sshd.effective(plan.layout, groups), nothing)


def _reload(tell: Tell) -> None:
    _reload_units()
    try:
        tell(f"sshd reads its configuration again: {sshd.reload()}")
    except (SrctlError, OSError) as error:
        raise SrctlError(
            f"All is in place, but sshd could not be told: {error}",
            "Let it read its configuration: systemctl reload ssh",
        ) from error


def _reload_units() -> None:
    if os.path.isdir("/run/systemd/system") and find("systemctl"):
        must("systemctl", "daemon-reload")
