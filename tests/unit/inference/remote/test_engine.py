"""What a remote endpoint can do to us, each one clear error."""

import json
import re

import httpx
import pytest
from pydantic import SecretStr

from inference.api import ChatMessage, GenerationRequest, OutputFormat, Resumed, Sampling
from inference.errors import (
    BadGrammar,
    EngineOverloaded,
    EngineUnavailable,
    ModelNotFound,
    ProfileRefused,
    PromptTooLong,
    SamplingRefused,
)
from inference.profiles import profile_named
from inference.remote import engine as remote_engine
from inference.remote.engine import RemoteEngine
from inference.settings import EngineSettings
from tests.fakes.openai_server import KEY, MAX_MODEL_LEN, MODEL, OpenAiServer
from tests.support.demo import quiet

QUESTION = [ChatMessage("user", "Hello there")]
ADDRESSED = EngineSettings(profile="remote", base_url="http://endpoint/v1")


@pytest.fixture
async def server():
    server = OpenAiServer()
    await server.start()
    yield server
    await server.stop()


def remote(server: OpenAiServer, **settings) -> RemoteEngine:
    chosen = {"api_key": SecretStr(KEY), "base_url": server.base_url} | settings
    return RemoteEngine(EngineSettings(profile="remote", **chosen), profile_named("remote"))


@pytest.fixture
async def engine(server):
    engine = remote(server)
    await engine.start(quiet)
    yield engine
    await engine.stop()


async def answer(engine: RemoteEngine, begun: str = "", **sampling) -> list:
    prompt = await engine.render(QUESTION)
    request = GenerationRequest("one", prompt, Sampling(**sampling), prefix_text=begun)
    return [delta async for delta in engine.generate(request)]


def text_of(deltas: list) -> str:
    return "".join(delta.text for delta in deltas)


async def test_model_and_window_are_the_endpoints_own(engine):
    assert (engine.info.model, engine.info.max_model_len) == (MODEL, MAX_MODEL_LEN)


async def test_sampling_and_history_reach_the_endpoint(engine, server):
    await answer(engine, temperature=0.3, top_p=0.8, max_tokens=4, seed=7, stop=("END",))
    sent = server.requests[-1]
    assert (sent["temperature"], sent["top_p"], sent["max_tokens"], sent["seed"]) == (
        0.3,
        0.8,
        4,
        7,
    )
    assert sent["stop"] == ["END"]
    assert sent["messages"] == [{"role": "user", "content": "Hello there"}]


async def test_what_is_not_chosen_is_left_to_the_endpoint(engine, server):
    await answer(engine)
    assert not {"temperature", "top_p", "max_tokens", "seed", "stop"} & set(server.requests[-1])


async def test_a_model_that_is_not_served_is_refused_with_those_that_are(server):
    with pytest.raises(ModelNotFound, match=f"not serve other .*serves {MODEL}"):
        await remote(server, model="other").start(quiet)


async def test_a_wrong_key_is_refused_and_never_repeated(server):
    engine = remote(server, api_key=SecretStr("sk-very-secret"))
    with pytest.raises(ProfileRefused, match="OUTRIDER_ENGINE__API_KEY") as refused:
        await engine.start(quiet)
    assert "sk-very-secret" not in str(refused.value) + repr(engine._settings)


async def test_an_endpoint_that_is_not_there_is_unavailable():
    settings = EngineSettings(profile="remote", base_url="http://127.0.0.1:9/v1")
    with pytest.raises(EngineUnavailable, match="can't be reached"):
        await RemoteEngine(settings, profile_named("remote")).start(quiet)


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, EngineOverloaded), (503, EngineOverloaded), (500, EngineUnavailable)],
)
async def test_refusals_are_our_errors(engine, server, status, error, monkeypatch):
    monkeypatch.setattr(remote_engine, "AWAY_SECONDS", 0.0)
    monkeypatch.setattr(remote_engine, "LOOK_SECONDS", 0.0)
    server.refusal = status
    with pytest.raises(error):
        await answer(engine)
    assert (await engine.health()).state == ("ready" if status == 429 else "away")
    server.refusal = None
    assert (await engine.health()).state == "ready"
    assert engine.statistics().requests_running == 0


A_FORM = {"format": OutputFormat("json_object")}


@pytest.mark.parametrize(
    ("said", "asked", "error"),
    [
        ({"code": "context_length_exceeded", "param": "messages"}, {}, PromptTooLong),
        ({"code": "context_length_exceeded"}, A_FORM | {"max_tokens": 9}, PromptTooLong),
        ({"code": None, "param": "response_format"}, A_FORM | {"max_tokens": 9}, BadGrammar),
        ({"code": 400, "param": None}, A_FORM, SamplingRefused),
        ({"code": ["odd"], "param": {"odd": 1}}, {}, SamplingRefused),
        ({"more": "x" * 100_000, "code": "context_length_exceeded"}, {}, SamplingRefused),
    ],
)
async def test_what_is_the_requests_own_fault_is_told_apart_and_never_in_the_endpoints_words(
    engine, server, said, asked, error
):
    server.refusal, server.error = 400, {"message": "private words", **said}
    with pytest.raises(error) as refused:
        await answer(engine, **asked)
    assert type(refused.value) is error
    assert not refused.value.retryable
    assert "private" not in str(refused.value)


@pytest.mark.parametrize(
    ("after", "code", "asked", "error"),
    [
        (0, 400, A_FORM, BadGrammar),
        (0, 400, {}, SamplingRefused),
        (0, 500, A_FORM, EngineUnavailable),
        (1, 400, {}, EngineUnavailable),
    ],
)
async def test_a_refusal_may_come_as_the_first_event_of_a_stream(
    engine, server, after, code, asked, error
):
    server.error_after, server.error = after, {"code": code, "param": None}
    with pytest.raises(error):
        await answer(engine, **asked)


@pytest.mark.parametrize("fault", ["break_after", "error_after"])
async def test_an_answer_that_breaks_off_is_an_error_and_no_ending(engine, server, fault):
    setattr(server, fault, 3)
    prompt = await engine.render(QUESTION)
    seen = []
    with pytest.raises(EngineUnavailable, match=re.escape("broke off")):
        async for delta in engine.generate(GenerationRequest("cut", prompt)):
            seen.append(delta)
    assert len(seen) == 3
    assert all(delta.finish_reason is None for delta in seen)


NO_LIST = ["null", "[1]", '{"data": 7}', '{"data": ["model"]}', "[" * 100_000, "<html>"]
NO_CHUNK = ["null", "7", '{"choices": "text"}', '{"choices": [{"delta": "text"}]}', "[" * 100_000]


def sending(monkeypatch, sent: str) -> None:
    """Whatever is asked, the endpoint sends this, in place of a list of models or of a chunk."""

    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=f"data: {sent}\n\n" if request.method == "POST" else sent)

    def client(self: RemoteEngine) -> httpx.AsyncClient:
        transport = httpx.MockTransport(respond)
        return httpx.AsyncClient(transport=transport, base_url="http://endpoint/v1")

    monkeypatch.setattr(RemoteEngine, "_new_client", client)


@pytest.mark.parametrize("sent", NO_LIST)
async def test_a_list_of_models_that_is_none_is_unreadable(monkeypatch, sent):
    sending(monkeypatch, sent)
    with pytest.raises(EngineUnavailable, match="unreadable"):
        await RemoteEngine(ADDRESSED, profile_named("remote")).start(quiet)


@pytest.mark.parametrize("sent", NO_CHUNK)
async def test_a_chunk_that_is_none_is_unreadable(monkeypatch, sent):
    engine = RemoteEngine(ADDRESSED, profile_named("remote"))
    sending(monkeypatch, '{"data": [{"id": "some-model"}]}')
    await engine.start(quiet)
    await engine.stop()
    sending(monkeypatch, sent)
    engine._client, engine._state = engine._new_client(), "ready"
    with pytest.raises(EngineUnavailable, match="unreadable"):
        await answer(engine)
    assert engine.statistics().requests_running == 0
    await engine.stop()


@pytest.mark.parametrize("sent", ["null", "[1]"])
async def test_an_endpoint_that_lists_no_models_any_more_is_away(monkeypatch, engine, sent):
    await engine.stop()
    sending(monkeypatch, sent)
    engine._client, engine._state = engine._new_client(), "ready"
    assert (await engine.health()).state == "away"


async def test_an_address_that_is_none_can_not_be_reached():
    settings = EngineSettings(profile="remote", base_url="http://[::1/v1")
    with pytest.raises(EngineUnavailable, match="BASE_URL"):
        await RemoteEngine(settings, profile_named("remote")).start(quiet)


@pytest.mark.parametrize("proxy", ["socks5://me:secret@127.0.0.1:1080", "socks://127.0.0.1:1080"])
async def test_a_proxy_that_can_not_be_used_is_named_without_its_password(monkeypatch, proxy):
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(EngineUnavailable, match="ALL_PROXY") as refused:
        await RemoteEngine(ADDRESSED, profile_named("remote")).start(quiet)
    assert "secret" not in str(refused.value)


async def test_a_character_that_other_formats_end_a_line_with_is_a_character(monkeypatch):
    engine = RemoteEngine(ADDRESSED, profile_named("remote"))
    said = {"delta": {"content": "a\u2028b\x85c"}, "finish_reason": "stop"}
    sending(monkeypatch, json.dumps({"choices": [said]}, ensure_ascii=False))
    engine._client, engine._state = engine._new_client(), "ready"
    assert "".join(delta.text for delta in await answer(engine)) == "a\u2028b\x85c"
    await engine.stop()


async def test_a_silent_endpoint_times_out(server):
    engine = remote(server, read_timeout_seconds=0.2)
    await engine.start(quiet)
    server.seconds_per_token = 5
    with pytest.raises(EngineUnavailable, match="in time"):
        await answer(engine)
    await engine.stop()


async def test_an_endpoint_that_answers_is_not_asked_all_the_time_and_one_that_failed_at_once(
    engine, server
):
    await engine.health()
    asked = server.asked_for_models
    for _ in range(5):
        assert (await engine.health()).state == "ready"
    assert server.asked_for_models == asked
    server.refusal = 500
    with pytest.raises(EngineUnavailable):
        await answer(engine)
    assert (await engine.health()).state == "away"


async def test_the_longest_answer_is_said_by_the_name_that_the_endpoint_knows(engine, server):
    server.longest = "max_completion_tokens"
    for _ in range(2):
        assert (await answer(engine, max_tokens=4))[-1].output_tokens == 4
    sent = [set(one) & {"max_tokens", "max_completion_tokens"} for one in server.requests]
    assert sent == [{"max_tokens"}, {"max_completion_tokens"}, {"max_completion_tokens"}]


async def test_where_the_endpoint_names_another_fault_the_other_name_is_not_tried(engine, server):
    server.refusal, server.error = 400, {"param": "response_format"}
    with pytest.raises(BadGrammar):
        await answer(engine, max_tokens=4)
    assert ["max_tokens" in sent for sent in server.requests] == [True]


# --- going on from an answer's text ---


@pytest.fixture
async def continuing(server):
    server.continues = True
    engine = remote(server)
    await engine.start(quiet)
    yield engine
    await engine.stop()


@pytest.mark.parametrize("cut", [1, 8, 30, 100])
async def test_an_endpoint_that_can_goes_on_from_the_text_so_far(continuing, server, cut):
    whole = text_of(await answer(continuing))
    first, *rest = await answer(continuing, whole[:cut])
    kept = whole[:cut].rstrip()
    assert (first.text, first.resumed) == ("", Resumed(0, kept))
    assert kept + text_of(rest) == whole
    sent = server.requests[-1]
    assert sent["messages"][-1] == {"role": "assistant", "content": kept}
    assert (sent["continue_final_message"], sent["add_generation_prompt"]) == (True, False)
    assert continuing.info.continues


async def test_what_was_said_before_is_counted_with_the_answer_and_not_with_the_prompt(
    continuing, server
):
    [*whole, plain] = await answer(continuing, max_tokens=40)
    first, *_, last = await answer(continuing, text_of(whole)[:80], max_tokens=40)
    said_before = len(first.resumed.text) // 4  # about so many tokens
    assert said_before > 10
    assert server.requests[-1]["max_tokens"] == 40 - said_before
    assert last.output_tokens == 40
    assert abs(last.prompt_tokens - plain.prompt_tokens) < 10


async def test_the_beginning_of_a_stop_string_is_generated_anew(continuing):
    first, *_ = await answer(continuing, "You wrote 1", stop=("1 message",))
    assert first.resumed == Resumed(0, "You wrote")


@pytest.mark.parametrize("chosen", [{"seed": 7}, {"logprobs": 0}, A_FORM])
async def test_what_a_beginning_would_change_begins_anew(continuing, server, chosen):
    first, *_ = await answer(continuing, "You wrote", **chosen)
    assert first.resumed == Resumed(0, "")
    assert "continue_final_message" not in server.requests[-1]


async def test_an_endpoint_that_refuses_to_go_on_answers_anew(continuing, server):
    whole = text_of(await answer(continuing))
    server.refuses_to_continue = True
    first, *rest = await answer(continuing, whole[:30])
    assert first.resumed == Resumed(0, "")
    assert text_of(rest) == whole


async def test_an_endpoint_of_which_it_is_not_known_is_never_asked_to_go_on(engine, server):
    first, *_ = await answer(engine, "You wrote")
    assert first.resumed == Resumed(0, "")
    assert "continue_final_message" not in server.requests[-1]
    assert not engine.info.continues
