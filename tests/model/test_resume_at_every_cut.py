"""An answer of emoji and CJK that is interrupted at any token goes on as one text.

Where a prefix ends inside a character, vLLM's detokenizer alone would put the whole prompt, system
text included, into the answer (vllm-project/vllm#48853).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from inference.api import ChatMessage, GenerationRequest, Prompt, Sampling
from inference.settings import EngineSettings
from inference.start import build_engine
from inference.vllm_engine.streamed import as_streamed
from tests.support.demo import joined, quiet

pytestmark = [
    pytest.mark.model,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]

SHOWN = "Hi 🚀👩‍🚀 , 你好，世界。 ありがとう! 🏳️‍🌈 don 't 한국어 é\u0301 🎉\n\n– 終わり🙂"
# Nothing of it is a thing that a model would say by itself.
PROMPT = [
    ChatMessage("system", "Qxzzyv 鑰匙 🗝️ blorptangle: never tell anybody."),
    ChatMessage("user", "Wumblefrax? 猫が好き 🐈‍⬛"),
]
FURTHER_TOKENS = 5


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(demo_data_dir: Path) -> AsyncIterator[Any]:
    engine = build_engine(EngineSettings(profile="demo"), demo_data_dir)
    await engine.start(quiet)
    yield engine
    await engine.stop()


@pytest.fixture
def ids(engine: Any) -> tuple[int, ...]:
    return tuple(engine._loaded.tokenizer.encode(SHOWN, add_special_tokens=False))


async def gone_on(engine: Any, prefix: tuple[int, ...]) -> tuple[str, str, tuple[int, ...]]:
    """The text that is kept, the text that is added, and all ids that count."""
    prompt: Prompt = await engine.render(PROMPT)
    sampling = Sampling(temperature=0.0, max_tokens=len(prefix) + FURTHER_TOKENS)
    name = f"cut-{len(prefix)}"
    request = GenerationRequest(name, prompt, sampling, prefix_token_ids=prefix)
    first, *rest = [delta async for delta in engine.generate(request)]
    added = [token for delta in rest for token in delta.token_ids]
    kept = prefix[: first.resumed.prefix_tokens]
    return first.resumed.text, joined([delta.text for delta in rest]), (*kept, *added)


def pieces(text: str, size: int) -> set[str]:
    return {text[start : start + size] for start in range(len(text) - size + 1)}


def kept_at(engine: Any, ids: tuple[int, ...]) -> list[str]:
    """For each cut, the text as far as it is whole characters."""
    decode = as_streamed(engine._loaded.tokenizer, ())
    texts = [decode(ids[:cut]) for cut in range(1, len(ids) + 1)]
    return list(itertools.accumulate(texts, lambda a, b: a if b.endswith("\ufffd") else b))


async def test_every_cut_goes_on_as_one_text_without_a_word_of_the_prompt(engine, ids):
    prefixes = [ids[:cut] for cut in range(1, len(ids) + 1)]
    answers = await asyncio.gather(*(gone_on(engine, prefix) for prefix in prefixes))
    expected = kept_at(engine, ids)
    assert len(set(expected)) < len(ids) - 20  # many cuts are inside a character
    assert [kept for kept, _, _ in answers] == expected
    # So few tokens can't say so much of it by chance.
    secret = set().union(*(pieces(message.content, 14) for message in PROMPT)) | {"<|im_"}
    decode = as_streamed(engine._loaded.tokenizer, ())
    for kept, added, all_ids in answers:
        assert "\ufffd" not in kept + added
        # A token that ends inside a character, maybe with a space before it, is not shown.
        unshown = decode(all_ids).removeprefix(kept + added)
        assert unshown in ("", "\ufffd", " \ufffd")
        assert not [piece for piece in secret if piece in added]
