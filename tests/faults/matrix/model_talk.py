"""The same with the demo model in vLLM, whose words nobody knows beforehand.

What the database calls the whole answer must stand in the chat, in one message, once; and whatever
that message showed before must have been its beginning. One question a chat.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bots.telegram.text.render import render
from tests.faults.matrix.judge import Chat, Verdict
from tests.faults.matrix.platform import PLACEHOLDER, Shown, says_nothing
from tests.faults.matrix.questions import Question, plain

QUESTIONS = (
    "Write a story about a dog who lives by the sea.",
    "Tell me in many words how bread is baked.",
    "What are the planets, and what is each of them like?",
    "Explain to a child why it rains.",
)
MARKS = str.maketrans("", "", "*_`#>~|-•—")


@dataclass(frozen=True, slots=True)
class ModelTalk:
    span_seconds: float = 5.0
    limit_seconds: float = 240.0

    @property
    def settings(self) -> Mapping[str, str]:
        return {
            "ENGINE__PROFILE": "demo",
            "ASSISTANT__ANSWER_TOKENS": "80",
            "ASSISTANT__LEASE_SECONDS": "5",
            "ASSISTANT__CHECKPOINT_SECONDS": "0.2",
        }

    def questions(self, chance: random.Random, chat: int, alone: bool) -> list[Question]:
        return [Question("", chance.choice(QUESTIONS), 0.0)]

    def answered(self, asked: Sequence[Question], shown: Sequence[Shown]) -> bool:
        return any(not one.empty for one in shown)

    async def judge(self, chat: Chat) -> Verdict:
        verdict = Verdict()
        replies = [turn.reply for turn in chat.turns if turn.state == "done"]
        whole = bare(render(replies[0]).text) if len(replies) == 1 else ""
        standing = [bare(one.text) for one in chat.shown if not one.deleted and not one.empty]
        if whole not in standing or not whole:
            verdict.lost = 1
            verdict.notes.append(f"{chat.name} shows {standing}\n    not {whole!r}")
        spoke = [one for one in chat.shown if any(bare(text) for text in one.texts)]
        verdict.doubled = max(0, len(spoke) - 1)
        for text in (text for one in chat.shown for text in one.texts):
            if not says_nothing(text) and bare(text) not in whole:
                verdict.garbled = 1
                verdict.notes.append(f"{chat.name} once showed {text!r}")
        verdict.left = sum(one.empty and not one.deleted for one in chat.shown)
        verdict.uncounted = max(
            0, verdict.left - sum(turn.placeholders_left for turn in chat.turns)
        )
        return verdict


def bare(text: str) -> str:
    """Without Markdown's marks, which an unfinished text may show and the finished doesn't."""
    return plain(text.replace(PLACEHOLDER, "").translate(MARKS))
