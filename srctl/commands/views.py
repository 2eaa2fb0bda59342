"""How models look as rows: the keys are those of the public contract and never change silently."""

from dataclasses import asdict
from typing import Any

from srctl.accounting import UserDetails
from srctl.models import Application, Available, Grant, Policy, PublicKey, Session

Row = dict[str, Any]

USER = ("id", "name", "admin", "disabled", "created", "grants")
APPLICATION = ("id", "image", "title", "port", "path", "scheme", "created", "profile", "shm_size", "gpus")
GRANT = ("id", "user", "image", "policy", "created")
KEY = ("fingerprint", "type", "comment", "added")
AVAILABLE = (
    "grant_id", "image", "title", "description", "type", "policy", "configurables", "image_present", "session_id",
)  # fmt: skip
SESSION = tuple(Session.__dataclass_fields__)
HOST = ("name", "url", "source", "default", "reachable", "version", "latency_ms")


def policy(value: Policy, *, secrets: bool = False) -> Row:
    """Return a policy; its licence text is shown with `secrets` only, else whether there is one."""
    row = asdict(value)
    if not secrets:
        row["license"] = value.license is not None
    return row


def user(details: UserDetails) -> Row:
    """Return a user; `grants` is null where nobody asked for them."""
    row = {name: getattr(details.user, name) for name in USER[:-1]}
    grants = details.grants
    row["grants"] = None if grants is None else [
        {"id": grant.id, "image": grant.application.image, "policy": policy(grant.policy)} for grant in grants
    ]  # fmt: skip
    return row


def application(value: Application) -> Row:
    """Return an application."""
    return {name: getattr(value, name) for name in APPLICATION}


def grant(value: Grant, *, secrets: bool = False) -> Row:
    """Return a grant; the text of its licence is shown with `secrets` only."""
    return {
        "id": value.id,
        "user": value.user,
        "image": value.application.image,
        "policy": policy(value.policy, secrets=secrets),
        "created": value.created,
    }


def key(value: PublicKey) -> Row:
    """Return a public key."""
    return {name: getattr(value, name) for name in KEY}


def available(value: Available) -> Row:
    """Return what a user may start."""
    return {name: getattr(value, name) for name in AVAILABLE} | {"policy": policy(value.policy)}


def session(value: Session) -> Row:
    """Return a session."""
    return {name: getattr(value, name) for name in SESSION}
