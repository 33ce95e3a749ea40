"""Search over all that was said, people's consent that it is read, and proofs of erasures"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    _persons()
    op.create_index(op.f("ix_feedback_value_turn_id"), "feedback", ["value", "turn_id"])
    _entries()
    _words()
    _progress()
    _erasures()


def _persons() -> None:
    op.add_column("persons", sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_persons_name",
        "persons",
        ["name"],
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops"},
    )
    op.create_index(
        "ix_persons_consented",
        "persons",
        ["id"],
        postgresql_where=sa.text("consented_at IS NOT NULL"),
    )


def _entries() -> None:
    op.create_table(
        "search_entries",
        sa.Column("turn_id", sa.BigInteger(), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column("persona", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("turn_id", name="pk_search_entries"),
        *(
            sa.ForeignKeyConstraint(
                [column],
                [f"{table}.id"],
                name=f"fk_search_entries_{column}_{table}",
                ondelete=deletes,
            )
            for column, table, deletes in (
                ("turn_id", "turns", "CASCADE"),
                ("conversation_id", "conversations", "CASCADE"),
                ("account_id", "accounts", "CASCADE"),
                ("person_id", "persons", "SET NULL"),
            )
        ),
    )
    op.create_index("ix_search_entries_words", "search_entries", ["words"], postgresql_using="gin")
    op.create_index(op.f("ix_search_entries_at_turn_id"), "search_entries", ["at", "turn_id"])
    for name, column in (
        ("conversation", "conversation_id"),
        ("account", "account_id"),
        ("person", "person_id"),
        ("persona", "persona"),
    ):
        op.create_index(f"ix_search_entries_{name}", "search_entries", [column, "at", "turn_id"])
    op.create_index(
        "ix_search_entries_failed",
        "search_entries",
        ["at", "turn_id"],
        postgresql_where=sa.text("failed"),
    )


def _words() -> None:
    op.create_table(
        "search_words",
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("spelling", sa.Text(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("word", name="pk_search_words"),
    )
    op.create_index(
        "ix_search_words_spelling",
        "search_words",
        ["spelling"],
        postgresql_using="gin",
        postgresql_ops={"spelling": "gin_trgm_ops"},
    )


def _progress() -> None:
    """Entered are all turns that are there, from the first on."""
    op.create_table(
        "search_progress",
        sa.Column("one_row", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("entered_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("one_row", name="pk_search_progress"),
        sa.CheckConstraint("one_row", name="ck_search_progress_one_row"),
    )
    op.execute("INSERT INTO search_progress (entered_until) VALUES ('-infinity')")


def _erasures() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=False),
        sa.Column("after", postgresql.JSONB(), nullable=False),
        sa.Column("erased_by", sa.Text(), nullable=False),
        sa.Column(
            "erased_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
        sa.CheckConstraint("kind IN ('conversation', 'person')", name="ck_erasures_kind"),
    )


def downgrade() -> None:
    op.drop_table("erasures")
    op.drop_table("search_progress")
    op.drop_table("search_words")
    op.drop_table("search_entries")
    op.drop_index(op.f("ix_feedback_value_turn_id"), "feedback")
    op.drop_index("ix_persons_consented", "persons")
    op.drop_index("ix_persons_name", "persons")
    op.drop_column("persons", "consented_at")
