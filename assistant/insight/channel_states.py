"""How each account stands: with its platform now, and with what is to be brought there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from assistant.answering.experiments import CHANNEL as EXPERIMENTS
from assistant.lines import EVERY, LineReport, LineState, Way
from assistant.storage.database import Database

# `off`: no gateway has it. `unseen`: without Redis nobody knows.
ChannelStanding = LineState | Literal["off", "unseen"]
# What several gateways say of one account: the best is true of it.
ORDER: Sequence[LineState] = ("open", "opening", "down", "refused", "standby")
UNDELIVERED_DAYS = 1.0

READ = """
WITH open AS (
    SELECT account_id, count(*) AS replies, count(*) FILTER (WHERE error <> '') AS put_off
    FROM deliveries WHERE state IN ('pending', 'active', 'removing') GROUP BY account_id
), undelivered AS (
    SELECT account_id, count(*) AS replies FROM deliveries
    WHERE state = 'failed' AND finished_at > now() - make_interval(secs => 86400 * %(days)s)
    GROUP BY account_id
), pauses AS (
    SELECT account_id, max(until) FILTER (WHERE chat_id = '') AS until,
        count(*) FILTER (WHERE chat_id <> '') AS chats
    FROM penalties WHERE until > now() GROUP BY account_id
)
SELECT accounts.id, channel, accounts.name AS account, coalesce(title, '') AS title,
    accounts.access, heard_at, coalesce(channel_states.error, '') AS error, failed_at,
    pauses.until AS paused_until, coalesce(pauses.chats, 0) AS paused_chats,
    coalesce(open.replies, 0) AS open_replies, coalesce(open.put_off, 0) AS put_off,
    coalesce(undelivered.replies, 0) AS undelivered, installs.account_id IS NOT NULL AS installed
FROM accounts
LEFT JOIN installs ON installs.account_id = accounts.id
LEFT JOIN channel_states ON channel_states.account_id = accounts.id
LEFT JOIN open ON open.account_id = accounts.id
LEFT JOIN undelivered ON undelivered.account_id = accounts.id
LEFT JOIN pauses ON pauses.account_id = accounts.id
WHERE channel <> %(ours)s
ORDER BY channel, accounts.name = 'default' DESC, accounts.name
"""


@dataclass(frozen=True, slots=True)
class ChannelState:
    """`error` is the last that went wrong with the way in, perhaps long ago (`failed_at`).

    `open_replies` are on their way, of them `put_off` wait because the platform is away;
    `undelivered` were given up in the last day. `paused_until`: the platform wants no call before.
    """

    id: int
    channel: str
    account: str
    title: str  # what people call the place
    access: str
    standing: ChannelStanding
    way: Way | None
    standing_seconds: float | None
    gateways: int  # that have it open
    failures: int  # since the gateways started
    heard_at: datetime | None
    error: str
    failed_at: datetime | None
    paused_until: datetime | None
    paused_chats: int
    open_replies: int
    put_off: int
    undelivered: int


@dataclass(frozen=True, slots=True)
class ChannelStates:
    database: Database

    async def read(self, reports: Sequence[LineReport]) -> Sequence[ChannelState]:
        """All accounts, also those that no gateway has any more. Raises StorageUnavailable."""
        rows = await self.database.rows(READ, {"days": UNDELIVERED_DAYS, "ours": EXPERIMENTS})
        by_place: dict[tuple[str, str], list[LineReport]] = {}
        for one in reports:
            by_place.setdefault((one.channel, one.account), []).append(one)
        return [_state(row, _of(row, by_place), seen=bool(reports)) for row in rows]


def _of(row: Any, by_place: Mapping[tuple[str, str], list[LineReport]]) -> list[LineReport]:
    """The account's own lines, else those for every account, as far as it has a token."""
    own = by_place.get((row.channel, row.account))
    if own is not None:
        return own
    served = row.installed or row.account == "default"
    return by_place.get((row.channel, EVERY), []) if served else []


def _state(row: Any, reports: Sequence[LineReport], *, seen: bool) -> ChannelState:
    best = min(reports, key=lambda one: ORDER.index(one.state), default=None)
    nobody: ChannelStanding = "off" if seen else "unseen"
    given = {name: getattr(row, name) for name in ROW}
    return ChannelState(
        **given,
        standing=nobody if best is None else best.state,
        way=None if best is None else best.way,
        standing_seconds=None if best is None else best.state_seconds,
        gateways=sum(one.state == "open" for one in reports),
        failures=sum(one.failures for one in reports),
    )


ROW = (
    *("id", "channel", "account", "title", "access", "heard_at", "error", "failed_at"),
    *("paused_until", "paused_chats", "open_replies", "put_off", "undelivered"),
)
