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
    op.add_column("messages", sa.Column("album", sa.Text(), server_default="", nullable=False))
    op.create_index(
        "ix_messages_album",
        "messages",
        ["account_id", "chat_id", "album"],
        postgresql_where=sa.text("album <> ''"),
    )
    op.drop_index("ix_turns_queue", "turns")
    op.create_index(
        "ix_turns_queue",
        "turns",
        ["due_at", "id"],
        postgresql_where=sa.text("state = 'queued' AND id > 0"),
    )
    _create_attachments()
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
    op.drop_index("ix_turns_queue", "turns")
    op.create_index(
        "ix_turns_queue", "turns", ["due_at", "id"], postgresql_where=sa.text("state = 'queued'")
    )
    op.drop_table("feedback")
    op.drop_table("memories")
    op.drop_table("attachments")
    op.drop_index("ix_messages_album", "messages")
    op.drop_column("messages", "album")
    op.drop_column("conversations", "persona")
    op.drop_column("persons", "language")
    op.drop_column("identities", "language")


def _create_attachments() -> None:
    op.create_table(
        "attachments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("characters", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("bytes", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("kind IN ('image', 'text')", name=op.f("ck_attachments_kind")),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name="fk_attachments_message_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_attachments"),
        sa.UniqueConstraint("message_id", "position", name="uq_attachments_message_id_position"),
    )


def _create_memories() -> None:
    op.create_table(
        "memories",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        _now("created_at"),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name="fk_memories_person_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_memories"),
        sa.UniqueConstraint("person_id", "number", name="uq_memories_person_id_number"),
    )


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
