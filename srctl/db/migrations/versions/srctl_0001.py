"""The first tables: users with their keys, applications, grants."""

import sqlalchemy as sa
from alembic import op

revision = "srctl_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    _users()
    _user_keys()
    _applications()
    _grants()


def downgrade() -> None:
    """Drop the tables."""
    for table in ("grants", "applications", "user_keys", "users"):
        op.drop_table(table)


def _exact(kind: type[sa.String], length: int | None = None) -> sa.types.TypeEngine[str]:
    return kind(length).with_variant(kind(length, collation="C"), "postgresql")


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("name", _exact(sa.String, 64), nullable=False),
        sa.Column("name_folded", _exact(sa.String, 64), nullable=False),
        sa.Column("admin", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
        sa.UniqueConstraint("name_folded", name=op.f("uq_users_name_folded")),
        sqlite_autoincrement=True,
    )


def _user_keys() -> None:
    op.create_table(
        "user_keys",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", _exact(sa.String, 64), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("blob", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("added", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_keys")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_keys_user_id_users"), ondelete="CASCADE"),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_user_keys_fingerprint")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_user_keys_user_id"), "user_keys", ["user_id"])


def _applications() -> None:
    op.create_table(
        "applications",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("image", _exact(sa.Text), nullable=False),
        sa.Column("title", sa.Text()),
        sa.Column("port", sa.Integer()),
        sa.Column("path", sa.Text()),
        sa.Column("scheme", sa.String(8)),
        sa.Column("profile", sa.String(16)),
        sa.Column("shm_size", sa.BigInteger()),
        sa.Column("gpus", sa.String(16)),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_applications")),
        sa.UniqueConstraint("image", name=op.f("uq_applications_image")),
        sqlite_autoincrement=True,
    )


def _grants() -> None:
    op.create_table(
        "grants",
        sa.Column("id", _exact(sa.String, 32), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("application_id", sa.Integer(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("policy_digest", _exact(sa.String, 64), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_grants_user_id_users"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["applications.id"],
            name=op.f("fk_grants_application_id_applications"),
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "user_id",
            "application_id",
            "policy_digest",
            name=op.f("uq_grants_user_id_application_id_policy_digest"),
        ),
    )
    op.create_index(op.f("ix_grants_application_id"), "grants", ["application_id"])
