"""Turns: what is answered, by whom, how it went, and what people thought of it."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from assistant.storage.tables.columns import (
    id_column,
    metadata,
    now_column,
    one_of,
    reference_column,
    text_column,
    time_column,
)

TURN_STATES = ("queued", "running", "done", "stopped", "cancelled", "failed")

turns = Table(
    "turns",
    metadata,
    id_column(),
    reference_column("conversation_id", "conversations.id"),
    # Who asked first; one person's many turns are spread in the queue.
    Column("person_id", BigInteger, ForeignKey("persons.id", ondelete="SET NULL")),
    text_column("state", "queued"),
    # The order of the queue, in its virtual time (assistant/fair.py).
    now_column("due_at"),
    # 0 for a person's, 1 for background work.
    Column("priority", SmallInteger, nullable=False, server_default=text("0")),
    # Its account, while it waits and was its person's only one when it came.
    Column("first_in", BigInteger),
    # About so many were written for it, as far as the queue's limit goes.
    Column("tokens", Integer, nullable=False, server_default=text("0")),
    # By then it has been answered, or ends in a sentence that says so.
    time_column("deadline_at"),
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
    time_column("lease_until"),
    Column("stop_requested", Boolean, nullable=False, server_default=text("false")),
    reference_column("superseded_by", "turns.id", nullable=True),
    Column("sampling", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    # The frozen prompt and the output so far: what a takeover goes on from.
    Column("fingerprint", Text),
    # As whom it was answered, known once the prompt is built; null for a program's request.
    Column("persona", Text),
    Column("persona_version", Integer),
    Column("prompt_messages", JSONB),
    Column("prompt_token_ids", ARRAY(Integer)),
    Column("reply_token_ids", ARRAY(Integer), nullable=False, server_default=text("'{}'")),
    text_column("reply", ""),
    Column("finish_reason", Text),
    # The stop string, or the id of the token, that ended it.
    Column("stop_reason", JSONB),
    Column("tool_calls", JSONB),
    # Only where they were asked for, and until they are read.
    Column("logprobs", JSONB),
    text_column("error_code", ""),
    text_column("error", ""),
    Column("prompt_tokens", Integer, nullable=False, server_default=text("0")),
    Column("cached_tokens", Integer, nullable=False, server_default=text("0")),
    Column("output_tokens", Integer, nullable=False, server_default=text("0")),
    now_column("created_at"),
    time_column("started_at"),
    time_column("first_token_at"),
    # When a person first saw text of it; from then on a further message waits.
    time_column("shown_at"),
    time_column("finished_at"),
    one_of("state", TURN_STATES),
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
    text_column("worker"),
    now_column("started_at"),
    time_column("ended_at"),
    text_column("error", ""),
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
    now_column("created_at"),
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

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
)

traces = Table(
    "traces",
    metadata,
    Column("turn_id", BigInteger, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    text_column("profile"),
    text_column("model"),
    # When the worker got it, had its prompt, and gave that to the engine; when this began with it,
    # where it tells; when its first token came and its last, and when the attempt was over.
    *(
        time_column(name)
        for name in (
            *("claimed_at", "built_at", "asked_at", "begun_at"),
            *("first_token_at", "last_token_at", "ended_at"),
        )
    ),
    # How it ended: a turn's state, "retried", "abandoned", "shutdown".
    text_column("outcome", ""),
    # Tokens of an earlier attempt that it went on from.
    Column("resumed_tokens", Integer, nullable=False, server_default=text("0")),
    Column("prompt_tokens", Integer, nullable=False, server_default=text("0")),
    Column("cached_tokens", Integer, nullable=False, server_default=text("0")),
    Column("output_tokens", Integer, nullable=False, server_default=text("0")),
    # Of what the prompt was made: parts by their kinds, ids, token counts and digests, no texts.
    Column("context", JSONB),
    now_column("recorded_at"),
    Index(None, "recorded_at"),
)

# What models were told before conversations, each once: a trace names it by its digest.
instructions = Table(
    "instructions",
    metadata,
    Column("digest", Text, primary_key=True),
    text_column("text"),
    now_column("created_at"),
)

experiments = Table(
    "experiments",
    metadata,
    Column("turn_id", BigInteger, ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True),
    # The turn that it asks again.
    reference_column("repeats", "turns.id", nullable=True),
    text_column("persona", ""),
    text_column("asked_by"),
    now_column("created_at"),
    Index("ix_experiments_repeats", "repeats"),
    Index(None, "created_at"),
)
