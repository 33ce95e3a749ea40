"""Turns that survive: the queue's order, replaced turns, what was shown, a row for each intent"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The share of a table that must change before it is looked at grows with it; what is live does not.
LOOKED_AT = (
    "autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000,"
    " autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000"
)
UNSET = ", ".join(setting.split(" = ")[0].strip() for setting in LOOKED_AT.split(","))
LIVE = "state IN ('queued', 'running')"
OPEN = "state IN ('pending', 'active', 'removing')"
DELIVERY_STATES = "state IN ('pending', 'active', 'removing', 'done', 'removed', 'failed')"


def upgrade() -> None:
    op.add_column("events", sa.Column("thread_id", sa.Text(), server_default="", nullable=False))
    op.drop_index("ix_events_account_id_chat_id", "events")
    op.create_index(
        "ix_events_account_id_chat_id_thread_id", "events", ["account_id", "chat_id", "thread_id"]
    )
    op.create_index("ix_events_received_at", "events", ["received_at"])
    _upgrade_turns()
    _upgrade_deliveries()
    op.execute("CREATE TEMP TABLE former AS SELECT * FROM delivery_intents")
    op.drop_table("delivery_intents")
    _create_intents()
    op.execute(
        "INSERT INTO delivery_intents"
        " (turn_id, position, kind, state, platform_message_id, created_at, ended_at)"
        " SELECT turn_id, position, CASE position WHEN 0 THEN 'placeholder' ELSE 'overflow' END,"
        " CASE state WHEN 'pending' THEN 'sending' ELSE state END, platform_message_id,"
        " created_at, updated_at FROM former"
    )
    op.execute("DROP TABLE former")
    for table in ("turns", "deliveries"):
        op.execute(f"ALTER TABLE {table} SET ({LOOKED_AT})")


def _upgrade_turns() -> None:
    op.add_column("turns", sa.Column("person_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        "fk_turns_person_id", "turns", "persons", ["person_id"], ["id"], ondelete="SET NULL"
    )
    op.add_column("turns", _now("due_at"))
    op.add_column("turns", sa.Column("place", sa.BigInteger(), nullable=True))
    op.add_column("turns", sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
    op.add_column("turns", sa.Column("shown_at", sa.DateTime(timezone=True), nullable=True))
    for name in ("uq_turns_queued", "ix_turns_queue", "ix_turns_conversation_id_id"):
        op.drop_index(name, "turns")
    op.create_index(
        "uq_turns_queued",
        "turns",
        ["conversation_id"],
        unique=True,
        postgresql_where="state = 'queued' AND place IS NULL",
    )
    for name, columns, where in (
        ("ix_turns_waiting", ["conversation_id"], "state = 'queued'"),
        ("ix_turns_queue", ["due_at", "id"], "state = 'queued'"),
        ("ix_turns_live", ["person_id"], LIVE),
        ("ix_turns_failed", ["finished_at"], "state = 'failed'"),
    ):
        op.create_index(name, "turns", columns, postgresql_where=where)
    op.create_index("ix_turns_place", "turns", ["conversation_id", sa.text("coalesce(place, id)")])
    op.create_index("ix_turns_person_id", "turns", ["person_id"])


def _upgrade_deliveries() -> None:
    op.add_column("deliveries", sa.Column("conversation_id", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE deliveries SET conversation_id = turns.conversation_id FROM turns"
        " WHERE turns.id = deliveries.turn_id"
    )
    op.alter_column("deliveries", "conversation_id", nullable=False)
    op.create_foreign_key(
        "fk_deliveries_conversation_id",
        "deliveries",
        "conversations",
        ["conversation_id"],
        ["id"],
        ondelete="CASCADE",
    )
    for name in ("attempt", "placeholders_left"):
        op.add_column(
            "deliveries", sa.Column(name, sa.Integer(), server_default="0", nullable=False)
        )
    op.drop_constraint("ck_deliveries_state", "deliveries")
    op.create_check_constraint(op.f("ck_deliveries_state"), "deliveries", DELIVERY_STATES)
    op.drop_index("ix_deliveries_open", "deliveries")
    op.create_index(
        "ix_deliveries_open", "deliveries", ["account_id", "turn_id"], postgresql_where=OPEN
    )
    op.create_index(
        "ix_deliveries_order", "deliveries", ["conversation_id", "turn_id"], postgresql_where=OPEN
    )
    op.create_index(
        "ix_deliveries_failed", "deliveries", ["finished_at"], postgresql_where="state = 'failed'"
    )
    op.create_index("ix_deliveries_conversation_id", "deliveries", ["conversation_id"])


def _create_intents() -> None:
    op.create_table(
        "delivery_intents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("turn_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="sending", nullable=False),
        sa.Column("platform_message_id", sa.Text(), server_default="", nullable=False),
        sa.Column("characters", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        _now("created_at"),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('placeholder', 'overflow', 'edit', 'final', 'removal')",
            name=op.f("ck_delivery_intents_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('sending', 'sent', 'unknown', 'failed')",
            name=op.f("ck_delivery_intents_state"),
        ),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["turns.id"], name="fk_delivery_intents_turn_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_delivery_intents"),
    )
    op.create_index(
        "ix_delivery_intents_turn_id_position", "delivery_intents", ["turn_id", "position"]
    )


def _now(name: str) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def downgrade() -> None:
    for table in ("turns", "deliveries"):
        op.execute(f"ALTER TABLE {table} RESET ({UNSET})")
    op.drop_table("delivery_intents")
    _create_former_intents()
    _downgrade_deliveries()
    _downgrade_turns()
    op.drop_index("ix_events_received_at", "events")
    op.drop_index("ix_events_account_id_chat_id_thread_id", "events")
    op.drop_column("events", "thread_id")
    op.create_index("ix_events_account_id_chat_id", "events", ["account_id", "chat_id"])


def _downgrade_turns() -> None:
    # Turns that replace another have no place in the former schema's one-waiting rule. What they
    # replace stays, and would else go with them.
    op.execute(
        "WITH waiting AS (SELECT id FROM turns WHERE place IS NOT NULL AND state = 'queued')"
        " UPDATE turns SET superseded_by = NULL WHERE superseded_by IN (SELECT id FROM waiting)"
    )
    op.execute("DELETE FROM turns WHERE place IS NOT NULL AND state = 'queued'")
    for name in (
        "ix_turns_person_id",
        "ix_turns_place",
        "ix_turns_failed",
        "ix_turns_live",
        "ix_turns_queue",
        "ix_turns_waiting",
        "uq_turns_queued",
    ):
        op.drop_index(name, "turns")
    op.drop_constraint("fk_turns_person_id", "turns")
    for name in ("shown_at", "failures", "place", "due_at", "person_id"):
        op.drop_column("turns", name)
    op.create_index("ix_turns_conversation_id_id", "turns", ["conversation_id", "id"])
    op.create_index("ix_turns_queue", "turns", ["id"], postgresql_where="state = 'queued'")
    op.create_index(
        "uq_turns_queued",
        "turns",
        ["conversation_id"],
        unique=True,
        postgresql_where="state = 'queued'",
    )


def _downgrade_deliveries() -> None:
    for name in (
        "ix_deliveries_conversation_id",
        "ix_deliveries_failed",
        "ix_deliveries_order",
        "ix_deliveries_open",
    ):
        op.drop_index(name, "deliveries")
    op.execute("UPDATE deliveries SET state = 'done' WHERE state IN ('removing', 'removed')")
    op.drop_constraint("ck_deliveries_state", "deliveries")
    op.create_check_constraint(
        op.f("ck_deliveries_state"),
        "deliveries",
        "state IN ('pending', 'active', 'done', 'failed')",
    )
    op.drop_constraint("fk_deliveries_conversation_id", "deliveries")
    for name in ("conversation_id", "placeholders_left", "attempt"):
        op.drop_column("deliveries", name)
    op.create_index(
        "ix_deliveries_open",
        "deliveries",
        ["account_id", "turn_id"],
        postgresql_where="state IN ('pending', 'active')",
    )


def _create_former_intents() -> None:
    op.create_table(
        "delivery_intents",
        sa.Column("turn_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("platform_message_id", sa.Text(), server_default="", nullable=False),
        sa.Column("final", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("shown_characters", sa.Integer(), server_default="0", nullable=False),
        _now("created_at"),
        _now("updated_at"),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'sent', 'unknown', 'failed')",
            name=op.f("ck_delivery_intents_state"),
        ),
        sa.ForeignKeyConstraint(
            ["turn_id"], ["turns.id"], name="fk_delivery_intents_turn_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("turn_id", "position", name="pk_delivery_intents"),
    )
