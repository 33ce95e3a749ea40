"""Broadcasting: a gateway sends broadcasts' posts, by each chat's and each account's budget.

Replies go first: a post asks the governor like any call that nobody waits for, and keeps no place
for longer than a few seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from assistant.channel import Channel
from assistant.errors import (
    ChannelError,
    ChatMoved,
    CredentialsRefused,
    PlatformUnavailable,
    RateLimited,
    RecipientUnreachable,
    SendOutcomeUnknown,
    StorageUnavailable,
)
from assistant.outgoing.broadcasts import Post, Posts
from assistant.outgoing.governor import Governor
from assistant.outgoing.migration import Migration
from assistant.outgoing.open_channels import OpenChannels
from assistant.phrases import Phrase, say

log = structlog.get_logger()

LOOK_SECONDS = 2.0
AT_ONCE = 20
PATIENCE_SECONDS = 10.0  # for room in a chat's budget; then it is put back
AWAY_SECONDS = 60.0  # before a platform that is away is tried again
FOOTER = "news.footer"


@dataclass(frozen=True, slots=True)
class Broadcasting:
    posts: Posts
    channels: OpenChannels
    governor: Governor
    migration: Migration

    async def run(self) -> None:
        """Send what waits for the accounts that are open here, until cancelled."""
        while True:
            sent = 0
            with suppress(StorageUnavailable):
                sent = await self.send_some()
                if not sent:
                    await self.posts.settle()
            if not sent:
                await asyncio.sleep(LOOK_SECONDS)

    async def send_some(self) -> int:
        """Try AT_ONCE posts side by side, each to its end; returns how many there were."""
        accounts = [one.id for one in self.channels.accounts]
        claimed: Sequence[Post] = await self.posts.claim(accounts, AT_ONCE) if accounts else ()
        async with asyncio.TaskGroup() as group:
            for post in claimed:
                group.create_task(self._try(post))
        return len(claimed)

    async def _try(self, post: Post) -> None:
        """What it comes to is written down; without Postgres it lapses, and is another's."""
        try:
            with suppress(StorageUnavailable):
                await self._send(post)
        except Exception:  # one chat's fault must not end the others
            log.exception("broadcast_post_crashed", broadcast=post.broadcast_id)
            with suppress(StorageUnavailable):
                await self.posts.close(post, "failed", "internal")

    async def _send(self, post: Post) -> None:
        channel = self.channels.get(post.chat)
        if channel is None:  # closed since it was claimed
            await self.posts.put_back(post, AWAY_SECONDS, "account_closed")
            return
        pace = channel.pace_of("post")
        try:
            await self.governor.permit(post.chat, pace, PATIENCE_SECONDS)
        except RateLimited as error:
            await self.posts.put_back(post, error.retry_after_seconds, error.code)
            return
        if not await self.posts.begin(post):
            return  # stopped, or withdrawn, in this moment
        try:
            await self._say(channel, post)
        except ChannelError as error:
            await self._failed(post, error)
        else:
            await self.posts.close(post, "sent")
        finally:
            self.governor.done(post.chat, pace)

    async def _say(self, channel: Channel, post: Post) -> None:
        footer = say(Phrase(FOOTER), post.language)
        await channel.say(post.chat, f"{post.text}\n\n{footer}")

    async def _failed(self, post: Post, error: ChannelError) -> None:
        log.info("broadcast_post_failed", broadcast=post.broadcast_id, code=error.code)
        match error:
            case RateLimited():
                await self.governor.penalize(post.chat, error.retry_after_seconds)
                await self.posts.put_back(post, error.retry_after_seconds, error.code)
            case PlatformUnavailable() | CredentialsRefused():
                await self.posts.put_back(post, AWAY_SECONDS, error.code)
            case ChatMoved():
                await self.posts.put_back(post, 0, error.code)
                await self.migration.move(post.chat, error.to_chat_id)
            case SendOutcomeUnknown():
                await self.posts.close(post, "unknown", error.code)
            case _:
                if isinstance(error, RecipientUnreachable):
                    await self.posts.no_news(post)
                await self.posts.close(post, "failed", error.code)
