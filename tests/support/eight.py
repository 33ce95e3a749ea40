"""Eight conversations that are answered at once, and what must hold when an engine dies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.messages import ChatRef
from tests.support.house import House, until

QUESTIONS = (
    "Write a long story about a fisherman and the sea.",
    "Explain in detail how a steam engine works.",
    "Tell me the history of Rome, from its beginning to its end.",
    "Write a long letter to a friend about a journey through the mountains.",
    "Explain in detail how plants grow, from the seed to the fruit.",
    "Write a long story about a lost dog that finds its way home.",
    "Write a detailed essay about the history of the printing press.",
    "Explain in detail how a computer works, part by part.",
)
SECONDS = 120.0  # how long anything here may hang before the test gives up


@dataclass(frozen=True, slots=True)
class Eight:
    """The turns of eight new chats, each with its own question."""

    home: House
    chats: Sequence[str]
    turns: Sequence[int]

    async def all_begun(self) -> None:
        """Until a person sees text of each, none of which is whole."""
        await until(lambda: all(self._text(chat) for chat in self.chats), SECONDS)

    async def texts(self) -> list[str]:
        """What stands in each chat in the end: one message, and no error."""
        await until(self._ended, SECONDS)
        await until(lambda: all(self._final(chat) for chat in self.chats), SECONDS)
        return [self._text(chat) for chat in self.chats]

    async def running(self) -> list[tuple[str, int]]:
        """Who answers how many of them now, the busiest first."""
        found = await self.home.rows(
            "SELECT lease_owner, count(*) FROM turns WHERE id = ANY(%(turns)s)"
            " AND state = 'running' AND lease_owner IS NOT NULL GROUP BY 1 ORDER BY 2 DESC",
            {"turns": list(self.turns)},
        )
        return [(str(owner), int(count)) for owner, count in found]

    async def states(self) -> set[str]:
        found = await self.home.rows(
            "SELECT DISTINCT state FROM turns WHERE id = ANY(%(turns)s)",
            {"turns": list(self.turns)},
        )
        return {str(state) for (state,) in found}

    async def attempts(self) -> list[int]:
        found = await self.home.rows(
            "SELECT attempt FROM turns WHERE id = ANY(%(turns)s) ORDER BY id",
            {"turns": list(self.turns)},
        )
        return [int(attempt) for (attempt,) in found]

    async def _ended(self) -> bool:
        return not await self.states() & {"queued", "running"}

    def _text(self, chat: str) -> str:
        return "".join(one.text for one in self.home.screen.chats[chat])

    def _final(self, chat: str) -> bool:
        shown = self.home.screen.chats[chat]
        return len(shown) == 1 and shown[0].final


async def ask_all(home: House, name: str) -> Eight:
    """The same questions for any `name`; chats are private, so their prompts are equal too."""
    chats = [f"{name}-{number}" for number in range(len(QUESTIONS))]
    asked = [
        await home.say(question, ChatRef("telegram", "default", chat))
        for chat, question in zip(chats, QUESTIONS, strict=True)
    ]
    return Eight(home, chats, [one.turn_id for one in asked])
