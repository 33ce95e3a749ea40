"""The form of an answer, its tool calls and its probabilities: the same of every engine."""

from __future__ import annotations

import json

import jsonschema
import pytest

from inference.api import (
    ChatMessage,
    Delta,
    Engine,
    GenerationRequest,
    Image,
    OutputFormat,
    Sampling,
    Tool,
    ToolCall,
)
from inference.errors import BadGrammar, ImagesRefused
from inference.tool_calls import BEGIN
from tests.contract.test_engine import engine, ids_of, server, text_of

__all__ = ["engine", "server"]
pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "days": {"type": "integer"}},
    "required": ["days", "city"],
    "additionalProperties": False,
}
WEATHER = Tool("get_weather", "The weather in a city.", json.dumps(CITY))
TIME = Tool("get_time", "What time it is.", json.dumps({"type": "object", "properties": {}}))
QUESTION = [ChatMessage("user", "How is the weather in Paris?")]
SPOKEN = "🚀 👩‍🚀 你好，世界。"

only_demo = pytest.mark.parametrize(
    "engine", [pytest.param("demo", marks=pytest.mark.model)], indirect=True
)


async def ask(
    engine: Engine, messages: list[ChatMessage] = QUESTION, **sampling: object
) -> list[Delta]:
    chosen = Sampling(**({"temperature": 0.0, "max_tokens": 120} | sampling))
    prompt = await engine.render(messages, chosen)
    return [delta async for delta in engine.generate(GenerationRequest("one", prompt, chosen))]


def calls_of(deltas: list[Delta]) -> list[ToolCall]:
    return [call for delta in deltas for call in delta.tool_calls]


def check_call(call: ToolCall) -> None:
    assert call.id
    schemas = {tool.name: json.loads(tool.parameters) for tool in (WEATHER, TIME)}
    jsonschema.validate(json.loads(call.arguments), schemas[call.name])


async def test_an_answer_follows_a_json_schema(engine):
    deltas = await ask(engine, format=OutputFormat("json_schema", json.dumps(CITY)))
    jsonschema.validate(json.loads(text_of(deltas)), CITY)
    assert deltas[-1].finish_reason == "stop"


async def test_an_answer_is_one_of_the_choices(engine):
    wanted = OutputFormat("choice", choices=(SPOKEN, "no"))
    assert text_of(await ask(engine, format=wanted)) in (SPOKEN, "no")


async def test_a_form_beside_tools_may_have_the_mark_of_a_call_inside(engine):
    said = f"Hello! {BEGIN} is how a call begins."
    asked = [ChatMessage("user", "Say hello!")]
    wanted = OutputFormat("choice", choices=(said,))
    deltas = await ask(engine, asked, tools=(WEATHER,), format=wanted)
    assert (text_of(deltas), calls_of(deltas)) == (said, [])
    assert deltas[-1].finish_reason == "stop"


async def test_a_tool_that_must_be_called_is_called(engine):
    deltas = await ask(engine, tools=(TIME, WEATHER), tool_choice="get_weather")
    (call,) = calls_of(deltas)
    assert call.name == "get_weather"
    check_call(call)
    assert text_of(deltas) == ""
    assert deltas[-1].finish_reason == "tool_calls"
    assert deltas[-1].output_tokens > 0


async def test_where_a_call_is_required_one_comes(engine):
    tools = {"tools": (WEATHER, TIME), "tool_choice": "required"}
    calls = calls_of(await ask(engine, parallel_tool_calls=False, **tools))
    assert len(calls) == 1
    check_call(calls[0])


async def test_where_calls_are_free_there_is_text_or_a_call_that_is_right(engine):
    deltas = await ask(engine, tools=(WEATHER, TIME), max_tokens=60)
    assert text_of(deltas) or calls_of(deltas)
    for call in calls_of(deltas):
        check_call(call)


async def test_tools_that_may_not_be_called_are_not(engine):
    asked = [ChatMessage("user", "Call it, please.")]
    deltas = await ask(engine, asked, tools=(WEATHER,), tool_choice="none", max_tokens=20)
    assert (calls_of(deltas), text_of(deltas) != "") == ([], True)


async def test_a_tools_result_is_answered(engine):
    call = ToolCall("call_1", "get_weather", '{"city": "Paris", "days": 1}')
    result = ChatMessage("tool", "It is 7 degrees.", tool_call_id="call_1")
    told = [*QUESTION, ChatMessage("assistant", "", tool_calls=(call,)), result]
    # So small a model would call again: it is asked for one of two answers.
    wanted = OutputFormat("choice", choices=("It is 7 degrees.", "It is 30 degrees."))
    deltas = await ask(engine, told, tools=(WEATHER,), tool_choice="none", format=wanted)
    assert text_of(deltas) == "It is 7 degrees."
    assert calls_of(deltas) == []


async def test_each_token_has_its_probability_and_the_likeliest_beside_it(engine):
    deltas = await ask(engine, logprobs=3, max_tokens=8)
    given = [one for delta in deltas for one in delta.logprobs]
    assert "".join(one.token for one in given) == text_of(deltas)
    assert len(given) == deltas[-1].output_tokens
    for one in given:
        assert one.logprob <= 0
        assert 1 <= len(one.top) <= 3
        assert one.top[0][1] >= one.logprob  # greedy takes none that is less likely


async def test_without_being_asked_for_no_probabilities_come(engine):
    assert not [one for delta in await ask(engine, max_tokens=4) for one in delta.logprobs]


async def test_no_piece_ends_inside_a_character_whatever_form_it_has(engine):
    wanted = OutputFormat("choice", choices=(SPOKEN,))
    deltas = await ask(engine, format=wanted, logprobs=2)
    assert [delta.text for delta in deltas if "\ufffd" in delta.text] == []
    assert text_of(deltas) == SPOKEN
    said = "".join(one.token for delta in deltas for one in delta.logprobs)
    assert said == SPOKEN


async def test_an_image_is_refused_in_a_sentence_by_a_model_that_sees_none(engine):
    shown = ChatMessage("user", "What is this?", (Image("image/png", b"png", 4, 4),))
    with pytest.raises(ImagesRefused, match="sees no images"):
        await engine.render([shown])


async def test_an_answer_that_has_a_form_begins_again_after_an_interruption(engine):
    chosen = Sampling(
        temperature=0.0,
        max_tokens=120,
        format=OutputFormat("json_schema", json.dumps(CITY)),
    )
    prompt = await engine.render(QUESTION, chosen)
    whole = [one async for one in engine.generate(GenerationRequest("whole", prompt, chosen))]
    if not ids_of(whole):
        pytest.skip("this engine has no tokens to go on from")
    request = GenerationRequest("again", prompt, chosen, ids_of(whole)[:3])
    first, *rest = [delta async for delta in engine.generate(request)]
    assert (first.resumed.prefix_tokens, first.resumed.text) == (0, "")
    assert text_of(rest) == text_of(whole)


# --- what only an engine with a grammar and a real tokenizer can show ---


@only_demo
@pytest.mark.parametrize(
    ("wanted", "pattern"),
    [
        (OutputFormat("regex", r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), r"\d{4}-\d\d-\d\d"),
        (OutputFormat("grammar", 'root ::= ("yes" | "no") "!"'), r"(yes|no)!"),
        (OutputFormat("json_object"), r"\{.*\}"),
    ],
)
async def test_an_answer_follows_a_pattern_or_a_grammar(engine, wanted, pattern):
    import re

    text = text_of(await ask(engine, format=wanted, max_tokens=200))
    assert re.fullmatch(pattern, text, re.DOTALL)


@only_demo
async def test_a_schemas_order_is_the_answers(engine):
    fields = {"zebra": {"type": "integer"}, "ape": {"type": "integer"}}
    schema = json.dumps({"type": "object", "properties": fields, "required": [*fields]})
    text = text_of(await ask(engine, format=OutputFormat("json_schema", schema)))
    assert [*json.loads(text)] == ["zebra", "ape"]


@only_demo
async def test_with_a_form_and_tools_the_answer_is_the_one_or_calls_the_others(engine):
    wanted = OutputFormat("choice", choices=("yes", "no"))
    deltas = await ask(engine, format=wanted, tools=(WEATHER,))
    assert text_of(deltas) in ("yes", "no") or calls_of(deltas)


@only_demo
@pytest.mark.parametrize(
    "wanted",
    [
        OutputFormat("regex", "(("),
        OutputFormat("grammar", "root ::= nothing"),
        OutputFormat("json_schema", '{"type": "nonsense"}'),
        OutputFormat("json_schema", '{"$ref": "#/nowhere"}'),
        OutputFormat("json_schema", '{"type": "integer", "multipleOf": 3}'),
    ],
)
async def test_a_grammar_that_does_not_compile_is_refused_and_the_engine_goes_on(engine, wanted):
    with pytest.raises(BadGrammar, match="can't be made into a grammar"):
        await ask(engine, format=wanted)
    assert text_of(await ask(engine, max_tokens=4))


@only_demo
async def test_a_tools_schema_that_does_not_compile_is_refused(engine):
    wrong = Tool("wrong", parameters='{"properties": {"a": {"$ref": "#/nowhere"}}}')
    with pytest.raises(BadGrammar):
        await ask(engine, tools=(wrong,), tool_choice="required")


@only_demo
async def test_a_stop_string_is_named_where_it_ends_the_answer(engine):
    whole = text_of(await ask(engine, max_tokens=30))
    stop = whole.split()[4]
    last = (await ask(engine, max_tokens=30, stop=(stop,)))[-1]
    assert (last.finish_reason, last.stop_reason) == ("stop", stop)


@only_demo
async def test_a_penalty_changes_what_is_said(engine):
    asked = [ChatMessage("user", "Repeat: cat cat cat cat cat cat")]
    penalties = {"frequency_penalty": 2.0, "presence_penalty": 2.0}
    plain, other = [text_of(await ask(engine, asked, **more)) for more in ({}, penalties)]
    assert plain != other
