import pytest

from inference.api import ChatMessage, GenerationRequest, Sampling
from inference.errors import EngineUnavailable
from inference.scripted import ScriptedEngine, id_of, tokens_of
from inference.settings import ScriptedSettings
from tests.support.demo import quiet


async def answer(messages, settings=None, **sampling) -> list:
    engine = ScriptedEngine(settings or ScriptedSettings(tokens_per_second=5000))
    await engine.start(quiet)
    request = GenerationRequest("one", await engine.render(messages), Sampling(**sampling))
    return [delta async for delta in engine.generate(request)]


def text_of(deltas) -> str:
    return "".join(delta.text for delta in deltas)


async def test_the_answer_shows_the_last_message_and_how_many_there_were():
    history = [
        ChatMessage("user", "first"),
        ChatMessage("assistant", "yes"),
        ChatMessage("user", "second thing"),
    ]
    assert text_of(await answer(history)).startswith(
        "You wrote 2 messages, the last one: second thing"
    )


async def test_emoji_and_cjk_come_when_asked_for():
    text = text_of(await answer([ChatMessage("user", "some emoji and CJK please")]))
    assert "👩‍🚀" in text
    assert "你好" in text


async def test_ids_are_those_of_the_words():
    deltas = await answer([ChatMessage("user", "hi")])
    assert all(delta.token_ids == (id_of(delta.text),) for delta in deltas[:-1])


@pytest.mark.parametrize("text", ["", " ", "a", " a b\n c ", "one  two\t"])
def test_tokens_joined_are_the_text(text):
    assert "".join(tokens_of(text)) == text


async def test_a_stop_string_ends_the_answer_before_it():
    text = text_of(await answer([ChatMessage("user", "hi")], stop=("story",)))
    assert text.endswith("so the ")
    assert "story" not in text


async def test_it_fails_where_it_is_told_to():
    settings = ScriptedSettings(tokens_per_second=5000, fail_after_tokens=3)
    engine = ScriptedEngine(settings)
    await engine.start(quiet)
    prompt = await engine.render([ChatMessage("user", "hi")])
    seen = []
    with pytest.raises(EngineUnavailable):
        async for delta in engine.generate(GenerationRequest("one", prompt)):
            seen.append(delta)
    assert len(seen) == 3


async def test_the_pace_is_the_settings(monkeypatch):
    """By the moments it waits for, not by a clock."""
    waited = []
    engine = ScriptedEngine(ScriptedSettings(tokens_per_second=10, first_token_seconds=2))

    async def note(moment):
        waited.append(moment)

    monkeypatch.setattr(engine, "_wait_until", note)
    await engine.start(quiet)
    prompt = await engine.render([ChatMessage("user", "hi")])
    async for _ in engine.generate(GenerationRequest("one", prompt, Sampling(max_tokens=3))):
        pass
    assert [round(moment - waited[0], 6) for moment in waited] == [0.0, 0.1, 0.2]
