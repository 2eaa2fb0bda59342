"""Groups, grants to groups, defaults of applications, extensions of sessions, and records of what ran."""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "srctl_0003"
down_revision = "srctl_0002"
branch_labels = None
depends_on = None

_GRANT = ("id", "user_id", "application_id", "policy", "policy_digest", "created")


def upgrade() -> None:
    """Create the tables, and let a grant be a group's."""
    op.add_column("applications", sa.Column("defaults", sa.Text(), nullable=False, server_default=sa.text("'{}'")))
    _groups()
    _group_members()
    if op.get_bind().dialect.name == "sqlite":
        _make_anew(_grants)
    else:
        _widen_grants()
    _extensions()
    _records()


def downgrade() -> None:
    """Drop what was added, grants of groups too."""
    op.drop_table("records")
    op.drop_table("extensions")
    op.execute("DELETE FROM grants WHERE user_id IS NULL")
    if op.get_bind().dialect.name == "sqlite":
        _make_anew(_narrow_grants)
    else:
        op.drop_constraint(op.f("ck_grants_holder"), "grants", type_="check")
        op.drop_column("grants", "group_id")
        op.alter_column("grants", "user_id", existing_type=sa.Integer(), nullable=False)
    op.drop_table("group_members")
    op.drop_table("groups")
    op.drop_column("applications", "defaults")


def _exact(kind: type[sa.String], length: int | None = None) -> sa.types.TypeEngine[str]:
    return kind(length).with_variant(kind(length, collation="C"), "postgresql")


def _groups() -> None:
    op.create_table(
        "groups",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("name", _exact(sa.String, 64), nullable=False),
        sa.Column("name_folded", _exact(sa.String, 64), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("name", name=op.f("uq_groups_name")),
        sa.UniqueConstraint("name_folded", name=op.f("uq_groups_name_folded")),
        sqlite_autoincrement=True,
    )


def _group_members() -> None:
    op.create_table(
        "group_members",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("joined", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "user_id", name=op.f("pk_group_members")),
        _reference("group_members", "group_id", "groups"),
        _reference("group_members", "user_id", "users"),
    )
    op.create_index(op.f("ix_group_members_user_id"), "group_members", ["user_id"])


def _reference(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}_{to}"), ondelete="CASCADE")


def _make_anew(create: Callable[[str], None]) -> None:
    """Make SQLite's table of grants anew, which can't be changed where it is; what refers to it stays as it is."""
    op.drop_index(op.f("ix_grants_application_id"), "grants")
    create("grants_anew")
    columns = ", ".join(_GRANT)
    op.execute(f"INSERT INTO grants_anew ({columns}) SELECT {columns} FROM grants")  # noqa: S608 - constants
    op.drop_table("grants")
    op.rename_table("grants_anew", "grants")
    op.create_index(op.f("ix_grants_application_id"), "grants", ["application_id"])


def _grants(name: str) -> None:
    op.create_table(
        name,
        *_grant_columns(nullable=True),
        sa.Column("group_id", sa.Integer()),
        *_grant_constraints(),
        _reference("grants", "group_id", "groups"),
        sa.UniqueConstraint(
            "group_id",
            "application_id",
            "policy_digest",
            name=op.f("uq_grants_group_id_application_id_policy_digest"),
        ),
        sa.CheckConstraint("(user_id IS NULL) <> (group_id IS NULL)", name=op.f("ck_grants_holder")),
    )


def _narrow_grants(name: str) -> None:
    op.create_table(name, *_grant_columns(nullable=False), *_grant_constraints())


def _grant_columns(*, nullable: bool) -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("id", _exact(sa.String, 32), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=nullable),
        sa.Column("application_id", sa.Integer(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("policy_digest", _exact(sa.String, 64), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
    )


def _grant_constraints() -> tuple[sa.Constraint, ...]:
    return (
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
        _reference("grants", "user_id", "users"),
        _reference("grants", "application_id", "applications"),
        sa.UniqueConstraint(
            "user_id",
            "application_id",
            "policy_digest",
            name=op.f("uq_grants_user_id_application_id_policy_digest"),
        ),
    )


def _widen_grants() -> None:
    op.alter_column("grants", "user_id", existing_type=sa.Integer(), nullable=True)
    op.add_column("grants", sa.Column("group_id", sa.Integer()))
    op.create_foreign_key(
        op.f("fk_grants_group_id_groups"), "grants", "groups", ["group_id"], ["id"], ondelete="CASCADE"
    )
    op.create_unique_constraint(
        op.f("uq_grants_group_id_application_id_policy_digest"),
        "grants",
        ["group_id", "application_id", "policy_digest"],
    )
    op.create_check_constraint(op.f("ck_grants_holder"), "grants", "(user_id IS NULL) <> (group_id IS NULL)")


def _extensions() -> None:
    op.create_table(
        "extensions",
        sa.Column("session_id", _exact(sa.String, 32), nullable=False),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", _exact(sa.String, 64), nullable=False),
        sa.Column("made", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_extensions")),
    )


def _records() -> None:
    op.create_table(
        "records",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("session_id", _exact(sa.String, 32), nullable=False),
        sa.Column("container_id", _exact(sa.String, 64), nullable=False),
        sa.Column("user", _exact(sa.String, 64), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("group", _exact(sa.String, 64)),
        sa.Column("grant_id", _exact(sa.String, 32), nullable=False),
        sa.Column("image", _exact(sa.Text), nullable=False),
        sa.Column("host", _exact(sa.Text), nullable=False),
        sa.Column("realm", _exact(sa.Text), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True)),
        sa.Column("reason", _exact(sa.String, 32)),
        sa.Column("cpu_seconds", sa.Float()),
        sa.Column("seen", sa.DateTime(timezone=True)),
        sa.Column("active", sa.DateTime(timezone=True)),
        sa.Column("sampled", sa.DateTime(timezone=True)),
        sa.Column("net_bytes", sa.BigInteger()),
        sa.Column("warned", sa.DateTime(timezone=True)),
        sa.Column("warning", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_records")),
        sa.UniqueConstraint("session_id", name=op.f("uq_records_session_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_records_started"), "records", ["started"])
    op.create_index(op.f("ix_records_ended"), "records", ["ended"])
