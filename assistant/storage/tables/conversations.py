"""What was said: conversations, messages and their files, and how it is found again."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

from assistant.storage.tables.columns import (
    id_column,
    metadata,
    now_column,
    one_of,
    reference_column,
    text_column,
    time_column,
)

conversations = Table(
    "conversations",
    metadata,
    id_column(),
    reference_column("account_id", "accounts.id"),
    text_column("chat_id"),
    text_column("thread_id", ""),
    text_column("kind"),
    # Messages up to this id are history that the next prompt leaves out ("new conversation").
    Column("starts_after", BigInteger, nullable=False, server_default=text("0")),
    # Told to be quiet after this message: until it is addressed anew, it must be addressed.
    Column("quiet_after", BigInteger, nullable=False, server_default=text("0")),
    # How the assistant behaves here, by name; empty for the default.
    text_column("persona", ""),
    # The language in which news were asked for here; null: none are wanted.
    Column("news", Text),
    # An experiment's: whose words it may hold, so that it falls with them.
    reference_column("experiment_on", "conversations.id", nullable=True),
    now_column("created_at"),
    now_column("last_message_at"),
    UniqueConstraint("account_id", "chat_id", "thread_id"),
    Index("ix_conversations_news", "account_id", "id", postgresql_where="news IS NOT NULL"),
    Index("ix_conversations_persona", "persona", postgresql_where="persona <> ''"),
    Index(
        "ix_conversations_experiment_on",
        "experiment_on",
        postgresql_where="experiment_on IS NOT NULL",
    ),
    one_of("kind", ("private", "group")),
)

events = Table(
    "events",
    metadata,
    Column(
        "account_id", BigInteger, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("event_id", Text, primary_key=True),
    # So that erasing a conversation finds its events.
    text_column("chat_id"),
    text_column("thread_id", ""),
    now_column("received_at"),
    Index(None, "account_id", "chat_id", "thread_id"),
    Index(None, "received_at"),
)

messages = Table(
    "messages",
    metadata,
    id_column(),
    reference_column("conversation_id", "conversations.id"),
    reference_column("account_id", "accounts.id"),
    text_column("chat_id"),
    text_column("platform_message_id"),
    Column("identity_id", BigInteger, ForeignKey("identities.id", ondelete="SET NULL")),
    text_column("role", "user"),
    text_column("text"),
    # The platform's id of the album that it is a part of.
    text_column("album", ""),
    # Of a request of the public API: what an assistant's message called, and of which call a
    # message of the role "tool" is the result.
    Column("tool_calls", JSONB),
    text_column("tool_call_id", ""),
    now_column("created_at"),
    time_column("edited_at"),
    time_column("deleted_at"),
    UniqueConstraint("account_id", "chat_id", "platform_message_id"),
    Index("ix_messages_album", "account_id", "chat_id", "album", postgresql_where="album <> ''"),
    Index(None, "conversation_id", "id"),
    Index(None, "identity_id", "created_at"),
    # A raw one is no message of a chat: the model goes on from its text as it is.
    one_of("role", ("system", "user", "assistant", "tool", "raw")),
)

# Files that came with a message, and what was said before it in its thread. Neither text nor bytes
# where a file could not be had or taken: the prompt then says that it came.
attachments = Table(
    "attachments",
    metadata,
    id_column(),
    reference_column("message_id", "messages.id"),
    Column("position", Integer, nullable=False),
    text_column("kind"),
    text_column("name"),
    text_column("media_type"),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    # Of a text, before it was cut.
    Column("characters", Integer, nullable=False),
    Column("text", Text),
    Column("bytes", LargeBinary),
    UniqueConstraint("message_id", "position"),
    one_of("kind", ("image", "text", "thread")),
)

# Traces: what became of a message, and of each attempt, step by step. Written beside the hot path,
# by batches: what a crash took along is no row, and is shown as not recorded.
arrivals = Table(
    "arrivals",
    metadata,
    Column(
        "message_id", BigInteger, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True
    ),
    # When our process got the event, when it was told that it is stored, when a worker was woken,
    # and when the platform was told "received".
    *(
        time_column(name)
        for name in ("received_at", "committed_at", "dispatched_at", "acknowledged_at")
    ),
    now_column("recorded_at"),
    Index(None, "recorded_at"),
)

# What can be found by its words: a turn that is over (assistant/storage/search_entries.py).
search_entries = Table(
    "search_entries",
    metadata,
    Column("turn_id", BigInteger, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    reference_column("conversation_id", "conversations.id"),
    reference_column("account_id", "accounts.id"),
    Column("person_id", BigInteger, ForeignKey("persons.id", ondelete="SET NULL")),
    text_column("persona", ""),
    Column("failed", Boolean, nullable=False),
    # When it was asked.
    Column("at", DateTime(timezone=True), nullable=False),
    Column("words", TSVECTOR, nullable=False),
    Index("ix_search_entries_words", "words", postgresql_using="gin"),
    Index(None, "at", "turn_id"),
    *(
        Index(f"ix_search_entries_{name}", f"{name}_id", "at", "turn_id")
        for name in ("conversation", "account", "person")
    ),
    Index("ix_search_entries_persona", "persona", "at", "turn_id"),
    Index("ix_search_entries_failed", "at", "turn_id", postgresql_where="failed"),
)

# Each word that stands in an entry, and in how many; by which one that was misspelt is known.
search_words = Table(
    "search_words",
    metadata,
    Column("word", Text, primary_key=True),
    # In ASCII.
    text_column("spelling"),
    Column("entries", BigInteger, nullable=False),
    Index(
        "ix_search_words_spelling",
        "spelling",
        postgresql_using="gin",
        postgresql_ops={"spelling": "gin_trgm_ops"},
    ),
)

# One row: turns that ended before this are entered.
search_progress = Table(
    "search_progress",
    metadata,
    Column("one_row", Boolean, primary_key=True, server_default=text("true")),
    Column("entered_until", DateTime(timezone=True), nullable=False),
    CheckConstraint("one_row", name="one_row"),
)

# Proofs of what was erased: how much of it there was, and that nothing was left. It says of whom
# only by a number that is given to nobody else, and by a digest of the platform's ids.
erasures = Table(
    "erasures",
    metadata,
    id_column(),
    text_column("kind"),
    Column("target", BigInteger, nullable=False),
    text_column("digest"),
    # Table → rows.
    Column("before", JSONB, nullable=False),
    Column("after", JSONB, nullable=False),
    text_column("erased_by"),
    now_column("erased_at"),
    one_of("kind", ("conversation", "person")),
)
