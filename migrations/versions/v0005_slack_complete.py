"""Slack, complete: several workspaces, and what was said in a thread before"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("ck_attachments_kind"), "attachments")
    op.create_check_constraint(
        op.f("ck_attachments_kind"), "attachments", "kind IN ('image', 'text', 'thread')"
    )
    op.create_table(
        "installs",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False)
            for name in ("title", "bot_id", "scopes", "installed_by")
        ),
        sa.Column(
            "installed_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name="fk_installs_account_id_accounts",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", name="pk_installs"),
        sa.UniqueConstraint("number", name="uq_installs_number"),
    )


def downgrade() -> None:
    op.drop_table("installs")
    op.execute("DELETE FROM attachments WHERE kind = 'thread'")
    op.drop_constraint(op.f("ck_attachments_kind"), "attachments")
    op.create_check_constraint(
        op.f("ck_attachments_kind"), "attachments", "kind IN ('image', 'text')"
    )
