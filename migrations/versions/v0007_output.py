"""Output: tool calls, probabilities of tokens, and what ended an answer"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("tool_calls", JSONB()))
    op.add_column(
        "messages",
        sa.Column("tool_call_id", sa.Text(), server_default=sa.text("''"), nullable=False),
    )
    op.drop_constraint(op.f("ck_messages_role"), "messages")
    op.create_check_constraint(
        op.f("ck_messages_role"), "messages", "role IN ('system', 'user', 'assistant', 'tool')"
    )
    for name in ("stop_reason", "tool_calls", "logprobs"):
        op.add_column("turns", sa.Column(name, JSONB()))
    op.create_index(
        "ix_turns_logprobs",
        "turns",
        ["finished_at"],
        postgresql_where=sa.text("logprobs IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_turns_logprobs", "turns")
    for name in ("logprobs", "tool_calls", "stop_reason"):
        op.drop_column("turns", name)
    # An older Outrider knows no such role; the result was said by the person's program.
    op.execute("UPDATE messages SET role = 'user' WHERE role = 'tool'")
    op.drop_constraint(op.f("ck_messages_role"), "messages")
    op.create_check_constraint(
        op.f("ck_messages_role"), "messages", "role IN ('system', 'user', 'assistant')"
    )
    op.drop_column("messages", "tool_call_id")
    op.drop_column("messages", "tool_calls")
