"""A fair queue: weights, virtual time, deadlines, and the worker that has a conversation's cache"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

LIVE = "state IN ('queued', 'running')"


def _weight() -> sa.Column[float]:
    return sa.Column("weight", sa.Float(), server_default=sa.text("1"), nullable=False)


def upgrade() -> None:
    for table in ("accounts", "persons"):
        op.add_column(table, _weight())
        op.create_check_constraint(op.f(f"ck_{table}_weight"), table, "weight > 0")
    op.create_table(
        "queue_clocks",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name="fk_queue_clocks_account_id_accounts",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", name="pk_queue_clocks"),
    )
    for column in (
        sa.Column("priority", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_in", sa.BigInteger()),
        sa.Column("tokens", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True)),
        sa.Column("worker", sa.Text()),
    ):
        op.add_column("turns", column)
    op.drop_index("ix_turns_live", "turns")
    for name, columns, where in (
        ("ix_turns_live", ["person_id", "priority", "due_at"], LIVE),
        ("ix_turns_rounds", ["first_in", "priority", "due_at"], "first_in IS NOT NULL"),
        ("ix_turns_deadlines", ["deadline_at"], "state = 'queued' AND id > 0"),
    ):
        op.create_index(name, "turns", columns, postgresql_where=sa.text(where))


def downgrade() -> None:
    # Virtual time may be days ahead of the clock, by which an older Outrider stamps what comes.
    op.execute("UPDATE turns SET due_at = created_at WHERE state IN ('queued', 'running')")
    for name in ("ix_turns_deadlines", "ix_turns_rounds", "ix_turns_live"):
        op.drop_index(name, "turns")
    op.create_index("ix_turns_live", "turns", ["person_id"], postgresql_where=sa.text(LIVE))
    for name in ("worker", "deadline_at", "tokens", "first_in", "priority"):
        op.drop_column("turns", name)
    op.drop_table("queue_clocks")
    for table in ("persons", "accounts"):
        op.drop_constraint(op.f(f"ck_{table}_weight"), table)
        op.drop_column(table, "weight")
