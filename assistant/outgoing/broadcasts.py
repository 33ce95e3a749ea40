"""Broadcasts: one text of an admin's to every conversation that asked for news.

Each conversation's post is a row, so any gateway may send it and none is sent twice: a post is
called `sending` before the call and closed after it. One whose sender died in between is `unknown`
and stays so: a broadcast that may be there already is not worth a second one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from assistant.errors import BroadcastRefused
from assistant.messages import ChatRef, clean
from assistant.storage.audit import Actor, note
from assistant.storage.database import Database, row, rows

LONGEST = 1500  # characters: with a word behind it, what every channel shows in one message
CLAIM_SECONDS = 60.0  # until the call; who takes longer finds that another has it
SEND_SECONDS = 120.0  # of a call; by then its sender is dead

BroadcastState = Literal["running", "stopped", "done"]
PostState = Literal["waiting", "sending", "sent", "unknown", "failed", "stopped", "withdrawn"]

START = """
WITH broadcast AS (
    INSERT INTO broadcasts (text, channel, sent_by) VALUES (%(text)s, %(channel)s, %(sent_by)s)
    RETURNING id
), posts AS (
    INSERT INTO broadcast_posts (broadcast_id, conversation_id, account_id)
    SELECT broadcast.id, conversations.id, account_id FROM broadcast, conversations
    JOIN accounts ON accounts.id = account_id
    WHERE news IS NOT NULL AND (%(channel)s = '' OR channel = %(channel)s)
    RETURNING conversation_id
)
SELECT id, (SELECT count(*) FROM posts) AS posts FROM broadcast
"""
STOP = """
WITH stopped AS (
    UPDATE broadcasts SET state = 'stopped', finished_at = now()
    WHERE id = %(broadcast)s AND state = 'running' RETURNING id
), posts AS (
    UPDATE broadcast_posts SET state = 'stopped', ended_at = now(), lease_owner = NULL,
        lease_until = NULL
    FROM stopped WHERE broadcast_id = stopped.id AND broadcast_posts.state = 'waiting'
    RETURNING conversation_id
)
SELECT id, (SELECT count(*) FROM posts) AS posts FROM stopped
"""
CLAIM = """
WITH next AS (
    SELECT broadcast_id, conversation_id FROM broadcast_posts
    WHERE state = 'waiting' AND account_id = ANY(%(accounts)s)
        AND (lease_until IS NULL OR lease_until < now())
        AND broadcast_id IN (SELECT id FROM broadcasts WHERE created_at >= now() - interval '1 day')
    ORDER BY broadcast_id, conversation_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE broadcast_posts AS post SET lease_owner = %(owner)s,
        lease_until = now() + make_interval(secs => %(seconds)s)
    FROM next WHERE post.broadcast_id = next.broadcast_id
        AND post.conversation_id = next.conversation_id
    RETURNING post.broadcast_id, post.conversation_id
)
SELECT broadcast_id, conversation_id, text, place.*
FROM claimed JOIN broadcasts ON broadcasts.id = broadcast_id
JOIN LATERAL (
    SELECT accounts.channel, accounts.name AS account, chat_id, thread_id, kind,
        coalesce(news, '') AS language
    FROM conversations JOIN accounts ON accounts.id = account_id
    WHERE conversations.id = conversation_id OFFSET 0) AS place ON true
ORDER BY broadcast_id, conversation_id
"""
_MINE = """broadcast_id = %(broadcast)s AND conversation_id = %(conversation)s
    AND lease_owner = %(owner)s"""
BEGIN = f"""
UPDATE broadcast_posts SET state = 'sending',
    lease_until = now() + make_interval(secs => %(seconds)s)
WHERE {_MINE} AND state = 'waiting' RETURNING broadcast_id
"""
CLOSE = f"""
UPDATE broadcast_posts SET state = %(state)s, error = %(error)s, ended_at = now(),
    lease_owner = NULL, lease_until = NULL
WHERE {_MINE} AND state IN ('waiting', 'sending') RETURNING broadcast_id
"""
# Certainly not sent. Once the broadcast was stopped, or is a day old, it is not tried again.
PUT_BACK = f"""
WITH broadcast AS (
    SELECT state, created_at FROM broadcasts WHERE id = %(broadcast)s
)
UPDATE broadcast_posts SET error = %(error)s, lease_owner = NULL,
    lease_until = now() + make_interval(secs => %(seconds)s),
    state = CASE WHEN broadcast.state = 'stopped' THEN 'stopped'
        WHEN broadcast.created_at < now() - interval '1 day' THEN 'failed' ELSE 'waiting' END
FROM broadcast WHERE {_MINE} AND broadcast_posts.state IN ('waiting', 'sending')
RETURNING broadcast_id
"""
LOST = """
UPDATE broadcast_posts SET state = 'unknown', error = 'lost', ended_at = now(), lease_owner = NULL,
    lease_until = NULL
WHERE state = 'sending' AND lease_until < now() RETURNING conversation_id
"""
# Nobody could send it for a day, since its account is open nowhere: it is no news any more.
EXPIRED = """
UPDATE broadcast_posts SET state = 'failed', error = 'expired', ended_at = now(),
    lease_owner = NULL, lease_until = NULL
WHERE state = 'waiting' AND (lease_until IS NULL OR lease_until < now())
    AND broadcast_id IN (SELECT id FROM broadcasts WHERE created_at < now() - interval '1 day')
RETURNING conversation_id
"""
DONE = """
UPDATE broadcasts SET state = 'done', finished_at = now()
WHERE state = 'running' AND NOT EXISTS (
    SELECT FROM broadcast_posts
    WHERE broadcast_id = broadcasts.id AND broadcast_posts.state IN ('waiting', 'sending'))
RETURNING id
"""
# Who can't be reached any more hears of no further news.
NO_NEWS = "UPDATE conversations SET news = NULL WHERE id = %(conversation)s"
_SELECT = """
SELECT broadcasts.id, text, channel, broadcasts.state, sent_by, created_at, finished_at, coalesce((
    SELECT jsonb_object_agg(state, posts) FROM (
        SELECT state, count(*) AS posts FROM broadcast_posts
        WHERE broadcast_id = broadcasts.id GROUP BY state) AS counted), '{}') AS posts
FROM broadcasts
"""
NEWEST = f"{_SELECT} ORDER BY id DESC LIMIT %(limit)s"
ONE = f"{_SELECT} WHERE id = %(broadcast)s"
WANTED = """
SELECT channel, count(*) AS conversations FROM conversations
JOIN accounts ON accounts.id = account_id WHERE news IS NOT NULL GROUP BY channel ORDER BY channel
"""


@dataclass(frozen=True, slots=True)
class Broadcast:
    """`posts`: how many stand how. `channel` is empty where it goes to all."""

    id: int
    text: str
    channel: str
    state: BroadcastState
    sent_by: str
    created_at: datetime
    finished_at: datetime | None
    posts: Mapping[PostState, int]

    @property
    def total(self) -> int:
        return sum(self.posts.values())

    @property
    def ended(self) -> int:
        return self.total - self.posts.get("waiting", 0) - self.posts.get("sending", 0)


@dataclass(frozen=True, slots=True)
class Post:
    """One claimed: to be sent to this chat."""

    broadcast_id: int
    conversation_id: int
    text: str
    chat: ChatRef
    language: str


@dataclass(frozen=True, slots=True)
class Broadcasts:
    """What admins see and do."""

    database: Database

    async def start(self, actor: Actor, text: str, channel: str = "") -> int:
        """The broadcast's id; gateways send it from now on. Raises BroadcastRefused, in words."""
        text = clean(text).strip()
        if not text:
            raise BroadcastRefused("empty", "Write what people shall read.")
        if len(text) > LONGEST:
            sentence = f"It has {len(text)} characters, and {LONGEST} is the most: shorten it."
            raise BroadcastRefused("too_long", sentence)
        async with self.database.transaction() as connection:
            values = {"text": text, "channel": channel, "sent_by": actor.name}
            (made,) = await rows(connection, START, values)
            if not made.posts:
                raise BroadcastRefused(
                    "nobody", "Nobody has asked for news there yet: people do it with /news on."
                )
            after = {"text": text, "channel": channel, "conversations": made.posts}
            await note(connection, actor, "broadcast.started", f"broadcast:{made.id}", None, after)
        return int(made.id)

    async def stop(self, actor: Actor, broadcast_id: int) -> int:
        """Send nothing more of it; returns how many will not get it. What is being sent in this
        moment still arrives. Raises BroadcastRefused where it is over."""
        async with self.database.transaction() as connection:
            stopped = await row(connection, STOP, {"broadcast": broadcast_id})
            if stopped is None:
                raise BroadcastRefused("over", "There is no such broadcast on its way.")
            after = {"state": "stopped", "not_sent": stopped.posts}
            target = f"broadcast:{broadcast_id}"
            before = {"state": "running"}
            await note(connection, actor, "broadcast.stopped", target, before, after)
        return int(stopped.posts)

    async def newest(self, limit: int) -> Sequence[Broadcast]:
        return [_broadcast(one) for one in await self.database.rows(NEWEST, {"limit": limit})]

    async def find(self, broadcast_id: int) -> Broadcast | None:
        found = await self.database.row(ONE, {"broadcast": broadcast_id})
        return None if found is None else _broadcast(found)

    async def wanted(self) -> Mapping[str, int]:
        """How many conversations have asked for news, by channel."""
        return {one.channel: one.conversations for one in await self.database.rows(WANTED)}


@dataclass(frozen=True, slots=True)
class Posts:
    """What a gateway does with them. `owner` names it."""

    database: Database
    owner: str

    async def claim(self, accounts: Sequence[int], limit: int) -> Sequence[Post]:
        values = {
            "accounts": list(accounts),
            "limit": limit,
            "owner": self.owner,
            "seconds": CLAIM_SECONDS,
        }
        return [_post(one) for one in await self.database.rows(CLAIM, values)]

    async def begin(self, post: Post) -> bool:
        """Whether it may be sent now: not stopped, not withdrawn, and not another's."""
        return await self._mine(BEGIN, post, seconds=SEND_SECONDS)

    async def close(self, post: Post, state: PostState, error: str = "") -> None:
        await self._mine(CLOSE, post, state=state, error=error)

    async def put_back(self, post: Post, seconds: float, error: str) -> None:
        """It was certainly not sent: try again after so long."""
        await self._mine(PUT_BACK, post, seconds=seconds, error=error)

    async def no_news(self, post: Post) -> None:
        await self.database.rows(NO_NEWS, {"conversation": post.conversation_id})

    async def settle(self) -> None:
        """Close what a dead gateway was at, what nobody sent for a day, and broadcasts of which
        nothing waits."""
        await self.database.rows(LOST)
        await self.database.rows(EXPIRED)
        await self.database.rows(DONE)

    async def _mine(self, statement: str, post: Post, **values: object) -> bool:
        who = {"broadcast": post.broadcast_id, "conversation": post.conversation_id}
        given = {**values, **who, "owner": self.owner}
        return await self.database.row(statement, given) is not None


def _broadcast(found: Any) -> Broadcast:
    return Broadcast(**found._asdict())


def _post(found: Any) -> Post:
    # Of a whole chat's news no thread is meant; see personas.WHOLE_CHAT.
    thread = "" if found.thread_id == "*" else found.thread_id
    chat = ChatRef(found.channel, found.account, found.chat_id, thread, cast(Any, found.kind))
    return Post(found.broadcast_id, found.conversation_id, found.text, chat, found.language)
