"""Slack, complete: what was said in a thread before"""

from __future__ import annotations

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


def downgrade() -> None:
    op.execute("DELETE FROM attachments WHERE kind = 'thread'")
    op.drop_constraint(op.f("ck_attachments_kind"), "attachments")
    op.create_check_constraint(
        op.f("ck_attachments_kind"), "attachments", "kind IN ('image', 'text')"
    )
