"""What a gateway keeps: when a key was last used, shares of sessions, slots that are closed, and the audit."""

import sqlalchemy as sa
from alembic import op

revision = "srctl_0002"
down_revision = "srctl_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, and add the column."""
    op.add_column("user_keys", sa.Column("last_used", sa.DateTime(timezone=True)))
    _shares()
    _closed_slots()
    _audit()


def downgrade() -> None:
    """Drop what was added."""
    op.drop_table("audit")
    op.drop_table("closed_slots")
    op.drop_table("shares")
    op.drop_column("user_keys", "last_used")


def _exact(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _shares() -> None:
    op.create_table(
        "shares",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("session_id", _exact(32), nullable=False),
        sa.Column("grant_id", _exact(32), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("guest_id", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shares")),
        sa.ForeignKeyConstraint(
            ["grant_id"], ["grants.id"], name=op.f("fk_shares_grant_id_grants"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_shares_owner_id_users"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["guest_id"], ["users.id"], name=op.f("fk_shares_guest_id_users"), ondelete="CASCADE"),
        sa.UniqueConstraint("session_id", "guest_id", name=op.f("uq_shares_session_id_guest_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_shares_grant_id"), "shares", ["grant_id"])
    op.create_index(op.f("ix_shares_owner_id_slot"), "shares", ["owner_id", "slot"])
    op.create_index(op.f("ix_shares_guest_id"), "shares", ["guest_id"])


def _closed_slots() -> None:
    op.create_table(
        "closed_slots",
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "slot", name=op.f("pk_closed_slots")),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_closed_slots_owner_id_users"), ondelete="CASCADE"
        ),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user", _exact(64)),
        sa.Column("fingerprint", _exact(64)),
        sa.Column("address", sa.Text()),
        sa.Column("action", _exact(64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("result", _exact(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_audit_time"), "audit", ["time"])
    op.create_index(op.f("ix_audit_user_time"), "audit", ["user", "time"])
