"""Who is answered, and who is told that they aren't: a person, and in a group once a day.

To another bot nothing is said but answers: a notice would be answered, and that with a notice.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from assistant.accounts import Account
from assistant.errors import MessageRefused, QuotaSpent, Silenced
from assistant.incoming.access import AccessPolicy
from assistant.incoming.loop_guard import LoopGuard
from assistant.incoming.spending import Spending
from assistant.messages import NO_MEMBER, ChatRef, IncomingMessage, Membership
from assistant.metrics import Metrics
from assistant.signals import Signals

log = structlog.get_logger()

AGAIN_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Admission:
    """All raise MessageRefused, with what the person is told, or Silenced: then nobody is."""

    access: AccessPolicy
    loop_guard: LoopGuard
    spending: Spending
    signals: Signals
    metrics: Metrics

    async def check_message(self, account: Account, message: IncomingMessage) -> None:
        chat, member = message.chat, message.member
        if not message.from_bot:
            await self.check(account, chat, message.sender_id, message.sender_name, member)
            await self.check_quota(
                account,
                chat,
                message.sender_id,
                event_id=message.event_id,
                message_id=message.message_id,
            )
            return
        try:
            await self.access.check(account, chat, message.sender_id, message.sender_name, member)
        except MessageRefused as refusal:
            raise self._ignored(message, refusal.code) from None
        if not await self.loop_guard.has_budget(account, message):
            raise self._ignored(message, "budget_spent")
        try:
            await self.spending.check(account, chat, message.sender_id)
        except QuotaSpent as refusal:
            raise self._ignored(message, refusal.code) from None

    async def check(
        self,
        account: Account,
        chat: ChatRef,
        sender_id: str,
        sender_name: str,
        member: Membership = NO_MEMBER,
        *,
        alone: bool = False,
    ) -> None:
        """`alone`: nobody else in the group sees what the person is told, so it is said again."""
        try:
            await self.access.check(account, chat, sender_id, sender_name, member)
        except MessageRefused:
            if alone or chat.kind != "group":
                raise
            told = _told("refused", account, chat, sender_id)
            if not await self.signals.first(told, AGAIN_SECONDS):
                raise Silenced("The person was told already.") from None
            raise

    async def check_quota(
        self,
        account: Account,
        chat: ChatRef,
        sender_id: str,
        *,
        event_id: str = "",
        message_id: str = "",
        writes: bool = True,
    ) -> None:
        """See `Spending.check`. A group hears once of each who has nothing left."""
        try:
            await self.spending.check(
                account, chat, sender_id, event_id=event_id, message_id=message_id, writes=writes
            )
        except QuotaSpent as refusal:
            if chat.kind != "group":
                raise
            told = _told("spent", account, chat, sender_id)
            seconds = min(int(refusal.retry_after_seconds) + 1, AGAIN_SECONDS)
            if not await self.signals.first(told, seconds):
                raise Silenced("The person was told already.") from None
            raise

    async def untold(self, account: Account, chat: ChatRef, sender_id: str) -> None:
        """What they were refused didn't reach them: they are told the next time."""
        marks = [_told(why, account, chat, sender_id) for why in ("refused", "spent")]
        await self.signals.forget(*marks)

    def _ignored(self, message: IncomingMessage, reason: str) -> Silenced:
        chat = message.chat
        self.metrics.bot_ignored(chat.channel)
        log.warning(
            "bot_ignored",
            channel=chat.channel,
            chat=chat.chat_id,
            bot=message.sender_id,
            reason=reason,
        )
        return Silenced("Another bot is not answered.")


def _told(why: str, account: Account, chat: ChatRef, sender_id: str) -> str:
    return f"{why}:{account.id}:{chat.chat_id}:{sender_id}"
