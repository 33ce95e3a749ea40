"""Output: tool calls, probabilities of tokens, and what ended an answer"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


# An older Outrider ends at a turn that asks for what it doesn't know.
END_UNKNOWN = """
UPDATE turns SET state = 'failed', error_code = 'internal', finished_at = now(),
    error = 'This was asked of a newer version of Outrider. Please ask again.',
    first_in = NULL, lease_owner = NULL, lease_until = NULL, prompt_messages = NULL,
    prompt_token_ids = NULL, reply_token_ids = '{}'
WHERE state IN ('queued', 'running') AND (
    sampling - ARRAY['temperature', 'top_p', 'max_tokens', 'seed', 'stop'] <> '{}' OR EXISTS (
    SELECT FROM turn_messages JOIN messages ON messages.id = message_id
    WHERE turn_id = turns.id AND (role = 'tool' OR messages.tool_calls IS NOT NULL)))
"""
# Also of those that are over: they may be asked again.
FORGET_UNKNOWN = """
UPDATE turns SET sampling = sampling - ARRAY(
    SELECT name FROM jsonb_object_keys(sampling) AS name
    WHERE name <> ALL (ARRAY['temperature', 'top_p', 'max_tokens', 'seed', 'stop']))
WHERE sampling - ARRAY['temperature', 'top_p', 'max_tokens', 'seed', 'stop'] <> '{}'
"""


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
    op.execute(END_UNKNOWN)
    op.execute(FORGET_UNKNOWN)
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
