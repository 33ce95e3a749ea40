"""The tables. Postgres is the truth: what stands here survives everything else.

Text ids are the platforms' own; bigint ids are ours. Times are the database's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

TURN_STATES = ("queued", "running", "done", "stopped", "cancelled", "failed")
DELIVERY_STATES = ("pending", "active", "removing", "done", "removed", "failed")
INTENT_STATES = ("sending", "sent", "unknown", "failed")
ROLES = ("viewer", "operator", "admin")
INTENT_KINDS = ("placeholder", "overflow", "edit", "final", "removal")
BROADCAST_STATES = ("running", "stopped", "done")
POST_STATES = ("waiting", "sending", "sent", "unknown", "failed", "stopped", "withdrawn")


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def _ref(name: str, target: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, ForeignKey(target, ondelete="CASCADE"), nullable=nullable)


def _now(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def _time(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True))


def _text(name: str, default: str | None = None) -> Column[str]:
    server_default = None if default is None else text(f"'{default}'")
    return Column(name, Text, nullable=False, server_default=server_default)


def _weight() -> Column[float]:
    """What it gets of the model where all want it: twice the weight is twice the turns."""
    return Column("weight", Float, nullable=False, server_default=text("1"))


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


accounts = Table(
    "accounts",
    metadata,
    _id(),
    _text("channel"),
    _text("name"),
    _text("access", "open"),
    _weight(),
    # How the assistant behaves where nobody chose anything; empty for the default.
    _text("persona", ""),
    _now("created_at"),
    UniqueConstraint("channel", "name"),
    CheckConstraint("weight > 0", name="weight"),
    _one_of("access", ("open", "allowlist", "pairing")),
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
    _text("token"),
    # What people call the place, what we are there, what we may do, and who allowed it.
    _text("title", ""),
    _text("bot_id", ""),
    _text("scopes", ""),
    _text("installed_by", ""),
    _now("installed_at"),
)

persons = Table(
    "persons",
    metadata,
    _id(),
    _text("name"),
    # Chosen by the person; null: as each platform says.
    Column("language", Text),
    _weight(),
    _now("created_at"),
    # Since when admins may read what the person writes, where the settings ask for their consent.
    _time("consented_at"),
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
    _id(),
    _ref("person_id", "persons.id"),
    _ref("account_id", "accounts.id"),
    _text("platform_id"),
    _text("name"),
    _text("access", "pending"),
    Column("pairing_code", Text, unique=True),
    # Of the person's program, as the platform named it last.
    _text("language", ""),
    _now("created_at"),
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
    _one_of("access", ("pending", "allowed", "blocked")),
)

conversations = Table(
    "conversations",
    metadata,
    _id(),
    _ref("account_id", "accounts.id"),
    _text("chat_id"),
    _text("thread_id", ""),
    _text("kind"),
    # Messages up to this id are history that the next prompt leaves out ("new conversation").
    Column("starts_after", BigInteger, nullable=False, server_default=text("0")),
    # Told to be quiet after this message: until it is addressed anew, it must be addressed.
    Column("quiet_after", BigInteger, nullable=False, server_default=text("0")),
    # How the assistant behaves here, by name; empty for the default.
    _text("persona", ""),
    # The language in which news were asked for here; null: none are wanted.
    Column("news", Text),
    # An experiment's: whose words it may hold, so that it falls with them.
    _ref("experiment_on", "conversations.id", nullable=True),
    _now("created_at"),
    _now("last_message_at"),
    UniqueConstraint("account_id", "chat_id", "thread_id"),
    Index("ix_conversations_news", "account_id", "id", postgresql_where="news IS NOT NULL"),
    Index("ix_conversations_persona", "persona", postgresql_where="persona <> ''"),
    Index(
        "ix_conversations_experiment_on",
        "experiment_on",
        postgresql_where="experiment_on IS NOT NULL",
    ),
    _one_of("kind", ("private", "group")),
)

events = Table(
    "events",
    metadata,
    Column(
        "account_id", BigInteger, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("event_id", Text, primary_key=True),
    # So that erasing a conversation finds its events.
    _text("chat_id"),
    _text("thread_id", ""),
    _now("received_at"),
    Index(None, "account_id", "chat_id", "thread_id"),
    Index(None, "received_at"),
)

messages = Table(
    "messages",
    metadata,
    _id(),
    _ref("conversation_id", "conversations.id"),
    _ref("account_id", "accounts.id"),
    _text("chat_id"),
    _text("platform_message_id"),
    Column("identity_id", BigInteger, ForeignKey("identities.id", ondelete="SET NULL")),
    _text("role", "user"),
    _text("text"),
    # The platform's id of the album that it is a part of.
    _text("album", ""),
    # Of a request of the public API: what an assistant's message called, and of which call a
    # message of the role "tool" is the result.
    Column("tool_calls", JSONB),
    _text("tool_call_id", ""),
    _now("created_at"),
    _time("edited_at"),
    _time("deleted_at"),
    UniqueConstraint("account_id", "chat_id", "platform_message_id"),
    Index("ix_messages_album", "account_id", "chat_id", "album", postgresql_where="album <> ''"),
    Index(None, "conversation_id", "id"),
    Index(None, "identity_id", "created_at"),
    # A raw one is no message of a chat: the model goes on from its text as it is.
    _one_of("role", ("system", "user", "assistant", "tool", "raw")),
)

# Files that came with a message, and what was said before it in its thread. Neither text nor bytes
# where a file could not be had or taken: the prompt then says that it came.
attachments = Table(
    "attachments",
    metadata,
    _id(),
    _ref("message_id", "messages.id"),
    Column("position", Integer, nullable=False),
    _text("kind"),
    _text("name"),
    _text("media_type"),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    # Of a text, before it was cut.
    Column("characters", Integer, nullable=False),
    Column("text", Text),
    Column("bytes", LargeBinary),
    UniqueConstraint("message_id", "position"),
    _one_of("kind", ("image", "text", "thread")),
)

turns = Table(
    "turns",
    metadata,
    _id(),
    _ref("conversation_id", "conversations.id"),
    # Who asked first; one person's many turns are spread in the queue.
    Column("person_id", BigInteger, ForeignKey("persons.id", ondelete="SET NULL")),
    _text("state", "queued"),
    # The order of the queue, in its virtual time (assistant/fair.py).
    _now("due_at"),
    # 0 for a person's, 1 for background work.
    Column("priority", SmallInteger, nullable=False, server_default=text("0")),
    # Its account, while it waits and was its person's only one when it came.
    Column("first_in", BigInteger),
    # About so many were written for it, as far as the queue's limit goes.
    Column("tokens", Integer, nullable=False, server_default=text("0")),
    # By then it has been answered, or ends in a sentence that says so.
    _time("deadline_at"),
    # Who claimed it last; before that, who has its conversation in its cache, if they are free.
    Column("worker", Text),
    # An engine of this profile alone shall answer it; null for any.
    Column("profile", Text),
    # Where it stands in the conversation: the id of the turn that it replaces, else its own.
    Column("place", BigInteger),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    # Attempts that failed or died; a restart with a further message is none.
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("lease_owner", Text),
    _time("lease_until"),
    Column("stop_requested", Boolean, nullable=False, server_default=text("false")),
    _ref("superseded_by", "turns.id", nullable=True),
    Column("sampling", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    # The frozen prompt and the output so far: what a takeover goes on from.
    Column("fingerprint", Text),
    # As whom it was answered, known once the prompt is built; null for a program's request.
    Column("persona", Text),
    Column("persona_version", Integer),
    Column("prompt_messages", JSONB),
    Column("prompt_token_ids", ARRAY(Integer)),
    Column("reply_token_ids", ARRAY(Integer), nullable=False, server_default=text("'{}'")),
    _text("reply", ""),
    Column("finish_reason", Text),
    # The stop string, or the id of the token, that ended it.
    Column("stop_reason", JSONB),
    Column("tool_calls", JSONB),
    # Only where they were asked for, and until they are read.
    Column("logprobs", JSONB),
    _text("error_code", ""),
    _text("error", ""),
    Column("prompt_tokens", Integer, nullable=False, server_default=text("0")),
    Column("cached_tokens", Integer, nullable=False, server_default=text("0")),
    Column("output_tokens", Integer, nullable=False, server_default=text("0")),
    _now("created_at"),
    _time("started_at"),
    _time("first_token_at"),
    # When a person first saw text of it; from then on a further message waits.
    _time("shown_at"),
    _time("finished_at"),
    _one_of("state", TURN_STATES),
    # One running turn per conversation, and one that takes in further messages while it waits:
    # enforced here and nowhere else.
    Index("uq_turns_running", "conversation_id", unique=True, postgresql_where="state = 'running'"),
    Index(
        "uq_turns_queued",
        "conversation_id",
        unique=True,
        postgresql_where="state = 'queued' AND place IS NULL",
    ),
    Index("ix_turns_waiting", "conversation_id", postgresql_where="state = 'queued'"),
    # For the claim alone, which says `id > 0`: whoever looks for one conversation's turn must not
    # read all that wait, which a plan made while nothing waited would do.
    Index("ix_turns_queue", "due_at", "id", postgresql_where="state = 'queued' AND id > 0"),
    Index("ix_turns_leases", "lease_until", postgresql_where="state = 'running'"),
    Index(
        "ix_turns_live",
        *("person_id", "priority", "due_at"),
        postgresql_where="state IN ('queued', 'running')",
    ),
    Index(
        "ix_turns_rounds",
        *("first_in", "priority", "due_at"),
        postgresql_where="first_in IS NOT NULL",
    ),
    Index("ix_turns_deadlines", "deadline_at", postgresql_where="state = 'queued' AND id > 0"),
    Index("ix_turns_failed", "finished_at", postgresql_where="state = 'failed'"),
    # What ended in a day.
    Index("ix_turns_finished_at", "finished_at", postgresql_where="finished_at IS NOT NULL"),
    Index("ix_turns_logprobs", "finished_at", postgresql_where="logprobs IS NOT NULL"),
    Index("ix_turns_place", "conversation_id", text("coalesce(place, id)")),
    Index("ix_turns_superseded_by", "superseded_by"),
    Index(None, "person_id", "created_at"),
)

# The queue's virtual time, by account: the latest place in it of a turn that has begun.
queue_clocks = Table(
    "queue_clocks",
    metadata,
    Column(
        "account_id", BigInteger, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("begun_at", DateTime(timezone=True), nullable=False),
)

turn_messages = Table(
    "turn_messages",
    metadata,
    Column("turn_id", BigInteger, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column(
        "message_id", BigInteger, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True
    ),
    Index(None, "message_id"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("turn_id", BigInteger, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    _text("worker"),
    _now("started_at"),
    _time("ended_at"),
    _text("error", ""),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("turn_id", BigInteger, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    _ref("account_id", "accounts.id"),
    _ref("conversation_id", "conversations.id"),
    _text("state", "pending"),
    _text("reply_to", ""),
    # Counts the claims: what an earlier driver still wants to write matches no row.
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("lease_owner", Text),
    _time("lease_until"),
    _text("error", ""),
    # Posts whose fate can't be known: so many empty placeholders may stand there.
    Column("placeholders_left", Integer, nullable=False, server_default=text("0")),
    _now("created_at"),
    _time("first_visible_at"),
    _time("finished_at"),
    _one_of("state", DELIVERY_STATES),
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
    _id(),
    _ref("turn_id", "turns.id"),
    # Which of the reply's platform messages, from 0.
    Column("position", Integer, nullable=False),
    _text("kind"),
    _text("state", "sending"),
    _text("platform_message_id", ""),
    Column("characters", Integer, nullable=False, server_default=text("0")),
    _text("error", ""),
    _now("created_at"),
    _time("ended_at"),
    Index(None, "turn_id", "position"),
    _one_of("kind", INTENT_KINDS),
    _one_of("state", INTENT_STATES),
)

# What a person told the assistant to remember: for their private chats alone.
memories = Table(
    "memories",
    metadata,
    _id(),
    _ref("person_id", "persons.id"),
    # What the person calls it; never another's while it stands.
    Column("number", Integer, nullable=False),
    _text("text"),
    _now("created_at"),
    UniqueConstraint("person_id", "number"),
)

# Thumbs: 1 up, -1 down.
feedback = Table(
    "feedback",
    metadata,
    Column("turn_id", BigInteger, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("person_id", BigInteger, ForeignKey("persons.id", ondelete="CASCADE"), primary_key=True),
    Column("value", Integer, nullable=False),
    # As the turn has it: shares are counted here, and turns are many.
    Column("persona", Text),
    Column("persona_version", Integer),
    _now("created_at"),
    Index(None, "person_id"),
    Index(None, "value", "turn_id"),
    Index(None, "created_at"),
    Index(
        "ix_feedback_persona",
        *("persona", "persona_version", "value"),
        postgresql_where="persona IS NOT NULL",
    ),
    CheckConstraint("value IN (-1, 1)", name="value"),
)

# Programs' keys of the API; the one of the settings is in no table.
api_keys = Table(
    "api_keys",
    metadata,
    _id(),
    _text("name"),
    # SHA-256; a key itself is shown once and stored nowhere.
    Column("hash", LargeBinary, nullable=False, unique=True),
    # How it begins, by which people tell keys apart.
    _text("prefix"),
    Column("scopes", ARRAY(Text), nullable=False),
    # Null: as many as it likes.
    Column("requests_per_minute", Integer),
    Column("tokens_per_day", BigInteger),
    # What it asks waits for what people ask.
    Column("background", Boolean, nullable=False, server_default=text("false")),
    _now("created_at"),
    # A minute old at most.
    _time("last_used_at"),
    _time("expires_at"),
    _time("revoked_at"),
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

# Days (of UTC) whose figures are kept; forgetting the day forgets its figures.
figure_days = Table(
    "figure_days", metadata, Column("day", Date, primary_key=True), _now("closed_at")
)


def _figures(name: str, *columns: Column[Any], key: Sequence[Column[Any]] = ()) -> Table:
    """Of a cell: a day, a channel, a persona and its version. They name no person, and stay when
    one is erased."""
    return Table(
        name,
        metadata,
        Column("day", Date, ForeignKey("figure_days.day", ondelete="CASCADE"), primary_key=True),
        Column("channel", Text, primary_key=True),
        Column("persona", Text, primary_key=True),
        Column("persona_version", Integer, primary_key=True, autoincrement=False),
        *key,
        *columns,
    )


figures = _figures(
    "figures",
    *(
        Column(name, BigInteger, nullable=False)
        for name in (
            *("done", "stopped", "cancelled", "failed", "messages"),
            *("prompt_tokens", "cached_tokens", "output_tokens", "thumbs_up", "thumbs_down"),
        )
    ),
)
# How many answers lie in each bucket of time (assistant/insight/cells.py).
figure_latencies = _figures(
    "figure_latencies",
    Column("buckets", ARRAY(Integer), nullable=False),
    Column("counts", ARRAY(Integer), nullable=False),
    key=[Column("measure", Text, primary_key=True)],
)
# Different people; "*" and -1 stand for all channels, personas and versions.
figure_people = _figures(
    "figure_people",
    Column("in_day", Integer, nullable=False),
    Column("in_30_days", Integer),
    # From the calendar month's first day on.
    Column("in_month", Integer),
)

# How each account stands with its platform; whether it is connected now is said in Redis alone.
channel_states = Table(
    "channel_states",
    metadata,
    Column(
        "account_id", BigInteger, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    ),
    _time("heard_at"),
    # The last that went wrong with its way in, and when.
    _text("error", ""),
    _time("failed_at"),
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

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
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
    *(_time(name) for name in ("received_at", "committed_at", "dispatched_at", "acknowledged_at")),
    _now("recorded_at"),
    Index(None, "recorded_at"),
)

traces = Table(
    "traces",
    metadata,
    Column("turn_id", BigInteger, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    _text("profile"),
    _text("model"),
    # When the worker got it, had its prompt, and gave that to the engine; when this began with it,
    # where it tells; when its first token came and its last, and when the attempt was over.
    *(
        _time(name)
        for name in (
            *("claimed_at", "built_at", "asked_at", "begun_at"),
            *("first_token_at", "last_token_at", "ended_at"),
        )
    ),
    # How it ended: a turn's state, "retried", "abandoned", "shutdown".
    _text("outcome", ""),
    # Tokens of an earlier attempt that it went on from.
    Column("resumed_tokens", Integer, nullable=False, server_default=text("0")),
    Column("prompt_tokens", Integer, nullable=False, server_default=text("0")),
    Column("cached_tokens", Integer, nullable=False, server_default=text("0")),
    Column("output_tokens", Integer, nullable=False, server_default=text("0")),
    # Of what the prompt was made: parts by their kinds, ids, token counts and digests, no texts.
    Column("context", JSONB),
    _now("recorded_at"),
    Index(None, "recorded_at"),
)

# What models were told before conversations, each once: a trace names it by its digest.
instructions = Table(
    "instructions",
    metadata,
    Column("digest", Text, primary_key=True),
    _text("text"),
    _now("created_at"),
)

experiments = Table(
    "experiments",
    metadata,
    Column("turn_id", BigInteger, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    # The turn that it asks again.
    _ref("repeats", "turns.id", nullable=True),
    _text("persona", ""),
    _text("asked_by"),
    _now("created_at"),
    Index("ix_experiments_repeats", "repeats"),
    Index(None, "created_at"),
)

# Who signs in to the dashboard.
admins = Table(
    "admins",
    metadata,
    _id(),
    _text("name"),
    _text("role"),
    # Argon2; null for one who comes by another's sign-in (OIDC) alone.
    Column("password_hash", Text),
    # Whom the other sign-in means by it: its issuer and its id of them.
    Column("subject", Text, unique=True),
    # Sealed, as the key is no part of the database.
    Column("totp_secret", Text),
    # Of the last code that was taken: each is good once.
    Column("totp_step", BigInteger),
    # Chosen for the dashboard; null: as the browser says.
    Column("language", Text),
    _now("created_at"),
    _time("seen_at"),
    _time("disabled_at"),
    Index("uq_admins_name", text("lower(name)"), unique=True),
    _one_of("role", ROLES),
)

# A sign-in, which may be ended from elsewhere. Of the cookie only a hash stands here.
admin_sessions = Table(
    "admin_sessions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    _ref("admin_id", "admins.id"),
    _text("address"),
    _text("agent"),
    _now("created_at"),
    _now("seen_at"),
    Index(None, "admin_id"),
)

# What signs in who has lost the device that shows the codes; each once.
admin_recovery_codes = Table(
    "admin_recovery_codes",
    metadata,
    Column("admin_id", BigInteger, ForeignKey("admins.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", LargeBinary, primary_key=True),
)

# What was changed, by whom, from what into what. Rows are only ever added; who did it may be gone.
audit_log = Table(
    "audit_log",
    metadata,
    _id(),
    _now("at"),
    _text("actor_kind"),
    Column("actor_id", BigInteger, nullable=False),
    _text("actor_name"),
    _text("address"),
    _text("action"),
    _text("target"),
    Column("before", JSONB),
    Column("after", JSONB),
    Index(None, "target", "id"),
)

# What people used of the model, by days of UTC: counted in the statement that ends a turn, by the
# trigger `count_ended_turn` (migration 0011), whichever statement that is. Turns that wait or run
# are counted as they are.
usage_days = Table(
    "usage_days",
    metadata,
    Column("day", Date, nullable=False),
    _ref("account_id", "accounts.id"),
    _ref("person_id", "persons.id"),
    # Of a group; empty for private chats.
    _text("chat", ""),
    *(
        Column(name, BigInteger, nullable=False, server_default=text("0"))
        for name in (
            *("turns", "messages", "prompt_tokens", "cached_tokens", "output_tokens", "failed"),
        )
    ),
    PrimaryKeyConstraint("person_id", "day", "account_id", "chat"),
    Index(None, "day", "account_id"),
    Index("ix_usage_days_chat", "account_id", "chat", "day", postgresql_where="chat <> ''"),
)

# What a person, a group or an account may use; null: as much as they like. Of a temporary one and
# one that stands, the temporary holds until its time is over.
quotas = Table(
    "quotas",
    metadata,
    _id(),
    # "person:12", "chat:1:-100", "account:1"; "person:*" and "chat:*" are for each without its own.
    _text("subject"),
    Column("temporary", Boolean, nullable=False, server_default=text("false")),
    _ref("person_id", "persons.id", nullable=True),
    _ref("account_id", "accounts.id", nullable=True),
    _text("chat", ""),
    *(
        Column(name, BigInteger)
        for name in (
            *("tokens_per_day", "tokens_per_month", "messages_per_day", "messages_per_month"),
        )
    ),
    _time("until"),
    _text("note", ""),
    _now("changed_at"),
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
    _text("access"),
    _now("changed_at"),
    _one_of("access", ("open", "allowlist", "pairing")),
)

# Ids of people, workspaces and groups that may talk to an account, beside those of the settings.
allowlist = Table(
    "allowlist",
    metadata,
    Column(
        "account_id", BigInteger, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("entry", Text, primary_key=True),
    _text("note", ""),
    _now("added_at"),
)

# By it a person shows that they are the same on another channel; only its SHA-256 is kept.
link_codes = Table(
    "link_codes",
    metadata,
    Column("person_id", BigInteger, ForeignKey("persons.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)

# Settings that an admin changed while Outrider runs, as JSON; who changed them says the audit log.
live_settings = Table(
    "live_settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", JSONB, nullable=False),
    _now("changed_at"),
)

# Personas that an admin changed or made. One that nobody changed is as the program and its
# settings have it, and stands in no table.
personas = Table(
    "personas",
    metadata,
    Column("name", Text, primary_key=True),
    # The number of the version that holds.
    Column("current", Integer, nullable=False),
    _now("changed_at"),
    # Not offered any more; where it was chosen, the default answers.
    _time("retired_at"),
)

# Never changed: number 1 is the original.
persona_versions = Table(
    "persona_versions",
    metadata,
    Column("name", Text, ForeignKey("personas.name", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    # Empty where each language has words of its own for it.
    _text("title"),
    _text("prompt"),
    Column("prompts", ARRAY(Text), nullable=False),
    # Why it was made.
    _text("note", ""),
    _text("made_by", ""),
    _now("made_at"),
)

# What is answered without the model, by what was written.
canned_answers = Table(
    "canned_answers",
    metadata,
    _id(),
    _text("title"),
    Column("phrases", ARRAY(Text), nullable=False),
    # The message is the phrase, else it holds it somewhere.
    Column("whole", Boolean, nullable=False, server_default=text("false")),
    # A topic that the model is never told of, in no later prompt either.
    Column("blocks", Boolean, nullable=False, server_default=text("false")),
    _text("answer", ""),
    # There alone; null: wherever people write.
    _ref("account_id", "accounts.id", nullable=True),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("used", BigInteger, nullable=False, server_default=text("0")),
    _time("used_at"),
    _now("changed_at"),
)

# What can be found by its words: a turn that is over (assistant/storage/search_entries.py).
search_entries = Table(
    "search_entries",
    metadata,
    Column("turn_id", BigInteger, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    _ref("conversation_id", "conversations.id"),
    _ref("account_id", "accounts.id"),
    Column("person_id", BigInteger, ForeignKey("persons.id", ondelete="SET NULL")),
    _text("persona", ""),
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
    _text("spelling"),
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
    _id(),
    _text("kind"),
    Column("target", BigInteger, nullable=False),
    _text("digest"),
    # Table → rows.
    Column("before", JSONB, nullable=False),
    Column("after", JSONB, nullable=False),
    _text("erased_by"),
    _now("erased_at"),
    _one_of("kind", ("conversation", "person")),
)

# What an admin tells all conversations that asked for news.
broadcasts = Table(
    "broadcasts",
    metadata,
    _id(),
    _text("text"),
    # The only channel that it goes to; empty: all.
    _text("channel", ""),
    _text("state", "running"),
    _text("sent_by"),
    _now("created_at"),
    _time("finished_at"),
    _one_of("state", BROADCAST_STATES),
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
    _ref("account_id", "accounts.id"),
    _text("state", "waiting"),
    _text("error", ""),
    # Whoever is at it, until then; without an owner: not before then.
    Column("lease_owner", Text),
    _time("lease_until"),
    _time("ended_at"),
    _one_of("state", POST_STATES),
    Index(None, "conversation_id"),
    Index(
        "ix_broadcast_posts_open",
        "broadcast_id",
        "conversation_id",
        postgresql_where="state IN ('waiting', 'sending')",
    ),
)
