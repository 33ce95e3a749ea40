"""News that conversations ask for, and broadcasts to them; deliveries in doubt are found"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("conversations", sa.Column("news", sa.Text(), nullable=True))
    op.create_index(
        "ix_conversations_news",
        "conversations",
        ["account_id", "id"],
        postgresql_where=sa.text("news IS NOT NULL"),
    )
    op.create_index(
        "ix_deliveries_in_doubt",
        "deliveries",
        ["turn_id"],
        postgresql_where=sa.text("placeholders_left > 0"),
    )
    _create_broadcasts()
    _create_posts()


def _create_broadcasts() -> None:
    op.create_table(
        "broadcasts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'running'"), nullable=False),
        sa.Column("sent_by", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_broadcasts"),
        sa.CheckConstraint(
            "state IN ('running', 'stopped', 'done')", name=op.f("ck_broadcasts_state")
        ),
    )


def _create_posts() -> None:
    op.create_table(
        "broadcast_posts",
        sa.Column("broadcast_id", sa.BigInteger(), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("error", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("broadcast_id", "conversation_id", name="pk_broadcast_posts"),
        *(
            sa.ForeignKeyConstraint(
                [column],
                [f"{table}.id"],
                name=f"fk_broadcast_posts_{column}_{table}",
                ondelete="CASCADE",
            )
            for column, table in (
                ("broadcast_id", "broadcasts"),
                ("conversation_id", "conversations"),
                ("account_id", "accounts"),
            )
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'sending', 'sent', 'unknown', 'failed', 'stopped', 'withdrawn')",
            name=op.f("ck_broadcast_posts_state"),
        ),
    )
    op.create_index("ix_broadcast_posts_conversation_id", "broadcast_posts", ["conversation_id"])
    op.create_index(
        "ix_broadcast_posts_open",
        "broadcast_posts",
        ["broadcast_id", "conversation_id"],
        postgresql_where=sa.text("state IN ('waiting', 'sending')"),
    )


def downgrade() -> None:
    op.drop_table("broadcast_posts")
    op.drop_table("broadcasts")
    op.drop_index("ix_deliveries_in_doubt", "deliveries")
    op.drop_index("ix_conversations_news", "conversations")
    op.drop_column("conversations", "news")
