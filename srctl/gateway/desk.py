"""Does the calls of one person: each is checked, allowed or refused, done, and written into the audit.

Whose key it is gets looked up before each call, so that a person who is refused meanwhile is refused at once, on a
connection that lives. What a plain user may not ask for is refused here and nowhere else; the rest are the rules and
use cases that serve everybody.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from srctl import images, policy
from srctl.calls import CALLS, Call
from srctl.clock import REAL, Clock
from srctl.context import Context
from srctl.db.backends import book_of
from srctl.db.ledger import Ledger, Person
from srctl.enforcing import Gateway
from srctl.errors import NotAllowedError, SrctlError, UsageError
from srctl.extending import Extender
from srctl.gateway.recorder import Recorder, told
from srctl.gateway.visitor import Credential
from srctl.joining import Joiner
from srctl.launch import Launcher
from srctl.models import Policy, StartRequest
from srctl.needs import ProgressCallback
from srctl.pruning import Leftovers
from srctl.publishing import OwnSlots
from srctl.sharing import SharedSessions
from srctl.usage import UsageReport

LONGEST_WAIT = 900.0
"""Seconds that a start may be waited for."""

_STARTS = ("session.start", "session.open")
_PULLS = ("missing", "never", "always")


@dataclass(frozen=True, slots=True)
class Hooks:
    """How a call meets the world outside: whom progress is told, and the clock by which it waits."""

    progress: ProgressCallback = lambda _: None
    clock: Clock = REAL


class Desk:
    """Serves one login."""

    def __init__(self, context: Context, ledger: Ledger, credential: Credential, recorder: Recorder) -> None:
        self._context = context
        self._ledger = ledger
        self._credential = credential
        self._recorder = recorder

    @property
    def realm(self) -> str:
        """Which deployment it is."""
        return str(self._context.config.get("realm"))

    def person(self) -> Person:
        """Return whose login it is now. Raises `NotAllowedError` for one who is refused."""
        return self._credential.person(self._ledger)

    def perform(self, name: str, given: Any, hooks: Hooks) -> Any:
        """Do a call and return its result as JSON; a streaming call gives an iterator of its pieces.

        Raises `UsageError` for a call that there is not, and for arguments that it does not take; `NotAllowedError`;
        and what the call itself raises.
        """
        call = CALLS.get(name) if isinstance(name, str) else None
        detail = told(given) if isinstance(given, Mapping) else "?"
        action = call.name if call is not None else "unknown"
        self._recorder.check_pace()
        with self._recorder.recording(action, detail, always=call is not None and call.changes) as upshot:
            if call is None:
                raise UsageError("This gateway has no such call", "Is it older than your srctl?")
            arguments = call.signature.load_arguments(given)
            result = self.do(call, arguments, hooks)
            upshot.add(result)
            return result if call.streams else call.signature.dump(result)

    def do(self, call: Call, arguments: Mapping[str, Any], hooks: Hooks) -> Any:
        """Do a call for the person, with arguments of the right types. Raises as `perform`."""
        person = self.person()
        allowed = _Rules(person, self._context, self._ledger).checked(call, dict(arguments))
        part = self._parts(person, hooks)[call.part]()
        return getattr(part, call.method)(**allowed)

    def broken(self, error: SrctlError) -> None:
        """Write down why a channel was broken off."""
        self._recorder.note("api", f"broken off: {error.message}", error.code)

    def leave(self) -> None:
        """End this connection if what was done here ended the right to it; the answer must be out."""
        if "gateway" in vars(self._context) and self._context.gateway is not None:
            self._context.gateway.end_own()

    def _parts(self, person: Person, hooks: Hooks) -> dict[str, Callable[[], Any]]:
        context = self._context
        sessions = sessions_of(context, person)
        launcher = Launcher(
            sessions,
            hooks.progress,
            home_root=context.config.get("home_root"),
            publisher=OwnSlots(
                context.config.get("max_sessions"), lambda owner_id, slot: _gateway(context).vacate(owner_id, slot)
            ),
            clock=hooks.clock,
        )
        return {
            "sessions": lambda: sessions,
            "launcher": lambda: launcher,
            "joiner": lambda: Joiner(sessions, launcher, hooks.progress, clock=hooks.clock),
            "leftovers": lambda: Leftovers(sessions, hooks.clock),
            "accounting": lambda: context.accounting,
            "declaring": lambda: context.parts.declaring,
            "extender": lambda: Extender(sessions, hooks.clock),
            "reaper": lambda: context.parts.reaper,
            "usage": lambda: UsageReport(context.store.records, None if person.admin else person.id),
            "groups": lambda: context.parts.groups,
            "explainer": lambda: context.parts.explainer,
            "audit": lambda: book_of(context.store),
        }


def prepare() -> None:
    """Load what most calls need, while the client gets round to asking for something."""
    for name in ("pydantic", "srctl.db.store", "srctl.hosts.engine"):
        import_module(name)


def sessions_of(context: Context, person: Person) -> SharedSessions:
    """Return the sessions as a person sees them."""
    sessions = SharedSessions(
        context.host,
        lambda: context.store,
        book_of(context.store),
        _gateway(context).end_guests,
        user=person.name,
        realm=context.config.get("realm"),
    )
    sessions.identify(person.id)
    return sessions


def _gateway(context: Context) -> Gateway:
    if context.gateway is None:
        raise SrctlError("The gateway is not installed completely", "An administrator can see why: srctl gateway check")
    return context.gateway


class _Rules:
    """What a person may ask for, beyond what grants say."""

    def __init__(self, person: Person, context: Context, ledger: Ledger) -> None:
        self._person = person
        self._context = context
        self._ledger = ledger

    def checked(self, call: Call, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments as they are done. Raises `NotAllowedError` and `UsageError`."""
        if call.admin and not self._person.admin:
            raise NotAllowedError(f"{call.name} is for administrators", "Ask one; srctl whoami says who you are")
        if arguments.get("all_users") and not self._person.admin:
            raise NotAllowedError("--all-users is for administrators")
        if isinstance(request := arguments.get("request"), StartRequest):
            arguments["request"] = self._request(call, request)
        if isinstance(permits := arguments.get("permits"), Policy):
            arguments["permits"] = policy.checked(permits)
        if call.part == "usage" and not self._person.admin:
            if arguments.get("user") not in (None, self._person.name):
                raise NotAllowedError("What others have used is for administrators")
            arguments["user"] = self._person.name
        if (tail := arguments.get("tail")) is not None and tail < 0:
            raise UsageError("--tail must be 0 or more")
        return arguments

    def _request(self, call: Call, request: StartRequest) -> StartRequest:
        if request.pull not in _PULLS:
            raise UsageError(f"--pull is {request.pull!r}", f"Choose {', '.join(_PULLS)}")
        if not math.isfinite(request.timeout) or request.timeout <= 0:
            raise UsageError("--timeout must be above 0")
        if request.pull == "always" and not self._person.admin:
            raise NotAllowedError("--pull always is for administrators")
        if call.name in _STARTS:
            self._check_pace()
        if request.env and not self._person.admin:
            granted = sessions_of(self._context, self._person).grant(request.app)
            images.check_declared(request.env, self._context.host.image(granted.application.image).labels)
        return replace(request, timeout=min(request.timeout, LONGEST_WAIT))

    def _check_pace(self) -> None:
        most = self._context.config.get("starts_per_minute")
        since = datetime.now(UTC) - timedelta(minutes=1)
        if self._ledger.count(self._person.name, _STARTS, since) >= most:
            raise NotAllowedError(f"You have started sessions {most} times within a minute", "Wait a minute")
