"""What is asked in a run, and the exact answers: the scripted engine's are a function of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from inference.api import ChatMessage, GenerationRequest, Sampling
from inference.scripted import ScriptedEngine
from inference.settings import ScriptedSettings

STORY = (
    "why does the river bend here and not there while stones roll down all summer long tell me "
    "more about trains clouds bread copper lanterns and the man who counted every step"
)
WORDS = tuple(STORY.split())
FOREIGN = ("🚀", "👩‍🚀🎉", "你好世界", "ありがとう", "🏳️‍🌈", "naïve", "Größe", "한국어")
LONG_WORD = "antidisestablishmentarianism"
BEGINNING = "You wrote"  # every answer of the script's


@dataclass(frozen=True, slots=True)
class Question:
    """`tag` is a word that stands in no other question: by it an answer is recognised."""

    tag: str
    text: str
    after_seconds: float  # from the run's beginning


@dataclass(frozen=True, slots=True)
class Pace:
    """How the scripted engine talks, in a lane."""

    answer_tokens: int = 40
    tokens_per_second: float = 80.0
    first_token_seconds: float = 0.1


def make_question(chance: random.Random, tag: str, after_seconds: float) -> Question:
    words = chance.sample(WORDS, chance.randint(3, 12))
    for foreign in chance.sample(FOREIGN, chance.choice((0, 0, 1, 3))):
        words.insert(chance.randrange(len(words) + 1), foreign)
    words.insert(chance.randrange(len(words) + 1), tag)
    if chance.random() < 0.2:
        words.append(chance.choice(("in emoji", "with cjk", "emoji and cjk")))
    return Question(tag, " ".join(words), after_seconds)


def make_long_question(chance: random.Random, tag: str, after_seconds: float) -> Question:
    """Its answer, which repeats it, is too long for one message of Telegram's."""
    return Question(tag, " ".join([tag, *[LONG_WORD * 4] * 36]), after_seconds)


async def answer_text(earlier: int, questions: Sequence[Question], pace: Pace) -> str:
    """The answer to these questions together, after so many earlier exchanges."""
    settings = ScriptedSettings(answer_tokens=pace.answer_tokens, tokens_per_second=1e9)
    engine = ScriptedEngine(settings)
    await engine.start(lambda line, share: None)
    asked = [*["earlier"] * earlier, "\n\n".join(one.text for one in questions)]
    prompt = await engine.render([ChatMessage("user", text) for text in asked])
    request = GenerationRequest("expected", prompt, Sampling(), ())
    return "".join([delta.text async for delta in engine.generate(request)])


def plain(text: str) -> str:
    """Without what a renderer may change: the kind and number of blanks."""
    return " ".join(text.split())
