"""What a form about a quota sends, read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from assistant.incoming.quota import EVERY_GROUP, EVERYONE, Quota
from assistant.incoming.quota_rules import (
    MOST,
    NOTE_CHARACTERS,
    Subject,
    of_account,
    of_chat,
    read_subject,
)

LIMITS = ("tokens_per_day", "tokens_per_month", "messages_per_day", "messages_per_month")
# For how long a temporary quota may hold, as the form offers it.
HOURS = (1, 24, 168, 720)
_Limit = Annotated[int | None, Field(ge=0, le=MOST)]


class QuotaForm(BaseModel):
    """An empty limit is none."""

    tokens_per_day: _Limit = None
    tokens_per_month: _Limit = None
    messages_per_day: _Limit = None
    messages_per_month: _Limit = None
    why: str = Field("", max_length=NOTE_CHARACTERS)

    @property
    def quota(self) -> Quota:
        return Quota(
            self.tokens_per_day,
            self.tokens_per_month,
            self.messages_per_day,
            self.messages_per_month,
        )


class OverrideForm(QuotaForm):
    hours: Literal["1", "24", "168", "720"] = "24"

    def until(self, now: float) -> datetime:
        """`now` in Unix seconds."""
        return datetime.fromtimestamp(now, UTC) + timedelta(hours=int(self.hours))


class RuleForm(QuotaForm):
    """`of` says of what; an account and a group are named besides."""

    of: Literal["everyone", "groups", "account", "chat"]
    account: int = Field(0, ge=0, lt=2**63)
    chat: str = Field("", max_length=200)

    @property
    def subject(self) -> Subject:
        match self.of:
            case "everyone":
                return read_subject(EVERYONE)
            case "groups":
                return read_subject(EVERY_GROUP)
            case "account":
                return of_account(self.account)
            case "chat":
                return of_chat(self.account, self.chat.strip())


class RemovalForm(BaseModel):
    subject: str = Field(max_length=300)


def shown(quota: Quota | None, why: str = "") -> Mapping[str, str]:
    """A quota as the form's fields have it."""
    limits = {name: getattr(quota, name) if quota else None for name in LIMITS}
    return {name: "" if one is None else str(one) for name, one in limits.items()} | {"why": why}
