"""What a person in Telegram waits for, against a strict server: 50 ms away, flood limits and all.

The whole program (`outrider run`) talks to the fake Bot API server; its engine recites an answer,
200 ms to the first of 30 words a second. Times begin when the update has come to us, half a round
trip after the question, and end when a call has come to the server, half a round trip after we made
it. The model's end is the database's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg

from assistant.storage.embedded import embedded_valkey
from tests.benchmarks.postgres import measured_postgres
from tests.benchmarks.program import scratch, started
from tests.benchmarks.reciting import LONG, LONG_ANSWER, SHORT_ANSWER
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.fakes.telegram.chats import Message
from tests.fakes.telegram.server import FakeTelegram
from tests.support.program import Program

ROUND_TRIP_SECONDS = 0.05
REST_SECONDS = 5.0  # until a chat's burst is whole again
GIVE_UP_SECONDS = 300.0
WRITING = frozenset({"sendmessage", "editmessagetext"})
ENDED = """
SELECT chat_id, extract(epoch FROM finished_at)::float8 FROM turns
JOIN conversations ON conversations.id = conversation_id
WHERE turns.finished_at IS NOT NULL ORDER BY turns.id
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer as it came into its chat; times in seconds of the server's clock."""

    asked: float
    ended: float  # by the model
    life: float
    messages: Sequence[Message]

    def versions(self) -> Iterator[tuple[float, int]]:
        """When text came, and how much of the answer then stood there."""
        lengths: dict[int, int] = {}
        moments = sorted(
            (version.at, message.message_id, len(version.text))
            for message in self.messages
            for version in message.versions
            if version.text not in ("", "…")
        )
        for at, message_id, length in moments:
            before = sum(lengths.values())
            lengths[message_id] = length
            if sum(lengths.values()) > before:
                yield at, sum(lengths.values())

    @property
    def first_text(self) -> float:
        return next(self.versions())[0]

    @property
    def whole(self) -> float:
        return max(at for at, _ in self.versions())

    @property
    def freeze(self) -> float:
        """The longest time in which nothing came, from the first text to the whole; 0 where the
        whole came at once."""
        waits = (later - earlier for (earlier, _), (later, _) in pairwise(self.versions()))
        return max(waits, default=0.0)

    @property
    def text(self) -> str:
        return "\n".join(message.text for message in self.messages)


@dataclass(frozen=True, slots=True)
class Answers:
    seen: Sequence[Seen]
    calls: int  # that write into a chat
    refused: int

    def rows(self, how: str, targets: dict[str, Target]) -> list[Row]:
        measured = {
            "to the first sign of life": ("s", [one.life - one.asked for one in self.seen]),
            "to the first text": ("s", [one.first_text - one.asked for one in self.seen]),
            "from the model's end to the whole text": (
                "s",
                [one.whole - one.ended for one in self.seen],
            ),
            "longest freeze": ("s", [one.freeze for one in self.seen]),
            "calls an answer": ("", [self.calls / len(self.seen)]),
            "flood errors": ("", [float(self.refused)]),
        }
        return [
            Row(f"{how}: {what}", unit, values, targets.get(what))
            for what, (unit, values) in measured.items()
        ]


async def measure(effort: Effort) -> Table:
    rounds = effort.repetitions(20, quick=2)
    crowds = (10,) if effort.quick else (50, 100)
    rows: list[Row] = []
    with scratch() as folder:
        async with _talking(folder) as (telegram, postgres):
            chats = iter(range(1001, 10_000))  # no bot has such an id
            await _answers(telegram, postgres, [next(chats)], SHORT_ANSWER, "hello")
            alone = [
                await _answers(telegram, postgres, [next(chats)], SHORT_ANSWER, "hello")
                for _ in range(rounds)
            ]
            rows += _together(alone).rows("one chat", ALONE)
            long = await _answers(telegram, postgres, [next(chats)], LONG_ANSWER, LONG)
            rows += long.rows(f"{len(LONG_ANSWER.split()):,} words with code", FLOODLESS)
            for crowd in crowds:
                await asyncio.sleep(REST_SECONDS)
                ids = [next(chats) for _ in range(crowd)]
                found = await _answers(telegram, postgres, ids, SHORT_ANSWER, "hello")
                rows += found.rows(f"{crowd} chats at once", FLOODLESS)
    return Table(
        "Telegram, as a person sees it",
        rows,
        [
            f"a fake Bot API server {ROUND_TRIP_SECONDS * 1000:g} ms away: a chat takes one call "
            "a second with a burst of three, all chats together 30 a second; edits count",
            f"an answer has {len(SHORT_ANSWER.split())} words, 30 a second after 200 ms; each was "
            "compared with what stands in the chat, which has it whole and once",
            "a freeze is the longest time without new text while an answer grows; where a long one "
            "goes on in a further message, three calls instead of one have to find their time",
        ],
    )


FLOODLESS = {"flood errors": Target("at most", 0)}
ALONE = {
    "to the first sign of life": Target("at most", 0.03),
    "to the first text": Target("at most", 0.29),
    "from the model's end to the whole text": Target("at most", 0.085),
    "longest freeze": Target("at most", 1.1),
    **FLOODLESS,
}


def _together(answers: Sequence[Answers]) -> Answers:
    return Answers(
        [one for found in answers for one in found.seen],
        sum(found.calls for found in answers),
        sum(found.refused for found in answers),
    )


@asynccontextmanager
async def _talking(folder: Path) -> AsyncIterator[tuple[FakeTelegram, str]]:
    async with (
        measured_postgres(folder) as postgres,
        embedded_valkey(folder) as redis,
        FakeTelegram(latency_seconds=ROUND_TRIP_SECONDS) as telegram,
    ):
        settings = {
            "DATABASE_URL": postgres,
            "REDIS_URL": redis,
            "TELEGRAM__TOKEN": telegram.token,
            "TELEGRAM__BASE_URL": telegram.url,
            "TELEGRAM__ACCESS": "open",
            "ENGINE__SCRIPTED__TOKENS_PER_SECOND": "30",
            "ENGINE__SCRIPTED__FIRST_TOKEN_SECONDS": "0.2",
            "ASSISTANT__CONCURRENT_TURNS": "200",
        }
        program = Program(folder / "data", settings, module="tests.benchmarks.reciting")
        async with started(program):
            await telegram.until(lambda: telegram.calls_of("getUpdates"), 60)
            await asyncio.sleep(REST_SECONDS)
            yield telegram, postgres


async def _answers(
    telegram: FakeTelegram, postgres: str, chats: Sequence[int], answer: str, question: str
) -> Answers:
    """Ask in all of these chats at once. Raises RuntimeError unless each has its answer, once."""
    before = len(telegram.calls)
    asked = {}
    for chat in chats:
        asked[chat] = telegram.now() + ROUND_TRIP_SECONDS / 2  # when we hear of it
        telegram.user_says(chat, question)
    ending = answer.replace("*", "")[-20:]
    await telegram.until(
        lambda: all(_ends(telegram, chat, ending) for chat in chats), GIVE_UP_SECONDS
    )
    await asyncio.sleep(2 * ROUND_TRIP_SECONDS + 0.3)  # what comes after would be too much
    ended = await _ended(postgres, time.time() - telegram.now())
    made = [call for call in telegram.calls[before:] if call.method.lower() in WRITING]
    seen = [_seen(telegram, chat, asked[chat], ended[str(chat)]) for chat in chats]
    for one in seen:
        _compare(one, answer)
    return Answers(seen, len(made), sum(call.refusal != "" for call in made))


def _ends(telegram: FakeTelegram, chat: int, ending: str) -> bool:
    messages = telegram.messages(chat)
    return bool(messages) and messages[-1].text.rstrip("\n").endswith(ending)


def _seen(telegram: FakeTelegram, chat: int, asked: float, ended: float) -> Seen:
    messages = telegram.messages(chat)
    posted = messages[0].versions[0].at
    typing = [at for at, _ in telegram.chat(chat).actions]
    return Seen(asked, ended, min([posted, *typing]), messages)


async def _ended(postgres: str, began: float) -> dict[str, float]:
    """When the model ended, by chat. `began`: the server's first moment in Unix time."""
    async with await psycopg.AsyncConnection.connect(postgres) as connection:
        rows: list[Any] = await (await connection.execute(ENDED)).fetchall()
    return {chat: at - began for chat, at in rows}


def _compare(one: Seen, answer: str) -> None:
    """All words, code with its lines whole, in order and once."""
    shown = one.text.split()
    given = answer.replace("```python", "").replace("```", "").replace("**", "").split()
    given = [word for word in given if word != "#"]
    if shown != given:
        at = next((n for n, pair in enumerate(zip(shown, given)) if len(set(pair)) > 1), -1)  # noqa: B905
        raise RuntimeError(
            f"another text stands there: {shown[at : at + 9]}, not {given[at : at + 9]}"
        )
