"""The API's requests through Postgres, a worker and an engine: raw prompts, images, embeddings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from assistant.answering import embeddings
from assistant.answering.embeddings import EmbeddingWorker, unpacked
from assistant.errors import EmbeddingFailed
from assistant.messages import ChatRef
from inference.api import ChatMessage, Embeddings, Image, Sampling
from inference.scripted import EMBEDDING_SIZE, ScriptedEngine
from inference.settings import ScriptedSettings
from tests.support.house import House, house, running, until, working
from tests.support.pictures import png

CHAT = ChatRef("api", "default", "request-1")


@pytest_asyncio.fixture
async def home(database_url: str, redis_url: str) -> AsyncIterator[House]:
    async with house(database_url, redis_url) as built:
        yield built


@asynccontextmanager
async def embedder(home: House, engine: ScriptedEngine | None = None) -> AsyncIterator[None]:
    """A worker whose engine makes embeddings."""
    engine = engine or ScriptedEngine(ScriptedSettings(embeddings=True))
    worker = home.worker(engine)
    embedding = EmbeddingWorker(home.redis, worker.supervisor).run()
    async with working(worker), running(asyncio.create_task(embedding)):
        yield


async def test_a_raw_prompt_goes_on_from_its_checkpoint_where_its_worker_broke_off(
    home: House,
) -> None:
    pace = {"tokens_per_second": 50.0, "answer_tokens": 60}
    asked = [ChatMessage("raw", "Once upon a time")]
    turn = (await home.service.accept_request(CHAT, asked, Sampling())).turn_id
    async with working(home.worker(ScriptedEngine(ScriptedSettings(**pace, fail_after_tokens=40)))):
        await until(lambda: _failed_once(home))
    (kept,) = await home.rows("SELECT prompt_messages, reply_token_ids FROM turns")
    assert kept.prompt_messages == [["raw", "Once upon a time"]]
    assert len(kept.reply_token_ids) > 0
    async with working(home.worker(ScriptedEngine(ScriptedSettings(**pace)), "another")):
        text, last = await home.answer(turn)
    assert text.startswith("You wrote 1 message, the last one: Once upon a time")
    assert (last.state, last.output_tokens) == ("done", 60)


async def _failed_once(home: House) -> bool:
    return bool(await home.rows("SELECT FROM attempts WHERE error = 'engine_unavailable'"))


async def test_images_of_several_messages_are_stored_with_theirs_and_shown(home: House) -> None:
    def picture(width: int) -> Image:
        return Image("image/png", png(width), width, 3)

    asked = [
        ChatMessage("user", "first", (picture(4),)),
        ChatMessage("assistant", "one"),
        ChatMessage("user", "second", (picture(5), picture(6))),
    ]
    turn = (await home.service.accept_request(CHAT, asked, Sampling())).turn_id
    async with working(home.worker(ScriptedEngine(ScriptedSettings(vision=True)))):
        text, _ = await home.answer(turn)
    assert text.startswith("You wrote 2 messages, with 2 images, the last one: second")
    stored = await home.rows(
        "SELECT messages.text, array_agg(width ORDER BY position) AS widths"
        " FROM attachments JOIN messages ON messages.id = message_id GROUP BY messages.id, 1"
        " ORDER BY messages.id"
    )
    assert [tuple(row) for row in stored] == [("first", [4]), ("second", [5, 6])]


async def test_cached_tokens_reach_who_follows(home: House) -> None:
    turn = (await home.service.accept_request(CHAT, [ChatMessage("user", "x")], Sampling())).turn_id
    async with working(home.worker(ScriptedEngine())):
        await home.answer(turn)
    await home.rows("UPDATE turns SET cached_tokens = 7")
    await home.redis.flushall()  # it is read from Postgres then
    assert (await home.answer(turn))[1].cached_tokens == 7


async def test_embeddings_are_made_by_a_worker_that_serves_them(home: House) -> None:
    async with embedder(home):
        found = await home.service.embed("scripted", ["a b", "a b", "c"])
    first, again, other = map(unpacked, found.vectors)
    assert first == again != other
    assert len(first) == EMBEDDING_SIZE
    assert found.prompt_tokens == 5


async def test_a_text_that_is_too_long_fails_in_its_own_words_and_harms_no_other(
    home: House,
) -> None:
    async with embedder(home):
        long = home.service.embed("scripted", ["word " * 9000])
        fine, refused = await asyncio.gather(
            home.service.embed("scripted", ["fine"]), long, return_exceptions=True
        )
    assert fine.prompt_tokens == 1
    assert isinstance(refused, EmbeddingFailed)
    assert refused.code == "prompt_too_long"
    assert "shorten it" in str(refused)


async def test_what_a_worker_took_to_its_grave_is_answered_by_another(home: House) -> None:
    asking = asyncio.create_task(home.service.embed("scripted", ["fine"]))
    taken = await home.redis.blpop(["outrider:embeddings:scripted"], timeout=5)
    assert taken is not None
    async with embedder(home):
        assert (await asking).prompt_tokens == 1


async def test_who_leaves_takes_the_request_along(home: House) -> None:
    asking = asyncio.create_task(home.service.embed("scripted", ["fine"]))
    await until(lambda: home.redis.llen("outrider:embeddings:scripted"))
    assert await home.redis.keys("outrider:embedding:*")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not await home.redis.keys("outrider:embedding:*")


class SlowEmbedder(ScriptedEngine):
    asked = 0

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        self.asked += 1
        await asyncio.sleep(1.5)
        return await ScriptedEngine.embed(self, texts)


async def test_what_a_worker_is_still_at_is_offered_to_nobody_else(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "OFFER_AGAIN_SECONDS", 0.2)
    engine = SlowEmbedder(ScriptedSettings(embeddings=True))
    async with embedder(home, engine):
        await home.service.embed("scripted", ["The cat sat."])
    assert engine.asked == 1
