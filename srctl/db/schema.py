"""The tables of the accounting database as SQLAlchemy Core sees them, and the order of its revisions.

The migrations create the tables; this module never does. Tests hold both together on every dialect. Names and images
compare byte by byte everywhere (collation "C" on PostgreSQL), so that order and uniqueness are the same on all.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

REVISIONS = ("srctl_0001", "srctl_0002", "srctl_0003")
"""All revisions, oldest first. The prefix tells our databases from those of other programs that use Alembic."""

HEAD = REVISIONS[-1]

REVISION_PREFIX = "srctl_"

NAMING = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

metadata = MetaData(naming_convention=NAMING)


def _exact(kind: type[String], length: int | None = None) -> TypeEngine[str]:
    return kind(length).with_variant(kind(length, collation="C"), "postgresql")


def _id() -> Column[int]:
    return Column("id", Integer, Identity(), primary_key=True)


def _created(name: str = "created") -> Column[Any]:
    return Column(name, DateTime(timezone=True), nullable=False)


users = Table(
    "users",
    metadata,
    _id(),
    Column("name", _exact(String, 64), nullable=False, unique=True),
    Column("name_folded", _exact(String, 64), nullable=False, unique=True),
    Column("admin", Boolean, nullable=False),
    Column("disabled", Boolean, nullable=False),
    _created(),
    sqlite_autoincrement=True,
)

user_keys = Table(
    "user_keys",
    metadata,
    _id(),
    Column("user_id", Integer, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("fingerprint", _exact(String, 64), nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("blob", Text, nullable=False),
    Column("comment", Text, nullable=False),
    _created("added"),
    Column("last_used", DateTime(timezone=True)),
    sqlite_autoincrement=True,
)

applications = Table(
    "applications",
    metadata,
    _id(),
    Column("image", _exact(Text), nullable=False, unique=True),
    Column("title", Text),
    Column("port", Integer),
    Column("path", Text),
    Column("scheme", String(8)),
    Column("profile", String(16)),
    Column("shm_size", BigInteger),
    Column("gpus", String(16)),
    _created(),
    Column("defaults", Text, nullable=False, server_default=text("'{}'")),
    sqlite_autoincrement=True,
)

groups = Table(
    "groups",
    metadata,
    _id(),
    Column("name", _exact(String, 64), nullable=False, unique=True),
    Column("name_folded", _exact(String, 64), nullable=False, unique=True),
    _created(),
    sqlite_autoincrement=True,
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", Integer, ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", Integer, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True),
    _created("joined"),
)

grants = Table(
    "grants",
    metadata,
    Column("id", _exact(String, 32), primary_key=True),
    Column("user_id", Integer, ForeignKey("users.id", ondelete="CASCADE")),
    Column("application_id", Integer, ForeignKey("applications.id", ondelete="CASCADE"), nullable=False),
    Column("policy", Text, nullable=False),
    Column("policy_digest", _exact(String, 64), nullable=False),
    _created(),
    Column("group_id", Integer, ForeignKey("groups.id", ondelete="CASCADE")),
    # The first columns of both also serve the look-up by user and by group; what is null is no obstacle to them.
    UniqueConstraint("user_id", "application_id", "policy_digest"),
    UniqueConstraint("group_id", "application_id", "policy_digest"),
    CheckConstraint("(user_id IS NULL) <> (group_id IS NULL)", name="holder"),
    Index(None, "application_id"),
)
"""Each is a user's or a group's."""

shares = Table(
    "shares",
    metadata,
    _id(),
    Column("session_id", _exact(String, 32), nullable=False),
    Column("grant_id", _exact(String, 32), ForeignKey("grants.id", ondelete="CASCADE"), nullable=False),
    Column("owner_id", Integer, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("guest_id", Integer, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("slot", Integer, nullable=False),
    _created(),
    Column("expires", DateTime(timezone=True)),
    UniqueConstraint("session_id", "guest_id"),
    Index(None, "grant_id"),
    Index(None, "owner_id", "slot"),
    Index(None, "guest_id"),
    sqlite_autoincrement=True,
)
"""Who else may open a running session: the guest's next login is permitted the slot of the owner's address."""

closed_slots = Table(
    "closed_slots",
    metadata,
    Column("owner_id", Integer, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("slot", Integer, primary_key=True),
)
"""Slots that lead to a session whose grant is gone: no login is permitted them until another session is there."""

audit = Table(
    "audit",
    metadata,
    _id(),
    _created("time"),
    Column("user", _exact(String, 64)),
    Column("fingerprint", _exact(String, 64)),
    Column("address", Text),
    Column("action", _exact(String, 64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("result", _exact(String, 32), nullable=False),
    Index(None, "time"),
    Index(None, "user", "time"),
    sqlite_autoincrement=True,
)
"""What people did through a gateway. Rows are only added; they outlive the people whom they name."""

extensions = Table(
    "extensions",
    metadata,
    Column("session_id", _exact(String, 32), primary_key=True),
    Column("ends", DateTime(timezone=True), nullable=False),
    Column("by", _exact(String, 64), nullable=False),
    _created("made"),
)
"""Later ends of running sessions than their lifetimes say."""

records = Table(
    "records",
    metadata,
    _id(),
    Column("session_id", _exact(String, 32), nullable=False, unique=True),
    Column("container_id", _exact(String, 64), nullable=False),
    Column("user", _exact(String, 64), nullable=False),
    Column("user_id", Integer),
    Column("group", _exact(String, 64)),
    Column("grant_id", _exact(String, 32), nullable=False),
    Column("image", _exact(Text), nullable=False),
    Column("host", _exact(Text), nullable=False),
    Column("realm", _exact(Text), nullable=False),
    _created("started"),
    Column("ended", DateTime(timezone=True)),
    Column("reason", _exact(String, 32)),
    Column("cpu_seconds", Float),
    Column("seen", DateTime(timezone=True)),
    Column("active", DateTime(timezone=True)),
    Column("sampled", DateTime(timezone=True)),
    Column("net_bytes", BigInteger),
    Column("warned", DateTime(timezone=True)),
    Column("warning", Text),
    Index(None, "started"),
    Index(None, "ended"),
    sqlite_autoincrement=True,
)
"""What ran, from when to when. Rows name people and applications in words, and outlive them; nothing asks them what
runs."""
