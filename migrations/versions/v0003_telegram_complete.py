"""Telegram, complete: languages, personas, memories, feedback"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("identities", sa.Column("language", sa.Text(), server_default="", nullable=False))
    op.add_column("persons", sa.Column("language", sa.Text(), nullable=True))
    op.add_column(
        "conversations", sa.Column("persona", sa.Text(), server_default="", nullable=False)
    )
    _create_memories()
    _create_feedback()
    # What a person used of late is read without what they used before.
    op.drop_index("ix_turns_person_id", "turns")
    op.create_index("ix_turns_person_id_created_at", "turns", ["person_id", "created_at"])
    op.drop_index("ix_messages_identity_id", "messages")
    op.create_index("ix_messages_identity_id_created_at", "messages", ["identity_id", "created_at"])


def downgrade() -> None:
    op.drop_index("ix_messages_identity_id_created_at", "messages")
    op.create_index("ix_messages_identity_id", "messages", ["identity_id"])
    op.drop_index("ix_turns_person_id_created_at", "turns")
    op.create_index("ix_turns_person_id", "turns", ["person_id"])
    op.drop_table("feedback")
    op.drop_table("memories")
    op.drop_column("conversations", "persona")
    op.drop_column("persons", "language")
    op.drop_column("identities", "language")


def _create_memories() -> None:
    op.create_table(
        "memories",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        _now("created_at"),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name="fk_memories_person_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_memories"),
    )
    op.create_index("ix_memories_person_id_id", "memories", ["person_id", "id"])


def _create_feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("turn_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        _now("created_at"),
        sa.CheckConstraint("value IN (-1, 1)", name=op.f("ck_feedback_value")),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["turns.id"], name="fk_feedback_turn_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name="fk_feedback_person_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("turn_id", "person_id", name="pk_feedback"),
    )
    op.create_index("ix_feedback_person_id", "feedback", ["person_id"])


def _now(name: str) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )
