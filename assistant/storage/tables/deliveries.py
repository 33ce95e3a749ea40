"""How replies are shown on the platforms, and what is told to all who asked for news."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Index, Integer, Table, Text, text

from assistant.storage.tables.columns import (
    id_column,
    metadata,
    now_column,
    one_of,
    reference_column,
    text_column,
    time_column,
)

DELIVERY_STATES = ("pending", "active", "removing", "done", "removed", "failed")

INTENT_STATES = ("sending", "sent", "unknown", "failed")

INTENT_KINDS = ("placeholder", "overflow", "edit", "final", "removal")

BROADCAST_STATES = ("running", "stopped", "done")

POST_STATES = ("waiting", "sending", "sent", "unknown", "failed", "stopped", "withdrawn")

deliveries = Table(
    "deliveries",
    metadata,
    Column("turn_id", BigInteger, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    reference_column("account_id", "accounts.id"),
    reference_column("conversation_id", "conversations.id"),
    text_column("state", "pending"),
    text_column("reply_to", ""),
    # Counts the claims: what an earlier driver still wants to write matches no row.
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("lease_owner", Text),
    time_column("lease_until"),
    text_column("error", ""),
    # Posts whose fate can't be known: so many empty placeholders may stand there.
    Column("placeholders_left", Integer, nullable=False, server_default=text("0")),
    # When it became due, again where it does so again: it is tried for a day from then on.
    now_column("created_at"),
    time_column("first_visible_at"),
    time_column("finished_at"),
    one_of("state", DELIVERY_STATES),
    Index(
        "ix_deliveries_open",
        "account_id",
        "turn_id",
        postgresql_where="state IN ('pending', 'active', 'removing')",
    ),
    Index(
        "ix_deliveries_order",
        "conversation_id",
        "turn_id",
        postgresql_where="state IN ('pending', 'active', 'removing')",
    ),
    Index("ix_deliveries_failed", "finished_at", postgresql_where="state = 'failed'"),
    Index("ix_deliveries_in_doubt", "turn_id", postgresql_where="placeholders_left > 0"),
    Index(None, "conversation_id"),
)

# What was to be done on the platform: written before each call, closed after it.
delivery_intents = Table(
    "delivery_intents",
    metadata,
    id_column(),
    reference_column("turn_id", "turns.id"),
    # Which of the reply's platform messages, from 0.
    Column("position", Integer, nullable=False),
    text_column("kind"),
    text_column("state", "sending"),
    text_column("platform_message_id", ""),
    Column("characters", Integer, nullable=False, server_default=text("0")),
    text_column("error", ""),
    now_column("created_at"),
    time_column("ended_at"),
    Index(None, "turn_id", "position"),
    one_of("kind", INTENT_KINDS),
    one_of("state", INTENT_STATES),
)

penalties = Table(
    "penalties",
    metadata,
    Column(
        "account_id", BigInteger, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("chat_id", Text, primary_key=True),
    Column("until", DateTime(timezone=True), nullable=False),
)

# What an admin tells all conversations that asked for news.
broadcasts = Table(
    "broadcasts",
    metadata,
    id_column(),
    text_column("text"),
    # The only channel that it goes to; empty: all.
    text_column("channel", ""),
    text_column("state", "running"),
    text_column("sent_by"),
    now_column("created_at"),
    time_column("finished_at"),
    one_of("state", BROADCAST_STATES),
)

# One for each conversation that had asked when the broadcast began.
broadcast_posts = Table(
    "broadcast_posts",
    metadata,
    Column(
        "broadcast_id",
        BigInteger,
        ForeignKey("broadcasts.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column(
        "conversation_id",
        BigInteger,
        ForeignKey("conversations.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    reference_column("account_id", "accounts.id"),
    text_column("state", "waiting"),
    text_column("error", ""),
    # Whoever is at it, until then; without an owner: not before then.
    Column("lease_owner", Text),
    time_column("lease_until"),
    time_column("ended_at"),
    one_of("state", POST_STATES),
    Index(None, "conversation_id"),
    Index(
        "ix_broadcast_posts_open",
        "broadcast_id",
        "conversation_id",
        postgresql_where="state IN ('waiting', 'sending')",
    ),
)
