"""What is said in a run, and what answers to it are right: the scripted engine's, or a model's."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tests.faults.matrix.judge import Chat, Verdict, judge
from tests.faults.matrix.platform import Shown
from tests.faults.matrix.questions import Pace, Question, make_long_question, make_question

LONG_SHARE = 0.04


class Talk(Protocol):
    """`span_seconds`: how long an answer takes, so that a blow falls within. After `limit_seconds`
    what is not answered is lost."""

    @property
    def span_seconds(self) -> float: ...

    @property
    def limit_seconds(self) -> float: ...

    @property
    def settings(self) -> Mapping[str, str]:
        """The environment of the processes, without its prefix."""
        ...

    def questions(self, chance: random.Random, chat: int, alone: bool) -> list[Question]:
        """What one person asks. `alone`: one question only."""
        ...

    def answered(self, asked: Sequence[Question], shown: Sequence[Shown]) -> bool:
        """Quickly and roughly: is there something to judge?"""
        ...

    async def judge(self, chat: Chat) -> Verdict: ...


@dataclass(frozen=True, slots=True)
class ScriptedTalk:
    pace: Pace = field(default_factory=Pace)
    span_seconds: float = 1.4
    limit_seconds: float = 240.0  # at a platform's real rates four chats take their time

    @property
    def settings(self) -> Mapping[str, str]:
        return {
            "ENGINE__PROFILE": "scripted",
            "ENGINE__SCRIPTED__ANSWER_TOKENS": str(self.pace.answer_tokens),
            "ENGINE__SCRIPTED__TOKENS_PER_SECOND": str(self.pace.tokens_per_second),
            "ENGINE__SCRIPTED__FIRST_TOKEN_SECONDS": str(self.pace.first_token_seconds),
            "ASSISTANT__LEASE_SECONDS": "1",
            "ASSISTANT__CHECKPOINT_SECONDS": "0.2",
        }

    def questions(self, chance: random.Random, chat: int, alone: bool) -> list[Question]:
        moment, made = 0.0, []
        for position in range(1 if alone else chance.choice((1, 1, 2, 3))):
            moment += chance.choice((0.0, 0.05, 0.4, 1.0)) if position else 0.0
            tag = f"zq{chat:02}{position}{chance.randrange(16**4):04x}"
            make = make_long_question if chance.random() < LONG_SHARE else make_question
            made.append(make(chance, tag, moment))
        return made

    def answered(self, asked: Sequence[Question], shown: Sequence[Shown]) -> bool:
        return all(any(question.tag in one.text for one in shown) for question in asked)

    async def judge(self, chat: Chat) -> Verdict:
        return await judge(chat, self.pace)
