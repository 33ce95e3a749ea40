"""Who talks with us, over which account, what they may use, and programs' keys."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from assistant.storage.tables.columns import (
    id_column,
    metadata,
    now_column,
    one_of,
    reference_column,
    text_column,
    time_column,
    weight_column,
)

accounts = Table(
    "accounts",
    metadata,
    id_column(),
    text_column("channel"),
    text_column("name"),
    text_column("access", "open"),
    weight_column(),
    # How the assistant behaves where nobody chose anything; empty for the default.
    text_column("persona", ""),
    now_column("created_at"),
    # Which one of the platform's it is, by its id there; empty where it isn't known.
    text_column("bot", ""),
    UniqueConstraint("channel", "name"),
    CheckConstraint("weight > 0", name="weight"),
    one_of("access", ("open", "allowlist", "pairing")),
)

# Accounts that somebody installed while Outrider runs. Without a row such an account is off.
installs = Table(
    "installs",
    metadata,
    Column(
        "account_id", BigInteger, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    ),
    # Another one with each install, also of the same account.
    Column("number", BigInteger, Identity(always=True), nullable=False, unique=True),
    # Sealed: the key is no part of the database.
    text_column("token"),
    # What people call the place, what we are there, what we may do, and who allowed it.
    text_column("title", ""),
    text_column("bot_id", ""),
    text_column("scopes", ""),
    text_column("installed_by", ""),
    now_column("installed_at"),
)

persons = Table(
    "persons",
    metadata,
    id_column(),
    text_column("name"),
    # Chosen by the person; null: as each platform says.
    Column("language", Text),
    weight_column(),
    now_column("created_at"),
    # Since when admins may read what the person writes, where the settings ask for their consent.
    time_column("consented_at"),
    CheckConstraint("weight > 0", name="weight"),
    Index(
        "ix_persons_name",
        "name",
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops"},
    ),
    Index("ix_persons_consented", "id", postgresql_where="consented_at IS NOT NULL"),
)

identities = Table(
    "identities",
    metadata,
    id_column(),
    reference_column("person_id", "persons.id"),
    reference_column("account_id", "accounts.id"),
    text_column("platform_id"),
    text_column("name"),
    text_column("access", "pending"),
    Column("pairing_code", Text, unique=True),
    # Of the person's program, as the platform named it last.
    text_column("language", ""),
    now_column("created_at"),
    UniqueConstraint("account_id", "platform_id"),
    Index(None, "person_id"),
    # Who waits to be let in, and who is kept out: few of many.
    Index("ix_identities_waiting", "created_at", postgresql_where="pairing_code IS NOT NULL"),
    Index("ix_identities_blocked", "account_id", postgresql_where="access = 'blocked'"),
    Index(
        "ix_identities_name",
        "name",
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops"},
    ),
    one_of("access", ("pending", "allowed", "blocked")),
)

# What a person told the assistant to remember: for their private chats alone.
memories = Table(
    "memories",
    metadata,
    id_column(),
    reference_column("person_id", "persons.id"),
    # What the person calls it; never another's while it stands.
    Column("number", Integer, nullable=False),
    text_column("text"),
    now_column("created_at"),
    UniqueConstraint("person_id", "number"),
)

# Programs' keys of the API; the one of the settings is in no table.
api_keys = Table(
    "api_keys",
    metadata,
    id_column(),
    text_column("name"),
    # SHA-256; a key itself is shown once and stored nowhere.
    Column("hash", LargeBinary, nullable=False, unique=True),
    # How it begins, by which people tell keys apart.
    text_column("prefix"),
    Column("scopes", ARRAY(Text), nullable=False),
    # Null: as many as it likes.
    Column("requests_per_minute", Integer),
    Column("tokens_per_day", BigInteger),
    # What it asks waits for what people ask.
    Column("background", Boolean, nullable=False, server_default=text("false")),
    now_column("created_at"),
    # A minute old at most.
    time_column("last_used_at"),
    time_column("expires_at"),
    time_column("revoked_at"),
    Index("uq_api_keys_name", "name", unique=True, postgresql_where="revoked_at IS NULL"),
)

# Embeddings are no turns: what a key spent on them, by days of UTC.
embedded_tokens = Table(
    "embedded_tokens",
    metadata,
    Column("key_id", BigInteger, ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("tokens", BigInteger, nullable=False),
)

# How each account stands with its platform; whether it is connected now is said in Redis alone.
channel_states = Table(
    "channel_states",
    metadata,
    Column(
        "account_id", BigInteger, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    ),
    time_column("heard_at"),
    # The last that went wrong with its way in, and when.
    text_column("error", ""),
    time_column("failed_at"),
)

USAGE_COUNTS = ("turns", "messages", "prompt_tokens", "cached_tokens", "output_tokens", "failed")
QUOTA_LIMITS = ("tokens_per_day", "tokens_per_month", "messages_per_day", "messages_per_month")

# What people used of the model, by days of UTC: counted in the statement that ends a turn, by the
# trigger `count_ended_turn` (migration 0011), whichever statement that is. Turns that wait or run
# are counted as they are.
usage_days = Table(
    "usage_days",
    metadata,
    Column("day", Date, nullable=False),
    reference_column("account_id", "accounts.id"),
    reference_column("person_id", "persons.id"),
    # Of a group; empty for private chats.
    text_column("chat", ""),
    *(Column(name, BigInteger, nullable=False, server_default=text("0")) for name in USAGE_COUNTS),
    PrimaryKeyConstraint("person_id", "day", "account_id", "chat"),
    Index(None, "day", "account_id"),
    Index("ix_usage_days_chat", "account_id", "chat", "day", postgresql_where="chat <> ''"),
)

# What a person, a group or an account may use; null: as much as they like. Of a temporary one and
# one that stands, the temporary holds until its time is over.
quotas = Table(
    "quotas",
    metadata,
    id_column(),
    # "person:12", "chat:1:-100", "account:1"; "person:*" and "chat:*" are for each without its own.
    text_column("subject"),
    Column("temporary", Boolean, nullable=False, server_default=text("false")),
    reference_column("person_id", "persons.id", nullable=True),
    reference_column("account_id", "accounts.id", nullable=True),
    text_column("chat", ""),
    *(Column(name, BigInteger) for name in QUOTA_LIMITS),
    time_column("until"),
    text_column("note", ""),
    now_column("changed_at"),
    UniqueConstraint("subject", "temporary"),
    Index(None, "person_id"),
    CheckConstraint("temporary = (until IS NOT NULL)", name="until"),
)

# What admins decided about an account's door while Outrider runs: it goes before the settings.
account_access = Table(
    "account_access",
    metadata,
    Column(
        "account_id", BigInteger, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    ),
    text_column("access"),
    now_column("changed_at"),
    one_of("access", ("open", "allowlist", "pairing")),
)

# Ids of people, workspaces and groups that may talk to an account, beside those of the settings.
allowlist = Table(
    "allowlist",
    metadata,
    Column(
        "account_id", BigInteger, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("entry", Text, primary_key=True),
    text_column("note", ""),
    now_column("added_at"),
)

# By it a person shows that they are the same on another channel; only its SHA-256 is kept.
link_codes = Table(
    "link_codes",
    metadata,
    Column("person_id", BigInteger, ForeignKey("persons.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)
