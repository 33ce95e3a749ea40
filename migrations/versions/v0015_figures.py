"""Figures by days: counts, latencies, people; the tokens of answers that were cut off"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

CELL = ("day", "channel", "persona", "persona_version")
COUNTS = (
    *("done", "stopped", "cancelled", "failed", "messages"),
    *("prompt_tokens", "cached_tokens", "output_tokens", "thumbs_up", "thumbs_down"),
)
# Whoever stops an answer that nobody is at, or puts another in its place, empties what was written
# so far: that many tokens were used all the same.
KEEP_TOKENS = """
CREATE FUNCTION keep_used_tokens() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.prompt_tokens = 0 THEN
        NEW.prompt_tokens := coalesce(cardinality(OLD.prompt_token_ids), 0);
    END IF;
    IF NEW.output_tokens = 0 THEN
        NEW.output_tokens := cardinality(OLD.reply_token_ids);
    END IF;
    RETURN NEW;
END $$
"""
TRIGGER = """
CREATE TRIGGER keep_used_tokens BEFORE UPDATE OF state ON turns FOR EACH ROW
WHEN (OLD.state = 'running' AND NEW.state NOT IN ('queued', 'running')
    AND NEW.prompt_tokens = 0 AND NEW.finished_at IS NOT NULL)
EXECUTE FUNCTION keep_used_tokens()
"""


def upgrade() -> None:
    op.create_table(
        "figure_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column(
            "closed_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("day", name="pk_figure_days"),
    )
    _figures("figures", *(sa.Column(one, sa.BigInteger(), nullable=False) for one in COUNTS))
    _figures(
        "figure_latencies",
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("buckets", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("counts", sa.ARRAY(sa.Integer()), nullable=False),
        key="measure",
    )
    _figures(
        "figure_people",
        sa.Column("in_day", sa.Integer(), nullable=False),
        sa.Column("in_30_days", sa.Integer(), nullable=True),
        sa.Column("in_month", sa.Integer(), nullable=True),
    )
    op.create_index(
        "ix_turns_finished_at",
        "turns",
        ["finished_at"],
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_index("ix_feedback_created_at", "feedback", ["created_at"])
    op.execute(KEEP_TOKENS)
    op.execute(TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER keep_used_tokens ON turns")
    op.execute("DROP FUNCTION keep_used_tokens()")
    op.drop_index("ix_feedback_created_at", "feedback")
    op.drop_index("ix_turns_finished_at", "turns")
    for table in ("figure_people", "figure_latencies", "figures", "figure_days"):
        op.drop_table(table)


def _figures(table: str, *columns: sa.Column[object], key: str | None = None) -> None:
    op.create_table(
        table,
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("persona", sa.Text(), nullable=False),
        sa.Column("persona_version", sa.Integer(), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(
            ["day"], ["figure_days.day"], name=f"fk_{table}_day_figure_days", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(*CELL, *([key] if key else []), name=f"pk_{table}"),
    )
