"""What people use, by days; quotas; who may talk, as admins decide it at run time; links"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

COUNTS = ("turns", "messages", "prompt_tokens", "cached_tokens", "output_tokens", "failed")
LIMITS = ("tokens_per_day", "tokens_per_month", "messages_per_day", "messages_per_month")

# However a turn ends, in whichever statement: it is counted there. The messages are counted for who
# wrote them, all else for who asked first. A turn that replaces another has its messages, which
# were counted with that one. Of a turn that was cut off before anybody summed up, the tokens are
# what was checkpointed.
COUNT = """
CREATE FUNCTION count_ended_turn() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was_summed boolean := NEW.prompt_tokens + NEW.output_tokens > 0;
    read bigint := NEW.prompt_tokens;
    written bigint := NEW.output_tokens;
BEGIN
    IF NOT was_summed THEN
        read := coalesce(cardinality(OLD.prompt_token_ids), 0);
        written := cardinality(OLD.reply_token_ids);
    END IF;
    INSERT INTO usage_days AS known (day, account_id, person_id, chat, turns, messages,
        prompt_tokens, cached_tokens, output_tokens, failed)
    WITH wrote AS (
        SELECT person_id, count(*) AS messages
        FROM turn_messages JOIN messages ON messages.id = message_id
        JOIN identities ON identities.id = identity_id
        WHERE turn_id = NEW.id AND coalesce(NEW.place, NEW.id) = NEW.id GROUP BY person_id
    ), people AS (
        SELECT person_id, messages FROM wrote UNION ALL
        -- A request of the API is a message, whatever it quotes.
        SELECT NEW.person_id, CASE WHEN EXISTS (SELECT FROM wrote) THEN 0
            WHEN coalesce(NEW.place, NEW.id) = NEW.id THEN 1 ELSE 0 END
    ), each AS (
        SELECT person_id, sum(messages) AS messages,
            CAST(coalesce(person_id = NEW.person_id, false) AS int) AS first
        FROM people GROUP BY person_id
    ), counted AS (
        -- Who is being erased in this moment is not counted.
        SELECT each.* FROM each JOIN persons ON persons.id = person_id FOR KEY SHARE OF persons
    )
    SELECT CAST(now() AT TIME ZONE 'UTC' AS date), account_id, person_id,
        CASE kind WHEN 'group' THEN chat_id ELSE '' END, first, messages,
        first * read, first * NEW.cached_tokens, first * written,
        first * CAST(NEW.state = 'failed' AS int)
    FROM conversations, counted WHERE conversations.id = NEW.conversation_id
    ORDER BY person_id
    ON CONFLICT (person_id, day, account_id, chat) DO UPDATE SET
        turns = known.turns + excluded.turns,
        messages = known.messages + excluded.messages,
        prompt_tokens = known.prompt_tokens + excluded.prompt_tokens,
        cached_tokens = known.cached_tokens + excluded.cached_tokens,
        output_tokens = known.output_tokens + excluded.output_tokens,
        failed = known.failed + excluded.failed;
    RETURN NULL;
END $$
"""
TRIGGER = """
CREATE TRIGGER count_ended_turn AFTER UPDATE OF state ON turns FOR EACH ROW
WHEN (OLD.state IN ('queued', 'running') AND NEW.state NOT IN ('queued', 'running'))
EXECUTE FUNCTION count_ended_turn()
"""
# What ended before this table was there.
EARLIER = """
INSERT INTO usage_days (day, account_id, person_id, chat, turns, messages, prompt_tokens,
    cached_tokens, output_tokens, failed)
SELECT day, account_id, person_id, chat, sum(turns), sum(messages), sum(prompt_tokens),
    sum(cached_tokens), sum(output_tokens), sum(failed)
FROM (
    SELECT CAST(coalesce(finished_at, turns.created_at) AT TIME ZONE 'UTC' AS date) AS day,
        account_id, person_id, CASE kind WHEN 'group' THEN chat_id ELSE '' END AS chat, 1 AS turns,
        CAST(channel = 'api' AS int) AS messages, prompt_tokens, cached_tokens, output_tokens,
        CAST(state = 'failed' AS int) AS failed
    FROM turns JOIN conversations ON conversations.id = conversation_id
    JOIN accounts ON accounts.id = account_id
    WHERE person_id IS NOT NULL AND state NOT IN ('queued', 'running')
    UNION ALL
    SELECT CAST(messages.created_at AT TIME ZONE 'UTC' AS date), conversations.account_id,
        person_id, CASE kind WHEN 'group' THEN conversations.chat_id ELSE '' END, 0, 1, 0, 0, 0, 0
    FROM messages JOIN identities ON identities.id = identity_id
    JOIN conversations ON conversations.id = conversation_id
    WHERE NOT EXISTS (SELECT FROM turn_messages JOIN turns ON turns.id = turn_id
        WHERE message_id = messages.id AND state IN ('queued', 'running'))
) AS earlier
GROUP BY day, account_id, person_id, chat
"""


def upgrade() -> None:
    _usage_days()
    _quotas()
    _access()
    op.execute(EARLIER)
    op.execute(COUNT)
    op.execute(TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER count_ended_turn ON turns")
    op.execute("DROP FUNCTION count_ended_turn()")
    op.drop_index("ix_identities_blocked", "identities")
    op.drop_index("ix_identities_name", "identities")
    op.drop_index("ix_identities_waiting", "identities")
    for table in ("link_codes", "allowlist", "account_access", "quotas", "usage_days"):
        op.drop_table(table)


def _usage_days() -> None:
    op.create_table(
        "usage_days",
        sa.Column("day", sa.Date(), nullable=False),
        _ref("usage_days", "account_id", "accounts.id"),
        _ref("usage_days", "person_id", "persons.id"),
        sa.Column("chat", sa.Text(), server_default=sa.text("''"), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
            for name in COUNTS
        ),
        sa.PrimaryKeyConstraint("person_id", "day", "account_id", "chat", name="pk_usage_days"),
    )
    op.create_index("ix_usage_days_day_account_id", "usage_days", ["day", "account_id"])
    op.create_index(
        "ix_usage_days_chat",
        "usage_days",
        ["account_id", "chat", "day"],
        postgresql_where=sa.text("chat <> ''"),
    )


def _quotas() -> None:
    op.create_table(
        "quotas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("temporary", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        _ref("quotas", "person_id", "persons.id", nullable=True),
        _ref("quotas", "account_id", "accounts.id", nullable=True),
        sa.Column("chat", sa.Text(), server_default=sa.text("''"), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in LIMITS),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        _now("changed_at"),
        sa.PrimaryKeyConstraint("id", name="pk_quotas"),
        sa.UniqueConstraint("subject", "temporary", name="uq_quotas_subject_temporary"),
        sa.CheckConstraint("temporary = (until IS NOT NULL)", name=op.f("ck_quotas_until")),
    )
    op.create_index("ix_quotas_person_id", "quotas", ["person_id"])


def _access() -> None:
    op.create_table(
        "account_access",
        _ref("account_access", "account_id", "accounts.id"),
        sa.Column("access", sa.Text(), nullable=False),
        _now("changed_at"),
        sa.PrimaryKeyConstraint("account_id", name="pk_account_access"),
        sa.CheckConstraint(
            "access IN ('open', 'allowlist', 'pairing')", name=op.f("ck_account_access_access")
        ),
    )
    op.create_table(
        "allowlist",
        _ref("allowlist", "account_id", "accounts.id"),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default=sa.text("''"), nullable=False),
        _now("added_at"),
        sa.PrimaryKeyConstraint("account_id", "entry", name="pk_allowlist"),
    )
    op.create_table(
        "link_codes",
        _ref("link_codes", "person_id", "persons.id"),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_link_codes"),
        sa.UniqueConstraint("hash", name="uq_link_codes_hash"),
    )
    op.create_index(
        "ix_identities_waiting",
        "identities",
        ["created_at"],
        postgresql_where=sa.text("pairing_code IS NOT NULL"),
    )
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.create_index(
        "ix_identities_name",
        "identities",
        ["name"],
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops"},
    )
    op.create_index(
        "ix_identities_blocked",
        "identities",
        ["account_id"],
        postgresql_where=sa.text("access = 'blocked'"),
    )


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _ref(table: str, name: str, target: str, *, nullable: bool = False) -> sa.Column[int]:
    key = sa.ForeignKey(
        target, name=f"fk_{table}_{name}_{target.partition('.')[0]}", ondelete="CASCADE"
    )
    return sa.Column(name, sa.BigInteger(), key, nullable=nullable)
