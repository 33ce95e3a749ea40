"""Who signs in to the dashboard, and what they change there."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
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

ROLES = ("viewer", "operator", "admin")

# Who signs in to the dashboard.
admins = Table(
    "admins",
    metadata,
    id_column(),
    text_column("name"),
    text_column("role"),
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
    now_column("created_at"),
    time_column("seen_at"),
    time_column("disabled_at"),
    Index("uq_admins_name", text("lower(name)"), unique=True),
    one_of("role", ROLES),
)

# A sign-in, which may be ended from elsewhere. Of the cookie only a hash stands here.
admin_sessions = Table(
    "admin_sessions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    reference_column("admin_id", "admins.id"),
    text_column("address"),
    text_column("agent"),
    now_column("created_at"),
    now_column("seen_at"),
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
    id_column(),
    now_column("at"),
    text_column("actor_kind"),
    Column("actor_id", BigInteger, nullable=False),
    text_column("actor_name"),
    text_column("address"),
    text_column("action"),
    text_column("target"),
    Column("before", JSONB),
    Column("after", JSONB),
    Index(None, "target", "id"),
)

# Settings that an admin changed while Outrider runs, as JSON; who changed them says the audit log.
live_settings = Table(
    "live_settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", JSONB, nullable=False),
    now_column("changed_at"),
)

# Personas that an admin changed or made. One that nobody changed is as the program and its
# settings have it, and stands in no table.
personas = Table(
    "personas",
    metadata,
    Column("name", Text, primary_key=True),
    # The number of the version that holds.
    Column("current", Integer, nullable=False),
    now_column("changed_at"),
    # Not offered any more; where it was chosen, the default answers.
    time_column("retired_at"),
)

# Never changed: number 1 is the original.
persona_versions = Table(
    "persona_versions",
    metadata,
    Column("name", Text, ForeignKey("personas.name", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    # Empty where each language has words of its own for it.
    text_column("title"),
    text_column("prompt"),
    Column("prompts", ARRAY(Text), nullable=False),
    # Why it was made.
    text_column("note", ""),
    text_column("made_by", ""),
    now_column("made_at"),
)

# What is answered without the model, by what was written.
canned_answers = Table(
    "canned_answers",
    metadata,
    id_column(),
    text_column("title"),
    Column("phrases", ARRAY(Text), nullable=False),
    # The message is the phrase, else it holds it somewhere.
    Column("whole", Boolean, nullable=False, server_default=text("false")),
    # A topic that the model is never told of, in no later prompt either.
    Column("blocks", Boolean, nullable=False, server_default=text("false")),
    text_column("answer", ""),
    # There alone; null: wherever people write.
    reference_column("account_id", "accounts.id", nullable=True),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("used", BigInteger, nullable=False, server_default=text("0")),
    time_column("used_at"),
    now_column("changed_at"),
)
