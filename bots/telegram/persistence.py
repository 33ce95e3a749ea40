"""Call Telegram until it works: what is wrong is a clear line in the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from telegram.error import Conflict, InvalidToken, TelegramError

from assistant.errors import RateLimited
from bots.telegram.backoff import Backoff
from bots.telegram.failures import translate
from bots.telegram.settings import name_of

_Result = TypeVar("_Result")
_log = structlog.get_logger()


@dataclass(slots=True)
class Persistence:
    account: str
    backoff: Backoff
    _refused: bool = field(default=False, init=False)  # and said so

    async def until_done(self, call: Callable[[], Awaitable[_Result]]) -> _Result:
        while True:
            try:
                result = await call()
            except TelegramError as error:
                await self.backoff.pause(self._explain(error))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                # 200, and an answer that the library can't read
                _log.warning("telegram_answer_unreadable", error=type(error).__name__)
                await self.backoff.pause()
            else:
                self.backoff.reset()
                self._refused = False
                return result

    def _explain(self, error: TelegramError) -> float:
        """Log what is wrong; the return value is the shortest pause in seconds."""
        if isinstance(error, Conflict):
            hint = "Another program asks for this bot's updates. Stop it, or use another token."
            _log.error("telegram_other_poller", account=self.account, hint=hint)
            return 0.0
        if isinstance(error, InvalidToken):
            if not self._refused:
                named = name_of(self.account, "token")
                hint = f"Check {named}: @BotFather shows the current token."
                _log.error("telegram_token_refused", account=self.account, hint=hint)
            self._refused = True
            return self.backoff.longest
        failure = translate(error, repeatable=True)
        _log.warning("telegram_unreachable", account=self.account, error=str(failure))
        return failure.retry_after_seconds if isinstance(failure, RateLimited) else 0.0
