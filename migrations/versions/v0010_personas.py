"""Personas with versions, settings that change at run time, canned answers and blocked topics"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _words(name: str, default: str | None = None) -> sa.Column[str]:
    server_default = None if default is None else sa.text(f"'{default}'")
    return sa.Column(name, sa.Text(), nullable=False, server_default=server_default)


def _moment(name: str, *, now: bool = False) -> sa.Column[object]:
    default = sa.func.now() if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=not now)


def _answered_as() -> tuple[sa.Column[object], sa.Column[object]]:
    return (
        sa.Column("persona", sa.Text(), nullable=True),
        sa.Column("persona_version", sa.Integer(), nullable=True),
    )


def upgrade() -> None:
    op.create_table(
        "live_settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", JSONB(), nullable=False),
        _moment("changed_at", now=True),
        sa.PrimaryKeyConstraint("name", name="pk_live_settings"),
    )
    op.create_table(
        "personas",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("current", sa.Integer(), nullable=False),
        _moment("changed_at", now=True),
        _moment("retired_at"),
        sa.PrimaryKeyConstraint("name", name="pk_personas"),
    )
    op.create_table(
        "persona_versions",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        _words("title"),
        _words("prompt"),
        sa.Column("prompts", sa.ARRAY(sa.Text()), nullable=False),
        _words("note", ""),
        _words("made_by", ""),
        _moment("made_at", now=True),
        sa.ForeignKeyConstraint(
            ["name"],
            ["personas.name"],
            name="fk_persona_versions_name_personas",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("name", "number", name="pk_persona_versions"),
    )
    op.add_column("accounts", _words("persona", ""))
    op.create_index(
        "ix_conversations_persona",
        "conversations",
        ["persona"],
        postgresql_where=sa.text("persona <> ''"),
    )
    for table in ("turns", "feedback"):
        for column in _answered_as():
            op.add_column(table, column)
    op.create_index(
        "ix_feedback_persona",
        "feedback",
        ["persona", "persona_version", "value"],
        postgresql_where=sa.text("persona IS NOT NULL"),
    )
    op.create_table(
        "canned_answers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _words("title"),
        sa.Column("phrases", sa.ARRAY(sa.Text()), nullable=False),
        *(
            sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False)
            for name in ("whole", "blocks")
        ),
        _words("answer", ""),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("used", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        _moment("used_at"),
        _moment("changed_at", now=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
            name="fk_canned_answers_account_id_accounts",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_canned_answers"),
    )


def downgrade() -> None:
    op.drop_table("canned_answers")
    op.drop_index("ix_feedback_persona", "feedback")
    op.drop_index("ix_conversations_persona", "conversations")
    for table in ("feedback", "turns"):
        for column in _answered_as():
            op.drop_column(table, column.name)
    op.drop_column("accounts", "persona")
    op.drop_table("persona_versions")
    op.drop_table("personas")
    op.drop_table("live_settings")
