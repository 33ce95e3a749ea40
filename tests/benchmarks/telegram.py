"""What a person in Telegram waits for, against a strict server: 50 ms away, flood limits and all.

The whole program (`outrider run`) talks to the fake Bot API server; its engine recites an answer,
200 ms to the first of 30 words a second. Times begin when the update has come to us, half a round
trip after the question, and end when a call has come to the server, half a round trip after we made
it. The model's end is the database's.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.benchmarks.program import scratch
from tests.benchmarks.recital import ROUND_TRIP_SECONDS, recital
from tests.benchmarks.reciting import LONG, LONG_ANSWER, SHORT_ANSWER
from tests.benchmarks.seen import Answers, Seen, Text, ended, together
from tests.benchmarks.table import Effort, Row, Table, Target
from tests.fakes.telegram.server import FakeTelegram

REST_SECONDS = 5.0  # until a chat's burst is whole again
GIVE_UP_SECONDS = 300.0
WRITING = frozenset({"sendmessage", "editmessagetext"})
NAMES = {"life": "to the first sign of life", "refused": "flood errors"}


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
            rows += together(alone).rows("one chat", ALONE, **NAMES)
            long = await _answers(telegram, postgres, [next(chats)], LONG_ANSWER, LONG)
            how = f"{len(LONG_ANSWER.split()):,} words with code"
            rows += long.rows(how, FLOODLESS, **NAMES)
            for crowd in crowds:
                await asyncio.sleep(REST_SECONDS)
                ids = [next(chats) for _ in range(crowd)]
                found = await _answers(telegram, postgres, ids, SHORT_ANSWER, "hello")
                rows += found.rows(f"{crowd} chats at once", FLOODLESS, **NAMES)
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


FLOODLESS = {NAMES["refused"]: Target("at most", 0)}
ALONE = {
    NAMES["life"]: Target("at most", 0.03),
    "to the first text": Target("at most", 0.29),
    "from the model's end to the whole text": Target("at most", 0.085),
    "longest freeze": Target("at most", 1.1),
    **FLOODLESS,
}


@asynccontextmanager
async def _talking(folder: Path) -> AsyncIterator[tuple[FakeTelegram, str]]:
    async with FakeTelegram(latency_seconds=ROUND_TRIP_SECONDS) as telegram:
        settings = {
            "TELEGRAM__TOKEN": telegram.token,
            "TELEGRAM__BASE_URL": telegram.url,
            "TELEGRAM__ACCESS": "open",
        }
        async with recital(folder, settings) as playing:
            await telegram.until(lambda: telegram.calls_of("getUpdates"), 60)
            await asyncio.sleep(REST_SECONDS)
            yield telegram, playing.postgres


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
    began, found = time.time() - telegram.now(), await ended(postgres)
    made = [call for call in telegram.calls[before:] if call.method.lower() in WRITING]
    seen = [_seen(telegram, chat, asked[chat], found[str(chat), ""] - began) for chat in chats]
    for one in seen:
        one.compare(answer)
    calls = Counter(call.method for call in made)
    return Answers(seen, calls, sum(call.refusal != "" for call in made))


def _ends(telegram: FakeTelegram, chat: int, ending: str) -> bool:
    messages = telegram.messages(chat)
    return bool(messages) and messages[-1].text.rstrip("\n").endswith(ending)


def _seen(telegram: FakeTelegram, chat: int, asked: float, ended: float) -> Seen:
    messages = telegram.messages(chat)
    typing = [at for at, _ in telegram.chat(chat).actions]
    texts = [
        Text(version.at, number, version.text)
        for number, message in enumerate(messages)
        for version in message.versions
    ]
    return Seen(asked, ended, min([messages[0].versions[0].at, *typing]), texts)
