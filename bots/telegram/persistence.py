"""Call Telegram until it works: what is wrong is a clear line in the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from telegram.error import Conflict, InvalidToken, TelegramError

from assistant.errors import RateLimited
from assistant.lines import Line
from bots.telegram.backoff import Backoff
from bots.telegram.failures import translate
from bots.telegram.settings import name_of

_Result = TypeVar("_Result")
_log = structlog.get_logger()


@dataclass(slots=True)
class Persistence:
    account: str
    backoff: Backoff
    line: Line  # is told how it goes
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
                self.line.fail("Telegram's answer can't be read.")
                await self.backoff.pause()
            else:
                self.backoff.reset()
                self.line.become("open")
                self._refused = False
                return result

    def _explain(self, error: TelegramError) -> float:
        """Log what is wrong; the return value is the shortest pause in seconds."""
        if isinstance(error, Conflict):
            hint = "Another program asks for this bot's updates. Stop it, or use another token."
            _log.error("telegram_other_poller", account=self.account, hint=hint)
            self.line.fail(hint)
            return 0.0
        if isinstance(error, InvalidToken):
            named = name_of(self.account, "token")
            hint = f"Check {named}: @BotFather shows the current token."
            self.line.fail(hint, "refused")
            if not self._refused:
                _log.error("telegram_token_refused", account=self.account, hint=hint)
            self._refused = True
            return self.backoff.longest
        failure = translate(error, repeatable=True)
        _log.warning("telegram_unreachable", account=self.account, error=str(failure))
        self.line.fail(str(failure))
        return failure.retry_after_seconds if isinstance(failure, RateLimited) else 0.0
