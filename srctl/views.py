"""How models look as rows: the keys are those of the public contract and never change silently."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from srctl import limits
from srctl.accounting import UserDetails
from srctl.contents import Imported, Step
from srctl.explaining import Explanation, Right
from srctl.models import (
    Application,
    AuditEntry,
    Available,
    Grant,
    Group,
    Limits,
    Policy,
    PublicKey,
    Session,
    Share,
    Tunnel,
)
from srctl.policy import in_words
from srctl.reaping import Reaped
from srctl.usage import Tally

Row = dict[str, Any]

USER = ("id", "name", "admin", "disabled", "created", "grants", "groups")
APPLICATION = ("id", "image", "title", "port", "path", "scheme", "created", "profile", "shm_size", "gpus", "defaults")
GRANT = ("id", "user", "image", "policy", "created", "group")
RIGHT = tuple(Right.__dataclass_fields__)
EXPLANATION = tuple(Explanation.__dataclass_fields__)
REAPED = tuple(Reaped.__dataclass_fields__)
TALLY = ("by", "name", "sessions", "hours", "cpu_hours")
GROUP = ("name", "members", "grants", "created")
KEY = ("fingerprint", "type", "comment", "added", "last_used")
OFFERED_KEY = ("type", "fingerprint", "source", "line")
SHARE = ("session_id", "owner", "guest", "created", "expires")
AUDIT = tuple(AuditEntry.__dataclass_fields__)
IDENTITY = ("user", "admin", "host", "fingerprint")
AVAILABLE = (
    "grant_id", "image", "title", "description", "type", "policy", "configurables", "image_present", "session_id",
)  # fmt: skip
SESSION = tuple(Session.__dataclass_fields__)
TUNNEL = tuple(Tunnel.__dataclass_fields__)
DEED = tuple(Step.__dataclass_fields__)
IMPORTED = tuple(name for name in Imported.__dataclass_fields__ if name != "added")
_LICENSE_WIDTH = 20
POLICY = ("allow_home", "allow_view", "allow_startup_data", "license", "volumes", *limits.NAMES)
SSH_CONFIG = ("option", "value", "source", "refused")
STEP = ("step", "state", "content")
FINDING = ("check", "ok", "problem", "fix")
HOST = ("name", "url", "source", "default", "reachable", "version", "latency_ms")


def policy(value: Policy, *, secrets: bool = False) -> Row:
    """Return a policy; its licence text is shown with `secrets` only, else whether there is one."""
    row = asdict(value)
    if not secrets:
        row["license"] = value.license is not None
    return {name: row[name] for name in POLICY}


def grant_columns(grants: Sequence[Grant]) -> tuple[str, ...]:
    """Return the columns of a table of grants; licences have one where there are any."""
    licensed = any(grant.policy.license is not None for grant in grants)
    return ("id", "user", "image", "policy", *(["license"] if licensed else []), "created")


def grant_in_words(value: Grant) -> Row:
    """Return a grant for a table, where policies are words, a licence is only begun and a group has its `@`."""
    text = value.policy.license
    if text is not None and len(text) > _LICENSE_WIDTH:
        text = text[: _LICENSE_WIDTH - 1] + "…"
    return grant(value) | {"user": value.holder, "policy": in_words(value.policy), "license": text}


def user_in_words(details: UserDetails) -> Row:
    """Return a user for a table, where a grant is the image and what it permits."""
    grants = details.grants
    return user(details) | {"grants": None if grants is None else [_granted(each) for each in grants]}


def _granted(value: Grant) -> str:
    by = f", by {value.holder}" if value.group else ""
    return f"{value.application.image} ({in_words(value.policy)}{by})"


def user(details: UserDetails) -> Row:
    """Return a user; `grants` is null where nobody asked for them."""
    row = {name: getattr(details.user, name) for name in USER[:-2]} | {"id": details.user.lasting_id or None}
    grants = details.grants
    row["grants"] = None if grants is None else [
        {"id": grant.id, "image": grant.application.image, "policy": policy(grant.policy), "group": grant.group}
        for grant in grants
    ]  # fmt: skip
    return row | {"groups": details.groups}


def application(value: Application) -> Row:
    """Return an application."""
    row = {name: getattr(value, name) for name in APPLICATION}
    return row | {"id": value.id if value.id > 0 else None, "defaults": defaults(value.defaults)}


def application_in_words(value: Application) -> Row:
    """Return an application for a table, where its defaults are words."""
    return application(value) | {"defaults": ", ".join(limits.in_words(limits.in_force(value))) or None}


def defaults(value: Limits) -> Row:
    """Return the limits that an application's grants have when they set none; an application does not expire."""
    return {name: getattr(value, name) for name in limits.NAMES if name != "expires"}


def reaped(value: Reaped) -> Row:
    """Return what was done about a session that is over, or will be soon."""
    return {name: getattr(value, name) for name in REAPED}


def tally(value: Tally, by: str) -> Row:
    """Return what was used under one name."""
    hours = None if value.cpu_seconds is None else round(value.cpu_seconds / 3600, 3)
    counts = {"sessions": value.sessions, "hours": round(value.seconds / 3600, 3), "cpu_hours": hours}
    return {"by": by, "name": value.name} | counts


def right(value: Right) -> Row:
    """Return that a user may start an application."""
    return {name: getattr(value, name) for name in RIGHT} | {"policy": policy(value.policy)}


def explanation(value: Explanation) -> Row:
    """Return why a user may start an application, or may not."""
    return {name: getattr(value, name) for name in EXPLANATION} | {"grants": [grant(each) for each in value.grants]}


def group(value: Group) -> Row:
    """Return a group."""
    return {name: getattr(value, name) for name in GROUP}


def grant(value: Grant, *, secrets: bool = False) -> Row:
    """Return a grant; the text of its licence is shown with `secrets` only."""
    return {
        "id": value.id,
        "user": value.user,
        "image": value.application.image,
        "policy": policy(value.policy, secrets=secrets),
        "created": value.created,
        "group": value.group,
    }


def key(value: PublicKey) -> Row:
    """Return a public key."""
    return {name: getattr(value, name) for name in KEY}


def audit_entry(value: AuditEntry) -> Row:
    """Return an entry of the audit."""
    return {name: getattr(value, name) for name in AUDIT}


def available(value: Available) -> Row:
    """Return what a user may start."""
    return {name: getattr(value, name) for name in AVAILABLE} | {"policy": policy(value.policy)}


def imported(value: Imported, *, in_words: bool = False) -> Row:
    """Return what an import did; in words only how many rows were skipped."""
    row = {name: getattr(value, name) for name in IMPORTED}
    skipped = [{"place": place, "reason": reason} for place, reason in value.skipped]
    return row | {"skipped": len(skipped) if in_words else skipped}


def deed(value: Step) -> Row:
    """Return a step of changes."""
    return {name: getattr(value, name) for name in DEED}


def session(value: Session) -> Row:
    """Return a session."""
    return {name: getattr(value, name) for name in SESSION}


def share(value: Share) -> Row:
    """Return a share."""
    return {name: getattr(value, name) for name in SHARE}


def tunnel(value: Tunnel) -> Row:
    """Return a tunnel."""
    return {name: getattr(value, name) for name in TUNNEL}
