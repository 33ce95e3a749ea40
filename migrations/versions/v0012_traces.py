"""Traces of turns, and experiments beside people's conversations"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STEPS = (
    *("claimed_at", "built_at", "asked_at", "begun_at"),
    *("first_token_at", "last_token_at", "ended_at"),
)


def upgrade() -> None:
    op.add_column("conversations", sa.Column("experiment_on", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        "fk_conversations_experiment_on_conversations",
        *("conversations", "conversations", ["experiment_on"], ["id"]),
        ondelete="CASCADE",
    )
    op.create_index(
        "ix_conversations_experiment_on",
        "conversations",
        ["experiment_on"],
        postgresql_where=sa.text("experiment_on IS NOT NULL"),
    )
    op.add_column("turns", sa.Column("profile", sa.Text(), nullable=True))
    op.create_table(
        "arrivals",
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        *map(_time, ("received_at", "committed_at", "dispatched_at", "acknowledged_at")),
        _now("recorded_at"),
        _falls_with("arrivals", "message_id", "messages"),
        sa.PrimaryKeyConstraint("message_id", name="pk_arrivals"),
    )
    op.create_index("ix_arrivals_recorded_at", "arrivals", ["recorded_at"])
    op.create_table(
        "traces",
        sa.Column("turn_id", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        *map(_time, STEPS),
        _text("outcome"),
        *map(_count, ("resumed_tokens", "prompt_tokens", "cached_tokens", "output_tokens")),
        sa.Column("context", JSONB(), nullable=True),
        _now("recorded_at"),
        _falls_with("traces", "turn_id", "turns"),
        sa.PrimaryKeyConstraint("turn_id", "attempt", name="pk_traces"),
    )
    op.create_index("ix_traces_recorded_at", "traces", ["recorded_at"])
    op.create_table(
        "instructions",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        _now("created_at"),
        sa.PrimaryKeyConstraint("digest", name="pk_instructions"),
    )
    op.create_table(
        "experiments",
        sa.Column("turn_id", sa.BigInteger(), nullable=False),
        sa.Column("repeats", sa.BigInteger(), nullable=True),
        _text("persona"),
        sa.Column("asked_by", sa.Text(), nullable=False),
        _now("created_at"),
        _falls_with("experiments", "turn_id", "turns"),
        _falls_with("experiments", "repeats", "turns"),
        sa.PrimaryKeyConstraint("turn_id", name="pk_experiments"),
    )
    op.create_index("ix_experiments_repeats", "experiments", ["repeats"])
    op.create_index("ix_experiments_created_at", "experiments", ["created_at"])


def downgrade() -> None:
    # An older Outrider would take them for somebody's conversations.
    op.execute(
        "DELETE FROM conversations USING turns JOIN experiments ON turn_id = turns.id"
        " WHERE conversations.id = conversation_id"
    )
    for table in ("experiments", "instructions", "traces", "arrivals"):
        op.drop_table(table)
    op.drop_column("turns", "profile")
    op.drop_column("conversations", "experiment_on")


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False)


def _falls_with(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}", ondelete="CASCADE"
    )
